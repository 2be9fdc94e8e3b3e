//! What a store writes for a run, as values: many commits of many runs can share one transaction, and each gets an
//! outcome of its own.

use std::sync::Arc;

use super::{
    adopt::AdoptRun,
    child::{ChildOutcome, Parent},
    dead_letter::DeadLetter,
    event::RunEvent,
    event_wait::EventWait,
    inbox::InboxMessage,
    labels::Labels,
    origin::RunOrigin,
    rerun::Rerun,
    state::RunStatus,
};
use crate::{
    Timestamp,
    agents::AgentName,
    audit::AuditEntry,
    ids::{CommitId, DeadLetterId, Epoch, ExecutorId, InboxId, PlanHash, RunId, Seq, StepId, StepPath, WorkflowId},
    payload::Payload,
    ports::InboxNote,
    trace::TraceParent,
};

/// One commit to one run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunCommit {
    /// A new run.
    Start(StartRun),
    /// The next events of a run, made by its owner.
    Advance(AdvanceRun),
    /// A cancellation; it needs no knowledge of the run and cannot be starved.
    Cancel(CancelRun),
    /// A failed or cancelled run is to be done after all; whoever claims it goes on with the unfinished work.
    Resume(ResumeRun),
    /// A run that somebody else asked for or began.
    Adopt(AdoptRun),
}

impl RunCommit {
    /// The run.
    pub fn run(&self) -> &RunId {
        match self {
            Self::Start(start) => &start.run,
            Self::Advance(advance) => &advance.run,
            Self::Cancel(cancel) => &cancel.run,
            Self::Resume(resume) => &resume.run,
            Self::Adopt(adopt) => &adopt.run,
        }
    }

    /// The commit's id.
    pub fn id(&self) -> CommitId {
        match self {
            Self::Start(start) => start.commit,
            Self::Advance(advance) => advance.commit,
            Self::Cancel(cancel) => cancel.commit,
            Self::Resume(resume) => resume.commit,
            Self::Adopt(adopt) => adopt.commit,
        }
    }

    /// When it was decided.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Start(start) => start.at,
            Self::Advance(advance) => advance.at,
            Self::Cancel(cancel) => cancel.at,
            Self::Resume(resume) => resume.at,
            Self::Adopt(adopt) => adopt.at,
        }
    }

    /// What the audit log tells of it if it is `Committed`.
    pub fn audit(&self) -> Option<&AuditEntry> {
        match self {
            Self::Start(start) => start.audit.as_deref(),
            Self::Cancel(cancel) => cancel.audit.as_deref(),
            Self::Resume(resume) => resume.audit.as_deref(),
            Self::Adopt(adopt) => adopt.audit.as_deref(),
            Self::Advance(_) => None,
        }
    }

    /// About how many bytes of payload the commit carries.
    pub fn weight(&self) -> usize {
        match self {
            Self::Start(start) => start.input.text().len(),
            Self::Adopt(adopt) => adopt.input.text().len(),
            Self::Advance(advance) => {
                let bytes = |closed: &ClosedAttempt| {
                    closed.input.text().len() + closed.output.as_ref().map_or(0, |o| o.text().len())
                };
                advance.closed.iter().map(bytes).sum::<usize>()
                    + advance.update.as_ref().and_then(|update| update.output.as_ref()).map_or(0, |o| o.text().len())
                    + advance.outward.weight()
            }
            Self::Resume(ResumeRun { what: Resumption::Skipping { output, .. }, .. }) => output.text().len(),
            Self::Cancel(_) | Self::Resume(_) => 0,
        }
    }
}

/// A new run.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRun {
    /// The commit.
    pub commit: CommitId,
    /// The run.
    pub run: RunId,
    /// The workflow as it was addressed.
    pub workflow: WorkflowId,
    /// Its name.
    pub workflow_name: String,
    /// The number of the version that the run executes.
    pub workflow_version: u32,
    /// The plan that it is pinned to; already stored.
    pub plan: PlanHash,
    /// The run's input.
    pub input: Payload,
    /// Who started it.
    pub triggered_by: String,
    /// Its labels.
    pub labels: Labels,
    /// When.
    pub at: Timestamp,
    /// When it may begin, if that is later; nobody takes it before.
    pub starts_at: Option<Timestamp>,
    /// The first events.
    pub events: Vec<RunEvent>,
    /// The status after them.
    pub status: RunStatus,
    /// The executor that takes the run at once; without one the run waits to be claimed.
    pub owner: Option<ExecutorId>,
    /// The step of another run that starts it.
    pub parent: Option<Parent>,
    /// What the audit log tells of it, in the same transaction and only if it is `Committed`; none where no principal is behind
    /// it.
    pub audit: Option<Arc<AuditEntry>>,
}

