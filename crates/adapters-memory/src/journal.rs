//! Applying commits: the checks of the journal's port, in their order, and what an accepted commit changes.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{Epoch, RunId, Seq, StepExecutionId},
    planted::{self, Bug},
    ports::{RunJournal, StoreError},
    runs::{
        AdvanceRun, CancelRun, ClosedAttempt, CommitOutcome, EventRecord, ResumeRun, Run, RunCommit, RunEngine,
        RunEvent, RunStatus, RunUpdate, StartRun, StepExecution, StepStatus, Wake,
    },
};

use crate::{
    MemoryStore,
    table::{Entry, Head, Phase, RunTable},
};

#[async_trait]
impl RunJournal for MemoryStore {
    async fn commit(&self, batch: Arc<[RunCommit]>) -> Result<Vec<CommitOutcome>, StoreError> {
        Ok(self.commit_now(&batch))
    }
}

impl RunTable {
    pub(crate) fn commit(&mut self, commit: &RunCommit) -> CommitOutcome {
        match commit {
            RunCommit::Start(start) => self.start(start),
            RunCommit::Advance(advance) => self.advance(advance),
            RunCommit::Cancel(cancel) => self.cancel(cancel),
            RunCommit::Resume(resume) => self.resume(resume),
            RunCommit::Adopt(adopt) => self.adopt(adopt),
        }
    }

    fn start(&mut self, start: &StartRun) -> CommitOutcome {
        if let Some(entry) = self.get(&start.run) {
            let same = entry.commit_at(Seq::new(1)) == Some(start.commit);
            return if same { CommitOutcome::AlreadyApplied } else { CommitOutcome::Duplicate };
        }
        let head = Head {
            seq: after(Seq::default(), &start.events),
            epoch: Epoch::new(u64::from(start.owner.is_some())),
            owner: start.owner,
            phase: Phase::of(start.status),
            wake_at: start.wake_at(),
        };
        let mut run = Run {
            id: start.run.clone(),
            workflow: start.workflow.into(),
            workflow_name: start.workflow_name.clone(),
            workflow_version: Some(start.workflow_version),
            engine: RunEngine::Orrery,
            plan: Some(start.plan),
            status: start.status,
            paused: false,
            input: start.input.clone(),
            triggered_by: Some(start.triggered_by.clone()),
            labels: start.labels.clone(),
            created_at: start.at,
            starts_at: start.starts_at,
            updated_at: start.at,
            completed_at: None,
            cancelled_at: None,
            cancelled_by: None,
            error: None,
            parent: start.parent.as_ref().map(|parent| parent.run.clone()),
            output: None,
        };
        update(&mut run, &RunUpdate::to(start.status, first_error(&start.events)), start.at);
        let history =
            record(Seq::default(), start.commit, start.at, start.events.clone()).into_iter().collect::<Vec<_>>();
        let number = self.len();
        self.insert(Entry { parent: start.parent.clone(), ..Entry::new(number, head, run, history) });
        CommitOutcome::Committed
    }

    fn advance(&mut self, advance: &AdvanceRun) -> CommitOutcome {
        let Some(entry) = self.get_mut(&advance.run) else { return CommitOutcome::Gone };
        let head = entry.head;
        // A commit without events leaves no record; giving back twice what is given back already is harmless.
        if !advance.events.is_empty() && entry.commit_at(advance.seq.next()) == Some(advance.commit) {
            return CommitOutcome::AlreadyApplied;
        }
        if head.epoch != advance.epoch && !planted::is(Bug::EpochUnchecked) {
            return CommitOutcome::Fenced;
        }
        if head.phase.is_terminal() {
            return CommitOutcome::Absorbed;
        }
        if head.seq != advance.seq {
            return CommitOutcome::Moved;
        }
        let before = entry.run.status;
        if let Some(change) = &advance.update {
            update(&mut entry.run, change, advance.at);
        }
        for closed in &advance.closed {
            let row = || step_row(&entry.run, closed);
            entry.steps.entry(closed.execution).or_insert_with(row);
        }
        entry.history.extend(record(advance.seq, advance.commit, advance.at, advance.events.clone()));
        entry.inbox.drain(&advance.drained);
        let mut head = advanced(head, advance);
        if head.phase.is_terminal() {
            entry.inbox.clear();
        } else if head.owner.is_none() && !entry.inbox.is_empty() {
            head.wake_at = Some(head.wake_at.map_or(advance.at, |at| at.min(advance.at)));
        }
        for wait in &advance.outward.waits {
            entry.waits.insert(wait.path.clone(), (wait.event.clone(), wait.correlation.clone()));
        }
        for path in &advance.outward.settled {
            entry.waits.remove(path);
        }
        self.set_head(&advance.run, head);
        self.note_change(&advance.run, before);
        for child in &advance.outward.children {
            self.start(child);
        }
        for note in &advance.outward.notes {
            self.tell(note);
        }
        if let Some(entry) = self.entries.get(&advance.run) {
            self.dead_letters.change(&entry.run, advance);
        }
        CommitOutcome::Committed
    }

