//! What is told of a run to those who follow it: its events, each with what its place, its plan and the row of its attempt add.

use std::{collections::HashMap, time::Duration};

use super::{
    event::{EventRecord, RunEvent},
    state::RunStatus,
    view::StepStatus,
};
use crate::{
    Timestamp,
    agents::AgentName,
    ids::{RunId, Seq, StepPath},
    workflows::Plan,
};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTip {
    /// The number of its last event; zero for a run without events.
    pub last: Seq,
    /// Its status.
    pub status: RunStatus,
}

/// An event with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedEvent {
    /// The number; the first of a run is 1, and none is left out.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// The event.
    pub event: RunEvent,
}

impl NumberedEvent {
    /// The events of records after a number, at most so many.
    pub fn of(records: Vec<EventRecord>, after: Seq, limit: u32) -> Vec<Self> {
        let numbered = records.into_iter().flat_map(|record| {
            let (first, at) = (record.first.get(), record.at);
            (first..).zip(record.events).map(move |(seq, event)| Self { seq: Seq::new(seq), at, event })
        });
        numbered.filter(|event| event.seq > after).take(limit as usize).collect()
    }
}

/// The row of an ended attempt, but for its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedAttempt {
    /// The number of the event that began it.
    pub execution: Seq,
    /// Which policy attempt, from 1.
    pub attempt: u32,
    /// The agent, or what stands in its place.
    pub agent: AgentName,
    /// Its status.
    pub status: StepStatus,
    /// When it was dispatched.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

impl EndedAttempt {
    /// How long it took.
    pub fn lasted(&self) -> Option<Duration> {
        (self.completed_at? - self.started_at).to_std().ok()
    }
}

/// An event as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEvent {
    /// The event.
    pub numbered: NumberedEvent,
    /// The agent of its step, or what stands in its place, where the plan is known and says so.
    pub agent: Option<AgentName>,
    /// The attempt that it ended, where it ended one.
    pub ended: Option<EndedAttempt>,
}

impl ToldEvent {
    /// Events with what their plan and the rows of ended attempts add.
    pub fn tell(plan: Option<&Plan>, events: Vec<NumberedEvent>, ended: Vec<EndedAttempt>) -> Vec<Self> {
        let mut ended: HashMap<Seq, EndedAttempt> = ended.into_iter().map(|row| (row.execution, row)).collect();
        let told = |numbered: NumberedEvent| {
            let row = numbered.event.ends().and_then(|execution| ended.remove(&execution));
            let planned = || plan?.at(numbered.event.path()?)?.performer().cloned();
            let agent = row.as_ref().map(|row| row.agent.clone()).or_else(planned);
            Self { numbered, agent, ended: row }
        };
        events.into_iter().map(told).collect()
    }

    /// Which policy attempt of its step it is about, where that is known.
    pub fn attempt(&self) -> Option<u32> {
        match &self.numbered.event {
            RunEvent::StepDispatched { attempt, .. } => Some(*attempt),
            _ => self.ended.as_ref().map(|row| row.attempt),
        }
    }

    /// What somebody else said about it: why an attempt failed, how an agent is getting on, why people did something. It may hold
    /// data.
    pub fn words(&self) -> Option<&str> {
        let own = match &self.numbered.event {
            RunEvent::RunFailed { error } => Some(error),
            RunEvent::SlotEnded { error, .. } => error.as_ref(),
            RunEvent::RunCancelled { reason, .. } | RunEvent::RunPaused { reason, .. } => reason.as_ref(),
            RunEvent::StepProgressed { message, .. } => Some(message),
            RunEvent::FollowUpLeft { reason, .. } => Some(reason),
            _ => None,
        };
        own.or_else(|| self.ended.as_ref()?.error.as_ref()).map(String::as_str)
    }
}

