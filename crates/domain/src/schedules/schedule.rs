//! A schedule, as it is kept.

use std::{fmt, time::Duration};

use crate::{
    Timestamp,
    ids::{ScheduleId, TickId, WorkflowId},
    page::Cursor,
    payload::Payload,
};

/// The longest name of a schedule, in characters.
const MAX_NAME: usize = 100;

/// The most missed ticks that are made up for.
pub const MAX_CATCH_UP: u32 = 100;

/// For how long a tick may be late at most before it counts as missed.
pub const MAX_GRACE: Duration = Duration::from_hours(1);

/// What a schedule is called; unique among the schedules that are there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleName(String);

/// Why a text is no name of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_NAME} characters, none of them a control character or white space at an end")]
pub struct InvalidScheduleName;

impl ScheduleName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, InvalidScheduleName> {
        let sound = (1..=MAX_NAME).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if sound { Ok(Self(text.to_owned())) } else { Err(InvalidScheduleName) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When a schedule ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// A cron expression of five fields, or of six with the seconds first.
    pub cron: String,
    /// The time zone in which it is meant, by its IANA name.
    pub zone: String,
    /// The first time at which it may tick.
    pub starts_at: Option<Timestamp>,
    /// The last time at which it may tick.
    pub ends_at: Option<Timestamp>,
}

/// What happens to a tick while the run of the one before is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// Its run is started beside the other.
    Allow,
    /// It is left out.
    Skip,
    /// Its run is started once the other is over; one tick waits at most, later ones are left out.
    Queue,
    /// The other run is cancelled.
    CancelPrevious,
}

impl OverlapPolicy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Skip, Self::Queue, Self::CancelPrevious];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::CancelPrevious => "cancel_previous",
        }
    }

    /// Reads [`OverlapPolicy::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// What happens to ticks that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissedPolicy {
    /// They are left out.
    Skip,
    /// The last of them is made up for, and stands for all.
    Last,
    /// The last so many of them are made up for, one by one; at most [`MAX_CATCH_UP`].
    All(u32),
}

impl MissedPolicy {
    /// Its name and its number, as tables hold them.
    pub fn parts(self) -> (&'static str, u32) {
        match self {
            Self::Skip => ("skip", 0),
            Self::Last => ("last", 1),
            Self::All(most) => ("all", most),
        }
    }

    /// Reads [`MissedPolicy::parts`] back; a number outside of the bounds is brought inside.
    pub fn parse(name: &str, most: u32) -> Option<Self> {
        match name {
            "skip" => Some(Self::Skip),
            "last" => Some(Self::Last),
            "all" => Some(Self::All(most.clamp(1, MAX_CATCH_UP))),
            _ => None,
        }
    }

    /// How many of the last missed ticks are made up for.
    pub fn made_up(self) -> usize {
        self.parts().1.min(MAX_CATCH_UP) as usize
    }
}

/// Whether a schedule ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleState {
    /// It does.
    Active,
    /// Somebody has stopped it for a while.
    Paused,
    /// It has no tick left.
    Ended,
}

impl ScheduleState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Ended];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// Reads [`ScheduleState::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// The last tick that was decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastTick {
    /// The tick.
    pub id: TickId,
    /// Its time: no later decision is about this time or an earlier one.
    pub at: Timestamp,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Its name.
    pub name: ScheduleName,
    /// The workflow that it runs, by its id or that of a version.
    pub workflow: WorkflowId,
    /// The version, if it is to be one in particular.
    pub version: Option<u32>,
    /// When it ticks.
    pub timing: Timing,
    /// The input of its runs, an object in whose texts the tick is named: see [`InputTemplate`](super::InputTemplate).
    pub input: Payload,
    /// What happens while the run before is not over.
    pub overlap: OverlapPolicy,
    /// What happens to ticks that nobody was there for.
    pub missed: MissedPolicy,
    /// How late a tick may be, in whole seconds, before it counts as missed; at most [`MAX_GRACE`].
    pub grace: Duration,
    /// Whether it ticks.
    pub state: ScheduleState,
    /// Its next tick; there is one if and only if it is active.
    pub next_at: Option<Timestamp>,
    /// The tick that waits for the end of the run before; see [`OverlapPolicy::Queue`].
    pub queued: Option<TickId>,
    /// The last tick that was decided about, but for those that people asked for.
    pub last: Option<LastTick>,
    /// The last tick whose run was to be started.
    pub last_started: Option<TickId>,
    /// Rises by one with each change, those that ticks make included.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When somebody changed it last; ticks leave it alone.
    pub updated_at: Timestamp,
    /// Who that was.
    pub updated_by: String,
}

impl Schedule {
    /// Who starts its runs, as rows and the audit log tell it.
    pub fn actor_name(&self) -> String {
        format!("schedule:{}", self.name)
    }

    /// Its place in the list.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.name.as_str(), &self.id)
    }

    /// Whether something is to be decided about it at a time: a tick is due, or one waits.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.queued.is_some() || self.next_at.is_some_and(|next| next <= now)
    }
}

/// Which schedules are listed; what is none does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// Only in this state.
    pub state: Option<ScheduleState>,
    /// Only of this workflow, as the schedule names it.
    pub workflow: Option<WorkflowId>,
    /// Only the one with this name.
    pub name: Option<String>,
}

impl ScheduleFilter {
    /// Whether a schedule is listed. The one definition, which SQL adapters translate.
    pub fn matches(&self, schedule: &Schedule) -> bool {
        self.state.is_none_or(|state| state == schedule.state)
            && self.workflow.is_none_or(|workflow| workflow == schedule.workflow)
            && self.name.as_ref().is_none_or(|name| name == schedule.name.as_str())
    }
}
