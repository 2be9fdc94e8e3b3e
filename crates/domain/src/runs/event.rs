//! What can become true of a run. Events carry no payloads: an output is found through the attempt that made it.

use serde::{Deserialize, Serialize};

use super::{child::Parent, rerun::Rerun};
use crate::{
    Timestamp,
    ids::{CommitId, DeadLetterId, EventId, PlanHash, RunId, Seq, StepPath},
    payload::Payload,
    trace::TraceParent,
};

/// A fact about a run. The stored form is this enum's JSON; variants and members may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunEvent {
    /// The run exists and is pinned to a plan.
    Started {
        /// The plan.
        plan: PlanHash,
        /// The step of another run that started this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<Parent>,
        /// When it may begin, if not at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        starts_at: Option<Timestamp>,
        /// From where it was started, if that belongs to a trace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<TraceParent>,
    },
    /// The run was started to do the work of another run's step after all. Always the second event.
    Replays {
        /// The entry among the dead letters that goes when this run completes.
        entry: DeadLetterId,
        /// The step of the other run; it fails here as the same entry.
        path: StepPath,
    },
    /// A call to the step's agent may be made from now on. The number of this event names the attempt.
    StepDispatched {
        /// The step.
        path: StepPath,
        /// Which policy attempt this is, from 1 again after a resume.
        attempt: u32,
        /// Rises only by an explicit rerun.
        generation: u32,
        /// Rises only after a definite answer: an equal round repeats the same call.
        round: u32,
        /// When the step has to be done, with all its attempts; said by the first one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The step has an output, which lies in the attempt's row.
    StepSucceeded {
        /// The step.
        path: StepPath,
        /// The attempt; the number of this very event where the step was done as soon as it was begun.
        execution: Seq,
    },
    /// The old executor had completed the step before the run was adopted; its row has this event's number from now on.
    StepAdopted {
        /// The step.
        path: StepPath,
        /// The number of this event.
        execution: Seq,
    },
    /// The attempt failed and another one follows.
    StepRetryScheduled {
        /// The step.
        path: StepPath,
        /// The attempt that failed.
        execution: Seq,
        /// Whether the agent's answer was definite, so that the next call is a new one.
        definite: bool,
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// The step, or the block, failed for good.
    StepFailed {
        /// The step.
        path: StepPath,
        /// The attempt that failed; none where no call was made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        execution: Option<Seq>,
        /// Whether the agent's answer was definite.
        definite: bool,
    },
    /// The steps in a block may be done from now on.
    BlockOpened {
        /// The block.
        path: StepPath,
        /// How many sequences of steps there are: members, branches, iterations.
        slots: u32,
        /// The number of the first.
        #[serde(default, skip_serializing_if = "is_zero")]
        first: u32,
        /// What the block's condition came to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<bool>,
        /// When sequences have to be done, with their numbers.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deadlines: Vec<(u32, Timestamp)>,
        /// When the block has to be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A sequence of steps in a block is over.
    SlotEnded {
        /// The block.
        path: StepPath,
        /// Which sequence.
        slot: u32,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A block succeeded; its output follows from those of the steps in it.
    BlockClosed {
        /// The block.
        path: StepPath,
    },
    /// A step waits for a time.
    StepDelayed {
        /// The step.
        path: StepPath,
        /// The time.
        until: Timestamp,
    },
    /// The time has come.
    StepPassed {
        /// The step.
        path: StepPath,
    },
    /// The step has started a run, whose id follows from this run, the path and the generation. The number of this event names
    /// the attempt.
    ChildStarted {
        /// The step.
        path: StepPath,
        /// Rises only by an explicit rerun.
        generation: u32,
        /// When it has to be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The run that the step had started did not complete, and is to be done after all. The number of this event names the
    /// attempt.
    ChildResumed {
        /// The step.
        path: StepPath,
        /// When it has to be done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// The step waits for an event. The number of this event names the attempt.
    EventAwaited {
        /// The step.
        path: StepPath,
        /// How long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Something happened before a step waited for it. The only payload in an event: small, and kept nowhere else.
    EventKept {
        /// What.
        name: String,
        /// What is known about it.
        data: Payload,
    },
    /// An event has been taken into account; told again, it is ignored.
    EventHeard {
        /// The event.
        id: EventId,
    },
    /// A step has made use of what was kept.
    EventTaken {
        /// The number of the `EventKept`.
        kept: Seq,
    },
    /// The agent has said what came of a call of which nobody knew that. The number of this event names the attempt, which makes
    /// no call; what came of it is the event after this.
    StepReported {
        /// The step.
        path: StepPath,
    },
    /// The agent says how the call under way is getting on.
    StepProgressed {
        /// The step.
        path: StepPath,
        /// What it says, at most some hundred characters.
        message: String,
    },
    /// The run was started because another one has completed.
    Follows {
        /// The other one.
        run: RunId,
        /// How many runs have followed each other up to this one, from 1.
        depth: u32,
    },
    /// A run that follows this one is started, in the same transaction.
    FollowUpStarted {
        /// Its place in the document's `on_complete`, from 0.
        number: u32,
        /// The run.
        run: RunId,
    },
    /// A run that could have followed is not started.
    FollowUpLeft {
        /// Its place in the document's `on_complete`, from 0.
        number: u32,
        /// Why, for people.
        reason: String,
        /// Whether that was to be expected: its condition does not hold.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unwanted: bool,
    },
    /// Every step has succeeded.
    RunCompleted,
    /// A step failed for good, and the run with it.
    RunFailed {
        /// The message for people, at most a few kilobytes.
        error: String,
    },
    /// Somebody cancelled the run.
    RunCancelled {
        /// Who.
        by: String,
        /// Why, if they said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Somebody wants nothing new to be begun; what is under way is finished.
    RunPaused {
        /// Who.
        by: String,
        /// Why, if they said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The run goes on.
    RunUnpaused {
        /// Who.
        by: String,
    },
    /// Somebody asked for the unfinished work of a failed or cancelled run to be done after all.
    RunResumed {
        /// Who.
        by: String,
    },
    /// Somebody asked for a step of a run that is over to be done anew, with what follows it, and for its unfinished work.
    RunRerun {
        /// Who.
        by: String,
        /// The step, and what follows it.
        #[serde(flatten)]
        rerun: Rerun,
    },
    /// Somebody gave the step its output instead of its agent. The number of this event names the attempt.
    StepSkipped {
        /// The step.
        path: StepPath,
        /// Who.
        by: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The events of one commit, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The number of the first event.
    pub first: Seq,
    /// The commit that wrote them.
    pub commit: CommitId,
    /// When it was decided.
    pub at: Timestamp,
    /// The events, in order.
    pub events: Vec<RunEvent>,
}

impl EventRecord {
    /// The events with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (Seq, &RunEvent)> {
        self.events.iter().zip(self.first.get()..).map(|(event, number)| (Seq::new(number), event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::StepId, trace::RunTrace};

    #[test]
    fn what_is_stored_is_read_again() {
        let path = StepId::parse("s").expect("an id").top_level();
        let at = Timestamp::UNIX_EPOCH;
        for event in [
            RunEvent::Started { plan: PlanHash::new([7; 32]), parent: None, starts_at: None, trace: None },
            RunEvent::Started {
                plan: PlanHash::new([7; 32]),
                parent: Some(Parent {
                    run: RunId::mint(uuid::Uuid::nil()),
                    path: path.clone(),
                    depth: 1,
                    following: 0,
                }),
                starts_at: Some(at),
                trace: Some(RunTrace::of_text("r").named("request")),
            },
            RunEvent::Replays { entry: DeadLetterId::new(uuid::Uuid::nil()), path: path.clone() },
            RunEvent::ChildStarted { path: path.clone(), generation: 0, until: Some(at) },
            RunEvent::ChildResumed { path: path.clone(), until: None },
            RunEvent::EventAwaited { path: path.clone(), until: None },
            RunEvent::EventKept { name: "paid".to_owned(), data: Payload::empty() },
            RunEvent::EventTaken { kept: Seq::new(3) },
            RunEvent::EventHeard { id: EventId::new(uuid::Uuid::nil()) },
            RunEvent::StepDispatched { path: path.clone(), attempt: 1, generation: 0, round: 2, until: None },
            RunEvent::StepDispatched { path: path.clone(), attempt: 1, generation: 0, round: 2, until: Some(at) },
            RunEvent::StepSucceeded { path: path.clone(), execution: Seq::new(2) },
            RunEvent::StepFailed { path: path.clone(), execution: None, definite: true },
            RunEvent::BlockOpened {
                path: path.clone(),
                slots: 2,
                first: 1,
                held: Some(true),
                deadlines: vec![(0, at), (1, at)],
                until: Some(at),
            },
            RunEvent::BlockOpened {
                path: path.clone(),
                slots: 0,
                first: 0,
                held: None,
                deadlines: Vec::new(),
                until: None,
            },
            RunEvent::RunPaused { by: "me".to_owned(), reason: Some("why".to_owned()) },
            RunEvent::SlotEnded { path: path.clone(), slot: 3, error: Some("boom".to_owned()) },
            RunEvent::SlotEnded { path: path.clone(), slot: 3, error: None },
            RunEvent::BlockClosed { path: path.clone() },
            RunEvent::StepProgressed { path: path.clone(), message: "half".to_owned() },
            RunEvent::StepReported { path: path.clone() },
            RunEvent::StepDelayed { path: path.clone(), until: at },
            RunEvent::StepPassed { path: path.clone() },
            RunEvent::StepSkipped { path: path.clone(), by: "me".to_owned() },
            RunEvent::RunRerun { by: "me".to_owned(), rerun: Rerun { from: path.clone(), undone: vec![path] } },
            RunEvent::RunCancelled { by: "me".to_owned(), reason: None },
            RunEvent::Follows { run: RunId::mint(uuid::Uuid::nil()), depth: 1 },
            RunEvent::FollowUpStarted { number: 0, run: RunId::mint(uuid::Uuid::nil()) },
            RunEvent::FollowUpLeft { number: 1, reason: "gone".to_owned(), unwanted: false },
            RunEvent::FollowUpLeft { number: 1, reason: "unwanted".to_owned(), unwanted: true },
        ] {
            let text = serde_json::to_string(&event).expect("it has a form");
            assert_eq!(serde_json::from_str::<RunEvent>(&text).expect("it is read again"), event, "{text}");
        }
    }
}
