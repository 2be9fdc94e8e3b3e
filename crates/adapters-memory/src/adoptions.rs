//! Runs that foreign producers asked for. Every run of this store has events, so nobody else's rows are ever taken.

use domain::{
    ids::{Epoch, Seq},
    runs::{AdoptRun, CommitOutcome, Labels, Run, RunEngine, RunEvent, RunStatus},
};

use crate::{
    journal::{after, record},
    table::{Entry, Head, Phase, RunTable},
};

impl RunTable {
    pub(crate) fn adopt(&mut self, adopt: &AdoptRun) -> CommitOutcome {
        if let Some(entry) = self.get(&adopt.run) {
            return if entry.has(adopt.commit) { CommitOutcome::AlreadyApplied } else { CommitOutcome::Duplicate };
        }
        let mut run = adopted_row(adopt);
        let (events, status, outcome) = if let Some(cancel) = self.early.remove(&adopt.run) {
            (run.cancelled_at, run.cancelled_by) = (Some(adopt.at), Some(cancel.by.clone()));
            run.error = cancel.message();
            let events = vec![
                RunEvent::Started { plan: adopt.plan, parent: None, starts_at: None, trace: None },
                cancel.event(),
            ];
            (events, RunStatus::Cancelled, CommitOutcome::Absorbed)
        } else {
            let (events, status) = adopt.events(0);
            run.error.clone_from(&adopt.failure);
            run.completed_at = (status == RunStatus::Failed).then_some(adopt.at);
            (events, status, CommitOutcome::Committed)
        };
        run.status = status;
        let head = Head {
            seq: after(Seq::default(), &events),
            epoch: Epoch::default(),
            owner: None,
            phase: Phase::of(status),
            wake_at: Some(adopt.at),
        };
        let history = record(Seq::default(), adopt.commit, adopt.at, events).into_iter().collect();
        let number = self.len();
        self.insert(Entry::new(number, head, run, history));
        outcome
    }
}

/// The row of a run that nobody knows, before anything happens to it.
fn adopted_row(adopt: &AdoptRun) -> Run {
    Run {
        id: adopt.run.clone(),
        workflow: adopt.workflow.clone(),
        workflow_name: adopt.workflow_name.clone(),
        workflow_version: None,
        engine: RunEngine::Orrery,
        plan: Some(adopt.plan),
        status: RunStatus::Pending,
        paused: false,
        input: adopt.input.clone(),
        triggered_by: None,
        labels: Labels::default(),
        created_at: adopt.at,
        starts_at: None,
        updated_at: adopt.at,
        completed_at: None,
        cancelled_at: None,
        cancelled_by: None,
        error: None,
        parent: None,
        output: None,
    }
}