    fn cancel(&mut self, cancel: &CancelRun) -> CommitOutcome {
        let Some(entry) = self.get_mut(&cancel.run) else {
            if cancel.ahead {
                self.early.entry(cancel.run.clone()).or_insert_with(|| cancel.clone());
            }
            return CommitOutcome::Gone;
        };
        let head = entry.head;
        if entry.has(cancel.commit) {
            return CommitOutcome::AlreadyApplied;
        }
        if head.phase.is_terminal() {
            return CommitOutcome::Absorbed;
        }
        entry.inbox.clear();
        entry.waits.clear();
        let parent = entry.parent.clone();
        let run = &mut entry.run;
        let before = run.status;
        run.status = RunStatus::Cancelled;
        run.paused = false;
        run.updated_at = cancel.at;
        run.cancelled_at = Some(cancel.at);
        run.cancelled_by = Some(cancel.by.clone());
        run.error = cancel.message().or_else(|| run.error.take());
        entry.history.extend(record(head.seq, cancel.commit, cancel.at, vec![cancel.event()]));
        let seq = if planted::is(Bug::CancelKeepsSequence) { head.seq } else { head.seq.next() };
        self.set_head(&cancel.run, Head { seq, phase: Phase::Stopped, ..head });
        self.note_change(&cancel.run, before);
        if let Some(parent) = parent {
            self.tell(&cancel.tells_parent(&parent.run, &parent.path));
        }
        let is_child = |entry: &&Entry| entry.run.parent.as_ref() == Some(&cancel.run);
        let children: Vec<RunId> = self.entries().filter(is_child).map(|entry| entry.run.id.clone()).collect();
        for child in children {
            self.tell(&cancel.tells_child(child));
        }
        CommitOutcome::Committed
    }

    fn resume(&mut self, resume: &ResumeRun) -> CommitOutcome {
        let Some(entry) = self.get_mut(&resume.run) else { return CommitOutcome::Gone };
        let head = entry.head;
        if entry.has(resume.commit) {
            return CommitOutcome::AlreadyApplied;
        }
        let run = &mut entry.run;
        if !resume.takes(run.status) {
            return CommitOutcome::Absorbed;
        }
        let before = run.status;
        run.status = RunStatus::Pending;
        run.paused = false;
        run.updated_at = resume.at;
        (run.completed_at, run.cancelled_at, run.cancelled_by, run.error) = (None, None, None, None);
        run.output = None;
        entry.history.extend(record(head.seq, resume.commit, resume.at, vec![resume.event()]));
        let (seq, epoch, wake_at) = (head.seq.next(), head.epoch.next(), Some(resume.at));
        self.set_head(&resume.run, Head { seq, epoch, owner: None, phase: Phase::Live, wake_at });
        self.note_change(&resume.run, before);
        if let Some(note) = resume.note() {
            self.tell(&note);
        }
        CommitOutcome::Committed
    }
}

/// The head after an accepted advance.
fn advanced(head: Head, advance: &AdvanceRun) -> Head {
    let (owner, wake_at) = match advance.wake {
        Wake::Owned => (head.owner, head.wake_at),
        Wake::At(at) => (None, Some(at)),
        Wake::Asleep | Wake::Never => (None, None),
    };
    Head {
        seq: after(advance.seq, &advance.events),
        epoch: head.epoch,
        owner,
        phase: advance.update.as_ref().map_or(Phase::Live, |update| Phase::of(update.status)),
        wake_at,
    }
}

pub(crate) fn after(seq: Seq, events: &[RunEvent]) -> Seq {
    Seq::new(seq.get() + events.len() as u64)
}

pub(crate) fn record(
    seq: Seq,
    commit: domain::ids::CommitId,
    at: Timestamp,
    events: Vec<RunEvent>,
) -> Option<EventRecord> {
    (!events.is_empty()).then(|| EventRecord { first: seq.next(), commit, at, events })
}

/// Why a run failed that failed at its very start.
fn first_error(events: &[RunEvent]) -> Option<String> {
    events.iter().rev().find_map(|event| match event {
        RunEvent::RunFailed { error } => Some(error.clone()),
        _ => None,
    })
}

fn update(run: &mut Run, update: &RunUpdate, at: Timestamp) {
    run.status = update.status;
    run.paused = update.paused;
    run.error.clone_from(&update.error);
    run.updated_at = at;
    if matches!(update.status, RunStatus::Completed | RunStatus::Failed) {
        run.completed_at = Some(at);
    }
    if update.status == RunStatus::Cancelled {
        run.cancelled_at = Some(at);
        run.cancelled_by = update.cancelled_by.clone().or_else(|| run.cancelled_by.take());
    }
    run.output = update.output.clone().or_else(|| run.output.take());
}

fn step_row(run: &Run, closed: &ClosedAttempt) -> StepExecution {
    StepExecution {
        id: StepExecutionId::derive(&run.id, &closed.step, closed.execution),
        execution: Some(closed.execution),
        run: run.id.clone(),
        step: closed.step.clone(),
        path: closed.path.clone(),
        agent: closed.agent.clone(),
        status: if closed.error.is_none() { StepStatus::Completed } else { StepStatus::Failed },
        attempt: closed.attempt,
        input: closed.input.clone(),
        output: closed.output.clone(),
        started_at: closed.started_at,
        completed_at: Some(closed.completed_at),
        error: closed.error.clone(),
    }
}
