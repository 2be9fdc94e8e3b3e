//! Schedules and their ticks as they are answered.

use application::schedules::{Preview, ScheduleDetails};
use domain::schedules::{MissedPolicy, Tick, TickReason};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{Json, Stamp};

/// A schedule.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Schedule")]
pub(crate) struct ScheduleView {
    id: Uuid,
    name: String,
    workflow_id: Uuid,
    /// The number of the version; null for what `execute` would run at each tick.
    version: Option<u32>,
    cron: String,
    /// The IANA time zone in which `cron` is meant.
    time_zone: String,
    starts_at: Option<Stamp>,
    ends_at: Option<Stamp>,
    #[schemars(extend("x-payload" = true))]
    input_data: Json,
    /// What happens to a tick while the run of the one before is not over.
    #[schemars(extend("enum" = ["allow", "skip", "queue", "cancel_previous"]))]
    overlap: &'static str,
    /// What happens to ticks that nobody was there for.
    #[schemars(extend("enum" = ["skip", "last", "all"]))]
    missed: &'static str,
    /// How many missed ticks are made up for; null unless `missed` is `all`.
    missed_limit: Option<u32>,
    grace_seconds: u64,
    /// `ended`: it has no tick left.
    #[schemars(extend("enum" = ["active", "paused", "ended"]))]
    state: &'static str,
    /// Its next tick; null unless it is active.
    next_at: Option<Stamp>,
    /// Whether a tick waits for the end of the run before.
    has_queued_tick: bool,
    /// The last tick; null before the first one, and where it is older than ticks are kept.
    last_tick: Option<TickView>,
    created_at: Stamp,
    created_by: String,
    /// When somebody changed it last; ticks leave it alone.
    updated_at: Stamp,
    updated_by: String,
}

impl From<ScheduleDetails> for ScheduleView {
    fn from(details: ScheduleDetails) -> Self {
        let ScheduleDetails { schedule, last } = details;
        let (missed, most) = schedule.missed.parts();
        Self {
            id: schedule.id.uuid(),
            name: schedule.name.to_string(),
            workflow_id: schedule.workflow.uuid(),
            version: schedule.version,
            cron: schedule.timing.cron,
            time_zone: schedule.timing.zone,
            starts_at: schedule.timing.starts_at.map(Stamp),
            ends_at: schedule.timing.ends_at.map(Stamp),
            input_data: Json(schedule.input),
            overlap: schedule.overlap.as_str(),
            missed,
            missed_limit: matches!(schedule.missed, MissedPolicy::All(_)).then_some(most),
            grace_seconds: schedule.grace.as_secs(),
            state: schedule.state.as_str(),
            next_at: schedule.next_at.map(Stamp),
            has_queued_tick: schedule.queued.is_some(),
            last_tick: last.map(Into::into),
            created_at: Stamp(schedule.created_at),
            created_by: schedule.created_by,
            updated_at: Stamp(schedule.updated_at),
            updated_by: schedule.updated_by,
        }
    }
}

/// A tick of a schedule, or several in a row that were missed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ScheduleTick")]
pub(crate) struct TickView {
    tick_id: Uuid,
    /// When it was due; of several, the first of them.
    scheduled_at: Stamp,
    /// Of several, the last of them; else the same.
    scheduled_until: Stamp,
    /// How many ticks this stands for.
    count: u32,
    /// Whether somebody asked for it.
    manual: bool,
    /// `waiting`: for the end of the run before. `starting`: its run is about to be started. `refused`: its run could not be
    /// started. `skipped`: it has no run.
    #[schemars(extend("enum" = ["waiting", "starting", "started", "refused", "skipped"]))]
    status: &'static str,
    /// Why it has no run; null for one that has.
    reason: Option<&'static str>,
    /// The same in a sentence, where there is more to say.
    #[schemars(extend("x-payload" = true))]
    error_message: Option<String>,
    /// The run that it has started, or is about to.
    run_id: Option<String>,
    /// The run that was cancelled for it.
    cancelled_run_id: Option<String>,
    /// When it was decided what becomes of it.
    decided_at: Stamp,
}

impl From<Tick> for TickView {
    fn from(tick: Tick) -> Self {
        Self {
            tick_id: tick.id.uuid(),
            scheduled_at: Stamp(tick.at),
            scheduled_until: Stamp(tick.until),
            count: tick.count,
            manual: tick.manual,
            status: tick.status.as_str(),
            reason: tick.reason.map(TickReason::as_str),
            run_id: tick.run().map(|run| run.to_string()),
            error_message: tick.message,
            cancelled_run_id: tick.cancels.map(|run| run.to_string()),
            decided_at: Stamp(tick.decided_at),
        }
    }
}

/// The next ticks.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SchedulePreview")]
pub(crate) struct PreviewView {
    /// In their order; fewer than were asked for where the end is near.
    items: Vec<PreviewTickView>,
}

/// A tick that will be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SchedulePreviewTick")]
struct PreviewTickView {
    at: Stamp,
    /// The same as clocks show it in the schedule's time zone.
    #[schemars(extend("format" = "date-time"))]
    local: String,
}

impl From<Vec<Preview>> for PreviewView {
    fn from(found: Vec<Preview>) -> Self {
        let item = |tick: Preview| PreviewTickView { at: Stamp(tick.at), local: tick.local };
        Self { items: found.into_iter().map(item).collect() }
    }
}
