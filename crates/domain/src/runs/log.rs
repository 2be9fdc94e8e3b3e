//! The log of a run: each of its events as a sentence that a person reads. A projection and nothing more; the events are the truth.
//!
//! What somebody else said, an agent or a person, is apart from the sentence: it may hold data.

use std::time::Duration;

use super::{event::RunEvent, told::ToldEvent};
use crate::{
    Timestamp,
    ids::{Seq, StepPath},
};

/// How much an entry matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// How the run is done.
    Debug,
    /// What a person wants to know who follows a run.
    Info,
    /// Something failed or was stopped, and may have been made good since.
    Warn,
    /// A step or the run failed.
    Error,
}

impl LogLevel {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warn, Self::Error];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// An entry of the log of a run; there is one for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The number of the event.
    pub seq: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// Where the step or block is, if it is about one.
    pub path: Option<StepPath>,
    /// Which attempt of the step, if it is about one.
    pub attempt: Option<u32>,
    /// The sentence.
    pub message: String,
    /// What somebody else said about it.
    pub detail: Option<String>,
}

impl LogEntry {
    /// The entry of an event.
    pub fn of(told: &ToldEvent) -> Self {
        let (level, message) = sentence(told);
        Self {
            seq: told.numbered.seq,
            at: told.numbered.at,
            level,
            path: told.numbered.event.path().cloned(),
            attempt: told.attempt(),
            message,
            detail: told.words().map(str::to_owned),
        }
    }

    /// Whether it is about a step with this id, wherever that is in the run, or about what is in it; or about the step at this path.
    pub fn is_about(&self, step: &str) -> bool {
        self.path.as_ref().is_some_and(|path| {
            path.as_str() == step || path.as_str().split('/').any(|part| part.split(['[', '.']).next() == Some(step))
        })
    }
}