impl StartRun {
    /// When it wants an executor, if it has none.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.owner.is_none().then(|| self.starts_at.unwrap_or(self.at))
    }
}

/// When a run wants its next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The owner keeps it; nobody else is to wake it.
    Owned,
    /// It is given back, to be claimed from this time on.
    At(Timestamp),
    /// It is given back, and nothing but its inbox wakes it.
    Asleep,
    /// It is given back for good: the run is terminal.
    Never,
}

/// The next events of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct AdvanceRun {
    /// The commit.
    pub commit: CommitId,
    /// The run.
    pub run: RunId,
    /// The epoch under which it was decided; another one in the store means another owner.
    pub epoch: Epoch,
    /// The number of the event that the decision was based on.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// From where the run comes, for whoever tells of the commit; nothing of it is stored.
    pub origin: RunOrigin,
    /// The events; the first has the number `seq + 1`. May be empty where a run is only given back.
    pub events: Vec<RunEvent>,
    /// The attempts that ended.
    pub closed: Vec<ClosedAttempt>,
    /// What changes in the run's row; `None` while its status stays.
    pub update: Option<RunUpdate>,
    /// The messages of the run's inbox that were taken into account, and go with this commit.
    pub drained: Vec<InboxId>,
    /// Who looks after the run from now on.
    pub wake: Wake,
    /// What changes beyond the run; nothing for nearly every commit.
    pub outward: Outward,
}

/// What a commit changes beyond its own run, in the same transaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outward {
    /// Runs that it starts. One that is there already stays as it is.
    pub children: Vec<StartRun>,
    /// What other runs are told. A run that is over, or is not there, is told nothing.
    pub notes: Vec<InboxNote>,
    /// The events that steps of the run wait for from now on.
    pub waits: Vec<EventWait>,
    /// The steps of the run that do not wait any more.
    pub settled: Vec<StepPath>,
    /// The steps of the run that have failed for good.
    pub dead_letters: Vec<DeadLetter>,
    /// The entries among the dead letters whose work has been done after all.
    pub resolved: Vec<DeadLetterId>,
}

impl Outward {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
            && self.notes.is_empty()
            && self.waits.is_empty()
            && self.settled.is_empty()
            && self.dead_letters.is_empty()
            && self.resolved.is_empty()
    }

    /// Adds what follows.
    pub fn append(&mut self, mut more: Self) {
        self.children.append(&mut more.children);
        self.notes.append(&mut more.notes);
        self.waits.append(&mut more.waits);
        self.settled.append(&mut more.settled);
        self.dead_letters.append(&mut more.dead_letters);
        self.resolved.append(&mut more.resolved);
    }

    /// About how many bytes of payload it carries.
    fn weight(&self) -> usize {
        let inputs = self.children.iter().map(|child| child.input.text().len());
        let outputs = self.notes.iter().map(|note| match &note.message {
            InboxMessage::ChildEnded { outcome: ChildOutcome::Completed { output }, .. } => output.text().len(),
            _ => 0,
        });
        inputs.chain(outputs).sum()
    }
}

/// What changes in a run's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUpdate {
    /// The new status.
    pub status: RunStatus,
    /// The new message; none clears it.
    pub error: Option<String>,
    /// Whether nothing new is to be begun.
    pub paused: bool,
    /// The output of a run that has completed.
    pub output: Option<Payload>,
    /// Who cancelled it, where it ends because another run does.
    pub cancelled_by: Option<String>,
}

impl RunUpdate {
    /// A change of the status, and of the message.
    pub fn to(status: RunStatus, error: Option<String>) -> Self {
        Self { status, error, paused: false, output: None, cancelled_by: None }
    }
}

/// An attempt that ended: the complete row, written once.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedAttempt {
    /// Names the row within the run.
    pub execution: Seq,
    /// The step's id.
    pub step: StepId,
    /// The step's place.
    pub path: StepPath,
    /// The agent.
    pub agent: AgentName,
    /// Which policy attempt.
    pub attempt: u32,
    /// See [`RunEvent::StepDispatched`].
    pub generation: u32,
    /// See [`RunEvent::StepDispatched`].
    pub round: u32,
    /// What was sent.
    pub input: Payload,
    /// What came back; none for a failure.
    pub output: Option<Payload>,
    /// Why it failed; none for a success.
    pub error: Option<String>,
    /// When it was dispatched.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Timestamp,
}

