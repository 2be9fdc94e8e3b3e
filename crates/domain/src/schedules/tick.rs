//! Ticks: what was decided at a time of a schedule, and what became of it.

use crate::{
    Timestamp,
    ids::{RunId, ScheduleId, TickId},
    page::Cursor,
};

/// What became of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TickStatus {
    /// Its run is started once the one before is over.
    Waiting,
    /// Its run is to be started; whoever finds it so for a while does it.
    Starting,
    /// Its run was started.
    Started,
    /// Its run could not be started.
    Refused,
    /// It has no run.
    Skipped,
}

impl TickStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Starting, Self::Started, Self::Refused, Self::Skipped];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
        }
    }

    /// Reads [`TickStatus::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The statuses from which a tick comes to this one. Whoever finds a run refused that somebody else has started meanwhile
    /// is overruled; nothing overrules a start.
    pub fn before(self) -> &'static [Self] {
        match self {
            Self::Waiting => &[],
            Self::Starting | Self::Skipped => &[Self::Waiting],
            Self::Started => &[Self::Starting, Self::Refused],
            Self::Refused => &[Self::Starting],
        }
    }
}

/// Why a tick has no run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickReason {
    /// Nobody was there in time, and the schedule does not make up for it.
    Missed,
    /// The run before was not over.
    Overlap,
    /// The run before was not over, and a tick waited already.
    QueueFull,
    /// A later tick that was due as well would have cancelled its run at once.
    Superseded,
    /// The schedule was paused while it waited.
    Paused,
    /// The run could not be started; the message says why.
    NotStarted,
}

impl TickReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Missed, Self::Overlap, Self::QueueFull, Self::Superseded, Self::Paused, Self::NotStarted];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Overlap => "overlap",
            Self::QueueFull => "queue_full",
            Self::Superseded => "superseded",
            Self::Paused => "paused",
            Self::NotStarted => "not_started",
        }
    }

    /// Reads [`TickReason::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// A tick of a schedule, or several in a row that were left out for the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Its id, and that of its run.
    pub id: TickId,
    /// The schedule.
    pub schedule: ScheduleId,
    /// Its time; of several the first's.
    pub at: Timestamp,
    /// Of several the last's time, else the same.
    pub until: Timestamp,
    /// How many ticks it stands for.
    pub count: u32,
    /// Whether somebody asked for it.
    pub manual: bool,
    /// What became of it.
    pub status: TickStatus,
    /// Why it has no run.
    pub reason: Option<TickReason>,
    /// The same for people, where there is more to say.
    pub message: Option<String>,
    /// The run that is cancelled for it.
    pub cancels: Option<RunId>,
    /// When it was decided, or a waiting one was called up.
    pub decided_at: Timestamp,
}

impl Tick {
    /// A tick that is to be decided about.
    pub(super) fn new(schedule: ScheduleId, at: Timestamp, now: Timestamp) -> Self {
        Self {
            id: TickId::of(schedule, at),
            schedule,
            at,
            until: at,
            count: 1,
            manual: false,
            status: TickStatus::Starting,
            reason: None,
            message: None,
            cancels: None,
            decided_at: now,
        }
    }

    /// A tick that somebody asks for now.
    pub fn asked_for(id: TickId, schedule: ScheduleId, now: Timestamp) -> Self {
        Self { id, manual: true, ..Self::new(schedule, now, now) }
    }

    /// The same without a run.
    #[must_use]
    pub fn skipped(self, reason: TickReason) -> Self {
        Self { status: TickStatus::Skipped, reason: Some(reason), ..self }
    }

    /// The same, whose run could not be started.
    #[must_use]
    pub fn refused(self, message: &str) -> Self {
        let (status, reason) = (TickStatus::Refused, Some(TickReason::NotStarted));
        Self { status, reason, message: Some(message.chars().filter(|c| *c != '\0').take(2_000).collect()), ..self }
    }

    /// The same, whose run is to be started now.
    #[must_use]
    pub fn called_up(self, now: Timestamp) -> Self {
        Self { status: TickStatus::Starting, decided_at: now, ..self }
    }

    /// The same, whose run was started.
    #[must_use]
    pub fn started(self) -> Self {
        Self { status: TickStatus::Started, reason: None, message: None, ..self }
    }

    /// Its place in the list.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.at, &self.id)
    }

    /// Its run, if there is one or may be.
    pub fn run(&self) -> Option<RunId> {
        match self.status {
            TickStatus::Waiting | TickStatus::Starting | TickStatus::Started => Some(self.id.run()),
            TickStatus::Refused | TickStatus::Skipped => None,
        }
    }
}