/// What happened, in the words of a person.
fn sentence(told: &ToldEvent) -> (LogLevel, String) {
    use LogLevel::{Debug, Error, Info, Warn};
    let step = told.numbered.event.path().map(StepPath::as_str).unwrap_or_default();
    let agent = told.agent.as_ref().map_or("its agent", |agent| agent.as_str());
    match &told.numbered.event {
        RunEvent::Started { parent: None, starts_at: None, .. } => (Info, "The run has started".to_owned()),
        RunEvent::Started { parent: None, starts_at: Some(at), .. } => {
            (Info, format!("The run is accepted, and begins at {}", time(*at)))
        }
        RunEvent::Started { parent: Some(parent), .. } => {
            (Info, format!("The run has started, for step '{}' of run {}", parent.path, parent.run))
        }
        RunEvent::Replays { entry, path } => {
            (Info, format!("The run does the work of step '{path}' of another run after all, as dead letter {entry}"))
        }
        RunEvent::StepDispatched { attempt: 1, .. } => (Info, format!("Step '{step}' calls {agent}")),
        RunEvent::StepDispatched { attempt, .. } => {
            (Info, format!("Step '{step}' calls {agent} again, its attempt {attempt}"))
        }
        RunEvent::StepSucceeded { .. } => (Info, format!("Step '{step}' has succeeded{}", after(told))),
        RunEvent::StepAdopted { .. } => (Info, format!("Step '{step}' had been completed by the existing executor")),
        RunEvent::StepRetryScheduled { definite, retry_at, .. } => {
            let outcome = if *definite { "has failed" } else { "has an unknown outcome" };
            let (nth, due) = (told.attempt().unwrap_or(1), time(*retry_at));
            (Warn, format!("Attempt {nth} of step '{step}' {outcome}{}; the next is due at {due}", after(told)))
        }
        RunEvent::StepFailed { .. } => (Error, format!("Step '{step}' has failed for good{}", after(told))),
        RunEvent::BlockOpened { slots, held, .. } => {
            let held =
                held.map_or("", |held| if held { ", its condition holds" } else { ", its condition does not hold" });
            (Debug, format!("Block '{step}' begins{held}: {}", sequences(*slots)))
        }
        RunEvent::SlotEnded { slot, error: None, .. } => (Debug, format!("Sequence {slot} of block '{step}' is done")),
        RunEvent::SlotEnded { slot, error: Some(_), .. } => {
            (Warn, format!("Sequence {slot} of block '{step}' has failed"))
        }
        RunEvent::BlockClosed { .. } => (Info, format!("Block '{step}' has succeeded")),
        RunEvent::StepDelayed { until, .. } => (Info, format!("Step '{step}' waits until {}", time(*until))),
        RunEvent::StepPassed { .. } => (Info, format!("The wait of step '{step}' is over")),
        RunEvent::ChildStarted { .. } => (Info, format!("Step '{step}' has started a run of {agent}")),
        RunEvent::ChildResumed { .. } => (Info, format!("Step '{step}' has its run of {agent} go on")),
        RunEvent::EventAwaited { until, .. } => {
            let until = until.map(|until| format!(", until {} at most", time(until))).unwrap_or_default();
            (Info, format!("Step '{step}' waits for the event '{agent}'{until}"))
        }
        RunEvent::EventKept { name, .. } => {
            (Debug, format!("The event '{name}' came before a step waited for it, and is kept"))
        }
        RunEvent::EventHeard { .. } => (Debug, "An event was taken into account".to_owned()),
        RunEvent::EventTaken { .. } => (Debug, "An event that was kept is used".to_owned()),
        RunEvent::StepReported { .. } => {
            (Info, format!("The agent of step '{step}' has said what came of a call whose outcome was unknown"))
        }
        RunEvent::StepProgressed { .. } => (Info, format!("The agent of step '{step}' says how it is getting on")),
        RunEvent::Follows { run, .. } => (Info, format!("The run follows run {run}, which has completed")),
        RunEvent::FollowUpStarted { number, run } => {
            (Info, format!("Run {run} follows this one (number {} of on_complete)", number + 1))
        }
        RunEvent::FollowUpLeft { number, unwanted: true, .. } => {
            (Info, format!("No run follows by number {} of on_complete", number + 1))
        }
        RunEvent::FollowUpLeft { number, unwanted: false, .. } => {
            (Error, format!("The run that number {} of on_complete asks for could not be started", number + 1))
        }
        RunEvent::RunCompleted => (Info, "The run has completed".to_owned()),
        RunEvent::RunFailed { .. } => (Error, "The run has failed".to_owned()),
        RunEvent::RunCancelled { by, .. } => (Warn, format!("The run was cancelled by {by}")),
        RunEvent::RunPaused { by, .. } => (Warn, format!("The run was paused by {by}: nothing new is begun")),
        RunEvent::RunUnpaused { by } => (Info, format!("The run goes on: {by} has ended its pause")),
        RunEvent::RunResumed { by } => (Info, format!("The run was resumed by {by}")),
        RunEvent::RunRerun { by, .. } => {
            (Info, format!("The run does step '{step}' anew, and what follows it, for {by}"))
        }
        RunEvent::StepSkipped { by, .. } => {
            (Warn, format!("Step '{step}' was skipped by {by}, with an output given instead"))
        }
    }
}

/// How long the attempt took that has ended.
fn after(told: &ToldEvent) -> String {
    let lasted = told.ended.as_ref().and_then(super::told::EndedAttempt::lasted);
    lasted.map(|lasted| format!(" after {}", in_words(lasted))).unwrap_or_default()
}