impl RunEvent {
    /// Its kind: the tag of the stored form.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Replays { .. } => "replays",
            Self::StepDispatched { .. } => "step_dispatched",
            Self::StepSucceeded { .. } => "step_succeeded",
            Self::StepAdopted { .. } => "step_adopted",
            Self::StepRetryScheduled { .. } => "step_retry_scheduled",
            Self::StepFailed { .. } => "step_failed",
            Self::BlockOpened { .. } => "block_opened",
            Self::SlotEnded { .. } => "slot_ended",
            Self::BlockClosed { .. } => "block_closed",
            Self::StepDelayed { .. } => "step_delayed",
            Self::StepPassed { .. } => "step_passed",
            Self::ChildStarted { .. } => "child_started",
            Self::ChildResumed { .. } => "child_resumed",
            Self::EventAwaited { .. } => "event_awaited",
            Self::EventKept { .. } => "event_kept",
            Self::EventHeard { .. } => "event_heard",
            Self::EventTaken { .. } => "event_taken",
            Self::StepReported { .. } => "step_reported",
            Self::StepProgressed { .. } => "step_progressed",
            Self::Follows { .. } => "follows",
            Self::FollowUpStarted { .. } => "follow_up_started",
            Self::FollowUpLeft { .. } => "follow_up_left",
            Self::RunCompleted => "run_completed",
            Self::RunFailed { .. } => "run_failed",
            Self::RunCancelled { .. } => "run_cancelled",
            Self::RunPaused { .. } => "run_paused",
            Self::RunUnpaused { .. } => "run_unpaused",
            Self::RunResumed { .. } => "run_resumed",
            Self::RunRerun { .. } => "run_rerun",
            Self::StepSkipped { .. } => "step_skipped",
        }
    }

    /// The step or block that it is about.
    pub fn path(&self) -> Option<&StepPath> {
        match self {
            Self::StepDispatched { path, .. }
            | Self::StepSucceeded { path, .. }
            | Self::StepAdopted { path, .. }
            | Self::StepRetryScheduled { path, .. }
            | Self::StepFailed { path, .. }
            | Self::BlockOpened { path, .. }
            | Self::SlotEnded { path, .. }
            | Self::BlockClosed { path }
            | Self::StepDelayed { path, .. }
            | Self::StepPassed { path }
            | Self::ChildStarted { path, .. }
            | Self::ChildResumed { path, .. }
            | Self::EventAwaited { path, .. }
            | Self::StepReported { path }
            | Self::StepProgressed { path, .. }
            | Self::StepSkipped { path, .. } => Some(path),
            Self::RunRerun { rerun, .. } => Some(&rerun.from),
            // The step that it replays belongs to another run.
            Self::Replays { .. }
            | Self::Started { .. }
            | Self::EventKept { .. }
            | Self::EventHeard { .. }
            | Self::EventTaken { .. }
            | Self::Follows { .. }
            | Self::FollowUpStarted { .. }
            | Self::FollowUpLeft { .. }
            | Self::RunCompleted
            | Self::RunFailed { .. }
            | Self::RunCancelled { .. }
            | Self::RunPaused { .. }
            | Self::RunUnpaused { .. }
            | Self::RunResumed { .. } => None,
        }
    }

    /// The attempt that it ends; its row is written in the same commit.
    pub fn ends(&self) -> Option<Seq> {
        match self {
            Self::StepSucceeded { execution, .. }
            | Self::StepAdopted { execution, .. }
            | Self::StepRetryScheduled { execution, .. } => Some(*execution),
            Self::StepFailed { execution, .. } => *execution,
            _ => None,
        }
    }

    /// Who is told to have done it.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::RunCancelled { by, .. }
            | Self::RunPaused { by, .. }
            | Self::RunUnpaused { by }
            | Self::RunResumed { by }
            | Self::RunRerun { by, .. }
            | Self::StepSkipped { by, .. } => Some(by),
            _ => None,
        }
    }

    /// The run that it names beside its own: the one that follows, the one that is followed.
    pub fn other_run(&self) -> Option<&RunId> {
        match self {
            Self::Follows { run, .. } | Self::FollowUpStarted { run, .. } => Some(run),
            _ => None,
        }
    }

    /// The place in the document's `on_complete` that it is about, from 0.
    pub fn follow_up(&self) -> Option<u32> {
        match self {
            Self::FollowUpStarted { number, .. } | Self::FollowUpLeft { number, .. } => Some(*number),
            _ => None,
        }
    }

    /// Until when something waits, or may take.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::StepDelayed { until, .. } => Some(*until),
            Self::StepRetryScheduled { retry_at, .. } => Some(*retry_at),
            Self::StepDispatched { until, .. }
            | Self::BlockOpened { until, .. }
            | Self::ChildStarted { until, .. }
            | Self::ChildResumed { until, .. }
            | Self::EventAwaited { until, .. } => *until,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CommitId, StepId};

    fn record(first: u64, events: usize) -> EventRecord {
        let events = vec![RunEvent::RunCompleted; events];
        EventRecord {
            first: Seq::new(first),
            commit: CommitId::new(uuid::Uuid::nil()),
            at: Timestamp::UNIX_EPOCH,
            events,
        }
    }

    #[test]
    fn events_after_a_number_are_cut_out_of_their_records() {
        let records = || vec![record(1, 2), record(3, 3), record(6, 1)];
        let numbers = |after, limit| -> Vec<u64> {
            NumberedEvent::of(records(), Seq::new(after), limit).iter().map(|event| event.seq.get()).collect()
        };
        assert_eq!(numbers(0, 100), [1, 2, 3, 4, 5, 6]);
        assert_eq!(numbers(3, 2), [4, 5]);
        assert_eq!(numbers(6, 2), [0_u64; 0]);
    }

    #[test]
    fn the_kind_of_an_event_is_the_tag_of_its_stored_form() {
        let path = StepId::parse("s").expect("an id").top_level();
        for event in [
            RunEvent::RunCompleted,
            RunEvent::StepFailed { path: path.clone(), execution: None, definite: true },
            RunEvent::EventTaken { kept: Seq::new(1) },
            RunEvent::StepProgressed { path, message: "half".to_owned() },
        ] {
            let stored = serde_json::to_value(&event).expect("it has a form");
            assert_eq!(stored["type"], event.kind());
        }
    }

    #[test]
    fn an_event_that_ends_an_attempt_is_told_with_its_row() {
        let path = StepId::parse("s").expect("an id").top_level();
        let agent = AgentName::parse("A").expect("a name");
        let ended = EndedAttempt {
            execution: Seq::new(2),
            attempt: 3,
            agent: agent.clone(),
            status: StepStatus::Failed,
            started_at: Timestamp::UNIX_EPOCH,
            completed_at: Some(Timestamp::UNIX_EPOCH + Duration::from_millis(1500)),
            error: Some("refused".to_owned()),
        };
        let event = RunEvent::StepFailed { path, execution: Some(Seq::new(2)), definite: true };
        let numbered = NumberedEvent { seq: Seq::new(9), at: Timestamp::UNIX_EPOCH, event };
        let told = ToldEvent::tell(None, vec![numbered], vec![ended]).remove(0);
        assert_eq!((told.attempt(), told.words(), told.agent.as_ref()), (Some(3), Some("refused"), Some(&agent)));
        assert_eq!(told.ended.and_then(|row| row.lasted()), Some(Duration::from_millis(1500)));
    }
}