/// A cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRun {
    /// The commit.
    pub commit: CommitId,
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// Whether a run that is not there yet is cancelled too, as soon as it is adopted.
    pub ahead: bool,
    /// From where the run was started, as far as that is known, for whoever tells of the commit.
    pub from: Option<TraceParent>,
    /// What the audit log tells of it, in the same transaction and only if it is `Committed`; none where no principal is behind
    /// it.
    pub audit: Option<Arc<AuditEntry>>,
}

impl CancelRun {
    /// The one event of a cancellation; its number is the store's to give.
    pub fn event(&self) -> RunEvent {
        RunEvent::RunCancelled { by: self.by.clone(), reason: self.reason.clone() }
    }

    /// What the run that started this one is told.
    pub fn tells_parent(&self, parent: &RunId, path: &StepPath) -> InboxNote {
        let parent = Parent { run: parent.clone(), path: path.clone(), depth: 0, following: 0 };
        parent.told(
            &self.run,
            ChildOutcome::Cancelled { error: self.message(), by_parent: false },
            self.commit,
            self.at,
        )
    }

    /// What a run that this one has started is told.
    pub fn tells_child(&self, child: RunId) -> InboxNote {
        let reason = Some(format!("The run '{}' that started it was cancelled", self.run));
        let message = InboxMessage::Cancel { by: self.by.clone(), reason };
        InboxNote { run: child, dedupe: format!("cancel-{}", self.commit), message, at: self.at }
    }

    /// The message of the run's row; none leaves an old one in place (contract 1.8).
    pub fn message(&self) -> Option<String> {
        self.reason.as_ref().map(|reason| format!("Cancelled: {reason}"))
    }
}

/// A resume of a terminal run, as blind as a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeRun {
    /// What is to be done.
    pub what: Resumption,
    /// The commit.
    pub commit: CommitId,
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// From where the run was started, as far as that is known, for whoever tells of the commit.
    pub from: Option<TraceParent>,
    /// What the audit log tells of it, in the same transaction and only if it is `Committed`; none where no principal is behind
    /// it.
    pub audit: Option<Arc<AuditEntry>>,
}

/// What a terminal run is to do after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumption {
    /// What has failed or was cut.
    Unfinished,
    /// A step and what follows it, though they are done; and what has failed or was cut.
    From(Rerun),
    /// What has failed or was cut, but for a step that is given its output.
    Skipping {
        /// The step.
        path: StepPath,
        /// Its output.
        output: Payload,
    },
}

impl ResumeRun {
    /// The one event of a resume; its number is the store's to give.
    pub fn event(&self) -> RunEvent {
        match &self.what {
            Resumption::Unfinished | Resumption::Skipping { .. } => RunEvent::RunResumed { by: self.by.clone() },
            Resumption::From(rerun) => RunEvent::RunRerun { by: self.by.clone(), rerun: rerun.clone() },
        }
    }

    /// Whether a run that ended with this status is resumed.
    pub fn takes(&self, status: RunStatus) -> bool {
        match status {
            RunStatus::Pending | RunStatus::Running => false,
            RunStatus::Failed | RunStatus::Cancelled => true,
            RunStatus::Completed => matches!(self.what, Resumption::From(_)),
        }
    }

    /// What the run is told, in the same transaction, before anything is begun in it.
    pub fn note(&self) -> Option<InboxNote> {
        let Resumption::Skipping { path, output } = &self.what else { return None };
        let message = InboxMessage::Skip { path: path.clone(), output: output.clone(), by: self.by.clone() };
        Some(InboxNote { run: self.run.clone(), dedupe: format!("skip-{}", self.commit), message, at: self.at })
    }
}

/// What became of one commit. Expected refusals are outcomes, never errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is durable.
    Committed,
    /// The very same commit was durable before.
    AlreadyApplied,
    /// Another executor owns the run: drop the state, abort its calls.
    Fenced,
    /// The run has other events than the decision was based on: load them and decide again.
    Moved,
    /// The run's status does not allow it: it is terminal and stays so; or, for a resume, it is neither failed nor cancelled.
    Absorbed,
    /// There is such a run already, started by another commit.
    Duplicate,
    /// There is no such run.
    Gone,
    /// The store cannot hold its data, now or ever.
    Unstorable,
}
