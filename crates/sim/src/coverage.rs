//! Which transitions have been made by which type of steps: a table of the events of runs and of the types of steps.

use std::fmt;

use domain::{
    ids::StepPath,
    runs::RunEvent,
    workflows::{BlockKind, Plan, Work},
};

/// The columns.
const KINDS: [&str; 10] = [
    "run",
    "agent",
    "sub_workflow",
    "wait_for_event",
    "validate",
    "delay",
    "parallel",
    "conditional",
    "loop",
    "fork_join",
];

/// The rows.
const EVENTS: [&str; 29] = [
    "started",
    "dispatched",
    "succeeded",
    "adopted",
    "retry scheduled",
    "failed",
    "block opened",
    "slot ended well",
    "slot failed",
    "block closed",
    "delayed",
    "passed",
    "child started",
    "child resumed",
    "event awaited",
    "event kept, heard, taken",
    "run completed",
    "run failed",
    "run cancelled",
    "paused",
    "unpaused",
    "resumed",
    "rerun",
    "skipped",
    "reported late",
    "progress told",
    "follow-up started",
    "follow-up left",
    "call made",
];

/// How often each transition was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Coverage([[u64; KINDS.len()]; EVENTS.len()]);

impl Coverage {
    pub(crate) fn add(&mut self, other: &Self) {
        let cells = self.0.iter_mut().flatten().zip(other.0.iter().flatten());
        cells.for_each(|(sum, more)| *sum += more);
    }

    pub(crate) fn event(&mut self, plan: &Plan, event: &RunEvent) {
        let (row, path) = row(event);
        self.0[row][path.map_or(0, |path| column(plan, path))] += 1;
    }

    pub(crate) fn call(&mut self, plan: &Plan, path: &StepPath) {
        self.0[EVENTS.len() - 1][column(plan, path)] += 1;
    }

    /// How many transitions were made at all, each counted once for each type of steps.
    pub(crate) fn covered(&self) -> usize {
        self.0.iter().flatten().filter(|count| **count > 0).count()
    }
}

/// The row of an event, and the step that it is about.
fn row(event: &RunEvent) -> (usize, Option<&StepPath>) {
    match event {
        RunEvent::Started { .. } | RunEvent::Replays { .. } | RunEvent::Follows { .. } => (0, None),
        RunEvent::StepDispatched { path, .. } => (1, Some(path)),
        RunEvent::StepSucceeded { path, .. } => (2, Some(path)),
        RunEvent::StepAdopted { path, .. } => (3, Some(path)),
        RunEvent::StepRetryScheduled { path, .. } => (4, Some(path)),
        RunEvent::StepFailed { path, .. } => (5, Some(path)),
        RunEvent::BlockOpened { path, .. } => (6, Some(path)),
        RunEvent::SlotEnded { path, error: None, .. } => (7, Some(path)),
        RunEvent::SlotEnded { path, error: Some(_), .. } => (8, Some(path)),
        RunEvent::BlockClosed { path } => (9, Some(path)),
        RunEvent::StepDelayed { path, .. } => (10, Some(path)),
        RunEvent::StepPassed { path } => (11, Some(path)),
        RunEvent::ChildStarted { path, .. } => (12, Some(path)),
        RunEvent::ChildResumed { path, .. } => (13, Some(path)),
        RunEvent::EventAwaited { path, .. } => (14, Some(path)),
        RunEvent::EventKept { .. } | RunEvent::EventHeard { .. } | RunEvent::EventTaken { .. } => (15, None),
        RunEvent::RunCompleted => (16, None),
        RunEvent::RunFailed { .. } => (17, None),
        RunEvent::RunCancelled { .. } => (18, None),
        RunEvent::RunPaused { .. } => (19, None),
        RunEvent::RunUnpaused { .. } => (20, None),
        RunEvent::RunResumed { .. } => (21, None),
        RunEvent::RunRerun { .. } => (22, None),
        RunEvent::StepSkipped { path, .. } => (23, Some(path)),
        RunEvent::StepReported { path } => (24, Some(path)),
        RunEvent::StepProgressed { path, .. } => (25, Some(path)),
        RunEvent::FollowUpStarted { .. } => (26, None),
        RunEvent::FollowUpLeft { .. } => (27, None),
    }
}

fn column(plan: &Plan, path: &StepPath) -> usize {
    plan.at(path).map_or(0, |step| match &step.work {
        Work::Agent(_) => 1,
        Work::Child(_) => 2,
        Work::Wait(_) => 3,
        Work::Check(_) => 4,
        Work::Delay(_) => 5,
        Work::Block(block) => match &block.kind {
            BlockKind::Parallel => 6,
            BlockKind::Conditional(_) => 7,
            BlockKind::Loop(_) => 8,
            BlockKind::ForkJoin(_) => 9,
        },
        Work::End(_) => 0,
    })
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<25}", "transitions")?;
        KINDS.iter().try_for_each(|kind| write!(f, "{kind:>15}"))?;
        for (name, row) in EVENTS.iter().zip(&self.0) {
            write!(f, "\n{name:<25}")?;
            for count in row {
                if *count == 0 { write!(f, "{:>15}", ".")? } else { write!(f, "{count:>15}")? }
            }
        }
        Ok(())
    }
}