/// As exact as a person needs it.
fn in_words(lasted: Duration) -> String {
    match lasted.as_secs() {
        0 => format!("{} ms", lasted.as_millis()),
        1..60 => format!("{:.1} s", lasted.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn sequences(slots: u32) -> String {
    match slots {
        0 => "there is nothing to do".to_owned(),
        1 => "one sequence of steps".to_owned(),
        many => format!("{many} sequences of steps"),
    }
}

fn time(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agents::AgentName,
        ids::StepId,
        runs::{EndedAttempt, NumberedEvent, StepStatus},
    };

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(1_750_000_000_000 + milliseconds).expect("a time")
    }

    fn entry(event: RunEvent, ended: Option<EndedAttempt>) -> LogEntry {
        let numbered = NumberedEvent { seq: Seq::new(7), at: at(0), event };
        let agent = Some(AgentName::parse("Fetcher").expect("a name"));
        LogEntry::of(&ToldEvent { numbered, agent, ended })
    }

    fn ended(error: Option<&str>) -> EndedAttempt {
        EndedAttempt {
            execution: Seq::new(2),
            attempt: 2,
            agent: AgentName::parse("Fetcher").expect("a name"),
            status: if error.is_some() { StepStatus::Failed } else { StepStatus::Completed },
            started_at: at(0),
            completed_at: Some(at(1234)),
            error: error.map(str::to_owned),
        }
    }

    fn path(text: &str) -> StepPath {
        StepPath::parse(text).expect("a path")
    }

    #[test]
    fn what_a_step_does_is_told_in_sentences() {
        let path = path("fetch");
        let dispatched =
            |attempt| RunEvent::StepDispatched { path: path.clone(), attempt, generation: 0, round: 0, until: None };
        let execution = Seq::new(2);
        for (event, row, level, message) in [
            (dispatched(1), None, LogLevel::Info, "Step 'fetch' calls Fetcher"),
            (dispatched(2), None, LogLevel::Info, "Step 'fetch' calls Fetcher again, its attempt 2"),
            (
                RunEvent::StepSucceeded { path: path.clone(), execution },
                Some(ended(None)),
                LogLevel::Info,
                "Step 'fetch' has succeeded after 1.2 s",
            ),
            (
                RunEvent::StepRetryScheduled { path: path.clone(), execution, definite: false, retry_at: at(5000) },
                Some(ended(Some("no answer"))),
                LogLevel::Warn,
                "Attempt 2 of step 'fetch' has an unknown outcome after 1.2 s; the next is due at 2025-06-15T15:06:45.000Z",
            ),
            (
                RunEvent::StepFailed { path: path.clone(), execution: None, definite: true },
                None,
                LogLevel::Error,
                "Step 'fetch' has failed for good",
            ),
            (
                RunEvent::EventAwaited { path: path.clone(), until: None },
                None,
                LogLevel::Info,
                "Step 'fetch' waits for the event 'Fetcher'",
            ),
        ] {
            let entry = entry(event, row);
            assert_eq!((entry.level, entry.message.as_str(), entry.seq), (level, message, Seq::new(7)));
        }
    }

    #[test]
    fn what_others_said_is_apart_from_the_sentence() {
        let said = "secret stuff";
        for (event, row) in [
            (RunEvent::RunFailed { error: said.to_owned() }, None),
            (RunEvent::RunCancelled { by: "me".to_owned(), reason: Some(said.to_owned()) }, None),
            (RunEvent::RunPaused { by: "me".to_owned(), reason: Some(said.to_owned()) }, None),
            (RunEvent::StepProgressed { path: path("a"), message: said.to_owned() }, None),
            (RunEvent::SlotEnded { path: path("a"), slot: 1, error: Some(said.to_owned()) }, None),
            (
                RunEvent::StepFailed { path: path("a"), execution: Some(Seq::new(2)), definite: true },
                Some(ended(Some(said))),
            ),
        ] {
            let entry = entry(event, row);
            assert_eq!(entry.detail.as_deref(), Some(said));
            assert!(!entry.message.contains(said), "{}", entry.message);
        }
    }

    #[test]
    fn an_entry_is_about_its_step_and_the_blocks_around_it() {
        let of = |text: &str| entry(RunEvent::StepPassed { path: path(text) }, None);
        let inner = of("each[17]/fan.1/check");
        for step in ["each", "fan", "check", "each[17]/fan.1/check"] {
            assert!(inner.is_about(step), "{step}");
        }
        assert!(
            !inner.is_about("other") && !inner.is_about("17") && !entry(RunEvent::RunCompleted, None).is_about("check")
        );
        assert_eq!(
            StepId::parse("check").expect("an id").top_level().innermost(),
            inner.path.expect("it has one").innermost()
        );
    }

    #[test]
    fn times_are_told_as_exactly_as_a_person_needs_them() {
        let told = |milliseconds| in_words(Duration::from_millis(milliseconds));
        assert_eq!(
            [told(0), told(999), told(1000), told(59_940), told(61_000)],
            ["0 ms", "999 ms", "1.0 s", "59.9 s", "1 min 1 s"]
        );
    }
}
