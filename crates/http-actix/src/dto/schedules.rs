//! What is asked about schedules.

use std::time::Duration;

use application::{
    access::Named,
    schedules::{NewSchedule, ScheduleChanges, ScheduleContent},
};
use domain::{
    ids::{ScheduleId, WorkflowId},
    payload::{NotStorable, Payload},
    schedules::{MAX_CATCH_UP, MissedPolicy, OverlapPolicy, ScheduleFilter, ScheduleName, ScheduleState, Timing},
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    cursor::Places,
    lists::{self, ListQuery, Which},
    present,
};
use crate::api::{Checked, Moment};

/// How many missed ticks are made up for where `missed` is `all` and nothing else is said.
const CATCH_UP: u32 = 10;

/// How late a tick may be where nothing is said.
fn grace() -> u64 {
    60
}

fn utc() -> String {
    "UTC".to_owned()
}

fn five() -> usize {
    5
}

/// Names one schedule.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[garde(allow_unvalidated)]
pub(crate) struct SchedulePath {
    /// The schedule's id.
    schedule_id: Uuid,
}

impl SchedulePath {
    pub(crate) fn id(&self) -> ScheduleId {
        ScheduleId::new(self.schedule_id)
    }
}

/// What happens to a tick while the run of the one before is not over.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum OverlapName {
    #[default]
    Allow,
    Skip,
    Queue,
    CancelPrevious,
}

impl From<OverlapName> for OverlapPolicy {
    fn from(name: OverlapName) -> Self {
        match name {
            OverlapName::Allow => Self::Allow,
            OverlapName::Skip => Self::Skip,
            OverlapName::Queue => Self::Queue,
            OverlapName::CancelPrevious => Self::CancelPrevious,
        }
    }
}

/// What happens to ticks that nobody was there for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum MissedName {
    Skip,
    #[default]
    Last,
    All,
}

impl MissedName {
    fn policy(self, limit: Option<u32>) -> MissedPolicy {
        match self {
            Self::Skip => MissedPolicy::Skip,
            Self::Last => MissedPolicy::Last,
            Self::All => MissedPolicy::All(limit.unwrap_or(CATCH_UP).clamp(1, MAX_CATCH_UP)),
        }
    }
}

/// Whether a schedule ticks.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum StateName {
    Active,
    Paused,
    Ended,
}

/// Which schedules are listed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleQuery {
    /// Only in this state.
    state: Option<StateName>,
    /// Only schedules of this workflow, by the id that they name.
    workflow_id: Option<Uuid>,
    /// Only the schedule with exactly this name.
    #[schemars(length(min = 1, max = 100))]
    schedule_name: Option<String>,
    /// The number of the page, from 1; the first one without it. A late page costs more than an early one, and items that are
    /// added meanwhile shift it: whoever reads a list to its end goes by `cursor`.
    #[schemars(range(min = 1, max = 1_000_000))]
    page: Option<u32>,
    /// The `next_cursor` of a page, to read the one that follows; the other parameters but `page_size` must be the same, and there
    /// must be no `page`.
    #[schemars(length(min = 1, max = 2800))]
    cursor: Option<String>,
    /// How many items a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    page_size: u32,
}

impl ScheduleQuery {
    pub(crate) fn filter(&self) -> ScheduleFilter {
        let state = |name| match name {
            StateName::Active => ScheduleState::Active,
            StateName::Paused => ScheduleState::Paused,
            StateName::Ended => ScheduleState::Ended,
        };
        ScheduleFilter {
            state: self.state.map(state),
            workflow: self.workflow_id.map(WorkflowId::new),
            name: self.schedule_name.clone(),
        }
    }
}

impl Validate for ScheduleQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for ScheduleQuery {
    const LIST: &'static str = "schedules";

    fn places(&self) -> Places {
        Places::ByName
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

/// Which page of a schedule's ticks is listed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TickQuery {
    /// The number of the page, from 1; the first one without it. A late page costs more than an early one, and items that are
    /// added meanwhile shift it: whoever reads a list to its end goes by `cursor`.
    #[schemars(range(min = 1, max = 1_000_000))]
    page: Option<u32>,
    /// The `next_cursor` of a page, to read the one that follows; the other parameters but `page_size` must be the same, and there
    /// must be no `page`.
    #[schemars(length(min = 1, max = 2800))]
    cursor: Option<String>,
    /// How many items a page holds.
    #[serde(default = "lists::twenty")]
    #[schemars(range(min = 1, max = 100))]
    page_size: u32,
}

impl Validate for TickQuery {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        self.check_page(parent, report);
    }
}

impl ListQuery for TickQuery {
    const LIST: &'static str = "schedule ticks";

    fn places(&self) -> Places {
        Places::ByTime
    }

    fn which(&self) -> Which<'_> {
        Which { cursor: self.cursor.as_deref(), page: self.page, page_size: self.page_size }
    }
}

/// How far one looks ahead.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct PreviewQuery {
    /// How many ticks are told.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) count: usize,
}

/// A timing that is to be looked at.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewTiming {
    /// A cron expression: minute, hour, day of the month, month, day of the week; or with the seconds first.
    #[schemars(length(min = 1, max = 500))]
    cron: String,
    /// The IANA time zone in which it is meant.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 100))]
    time_zone: String,
    /// The first time at which it may tick. A time without a zone is UTC.
    starts_at: Option<Moment>,
    /// The last time at which it may tick. A time without a zone is UTC.
    ends_at: Option<Moment>,
    /// How many ticks are told.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) count: usize,
}

impl Validate for PreviewTiming {
    type Context = ();

    fn validate_into(&self, (): &(), _: &mut dyn FnMut() -> Path, _: &mut Report) {}
}

impl PreviewTiming {
    pub(crate) fn timing(self) -> (Timing, usize) {
        let at = |moment: Option<Moment>| moment.map(|moment| moment.0);
        let (starts_at, ends_at) = (at(self.starts_at), at(self.ends_at));
        (Timing { cron: self.cron, zone: self.time_zone, starts_at, ends_at }, self.count)
    }
}

/// A new schedule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSchedule {
    /// What it is called; unique among the schedules that are there. Its runs are started by `schedule:` and this name.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// The workflow that it runs: the id stands for what `execute` would run at each tick.
    workflow_id: Uuid,
    /// The number of the version, if it is to be one in particular.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    version: Option<u32>,
    /// A cron expression: minute, hour, day of the month, month, day of the week; or with the seconds first.
    #[schemars(length(min = 1, max = 500))]
    cron: String,
    /// The IANA time zone in which it is meant.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 100))]
    time_zone: String,
    /// The first time at which it may tick. A time without a zone is UTC.
    starts_at: Option<Moment>,
    /// The last time at which it may tick. A time without a zone is UTC.
    ends_at: Option<Moment>,
    /// The input of its runs. Texts may hold `${schedule.time}`, `${schedule.name}`, `${schedule.id}` and `${schedule.tick_id}`.
    #[serde(default)]
    input_data: Map<String, Value>,
    /// What happens to a tick while the run of the one before is not over.
    #[serde(default)]
    overlap: OverlapName,
    /// What happens to ticks that nobody was there for: they are left out, the last one stands for all, or the last
    /// `missed_limit` are made up for.
    #[serde(default)]
    missed: MissedName,
    /// How many missed ticks are made up for; only where `missed` is `all`, and 10 where nothing is said.
    #[schemars(range(min = 1, max = 100))]
    missed_limit: Option<u32>,
    /// How many seconds late a tick may be before it counts as missed.
    #[serde(default = "grace")]
    #[schemars(range(max = 3600))]
    grace_seconds: u64,
    /// Whether it is made paused.
    #[serde(default)]
    paused: bool,
}

impl Validate for CreateSchedule {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check_name(&self.name, parent, report);
        check_limit(Some(self.missed), self.missed_limit, parent, report);
        check_input(Some(&self.input_data), parent, report);
    }
}

fn check_name(name: &str, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if let Err(invalid) = ScheduleName::parse(name) {
        report.append(parent().join("name"), garde::Error::new(invalid.to_string()));
    }
}

fn check_limit(missed: Option<MissedName>, limit: Option<u32>, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if limit.is_some() && missed != Some(MissedName::All) {
        report.append(parent().join("missed_limit"), garde::Error::new("says something only beside missed: all"));
    }
}

fn check_input(input: Option<&Map<String, Value>>, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if let Some(Err(refused)) = input.map(payload) {
        report.append(parent().join("input_data"), garde::Error::new(refused.to_string()));
    }
}

fn payload(input: &Map<String, Value>) -> Result<Payload, NotStorable> {
    Payload::new(Value::Object(input.clone()))
}

impl CreateSchedule {
    /// The schedule that is to be made; none where [`Validate`] would have refused it.
    pub(crate) fn command(self) -> Option<NewSchedule> {
        let at = |moment: Option<Moment>| moment.map(|moment| moment.0);
        let content = ScheduleContent {
            name: ScheduleName::parse(&self.name).ok()?,
            workflow: WorkflowId::new(self.workflow_id),
            version: self.version,
            timing: Timing {
                cron: self.cron,
                zone: self.time_zone,
                starts_at: at(self.starts_at),
                ends_at: at(self.ends_at),
            },
            input: payload(&self.input_data).ok()?,
            overlap: self.overlap.into(),
            missed: self.missed.policy(self.missed_limit),
            grace: Duration::from_secs(self.grace_seconds),
        };
        Some(NewSchedule { content, paused: self.paused })
    }
}

/// Changes of a schedule. Members that are left out keep what they are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "absent keeps, null clears, a value replaces")]
pub(crate) struct UpdateSchedule {
    /// What it is called; unique among the schedules that are there.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 100))]
    name: Option<String>,
    /// The workflow that it runs.
    #[serde(default)]
    #[schemars(with = "Uuid")]
    workflow_id: Option<Uuid>,
    /// The number of the version; null stands for what `execute` would run.
    #[serde(default, deserialize_with = "present")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    version: Option<Option<u32>>,
    /// A cron expression: minute, hour, day of the month, month, day of the week; or with the seconds first.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 500))]
    cron: Option<String>,
    /// The IANA time zone in which it is meant.
    #[serde(default)]
    #[schemars(with = "String", length(min = 1, max = 100))]
    time_zone: Option<String>,
    /// The first time at which it may tick; null takes it away. A time without a zone is UTC.
    #[serde(default, deserialize_with = "present")]
    starts_at: Option<Option<Moment>>,
    /// The last time at which it may tick; null takes it away. A time without a zone is UTC.
    #[serde(default, deserialize_with = "present")]
    ends_at: Option<Option<Moment>>,
    /// The input of its runs; replaced as a whole.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    input_data: Option<Map<String, Value>>,
    /// What happens to a tick while the run of the one before is not over.
    #[serde(default)]
    #[schemars(with = "OverlapName")]
    overlap: Option<OverlapName>,
    /// What happens to ticks that nobody was there for.
    #[serde(default)]
    #[schemars(with = "MissedName")]
    missed: Option<MissedName>,
    /// How many missed ticks are made up for; only beside `missed`, where that is `all`.
    #[serde(default)]
    #[schemars(with = "u32", range(min = 1, max = 100))]
    missed_limit: Option<u32>,
    /// How many seconds late a tick may be before it counts as missed.
    #[serde(default)]
    #[schemars(with = "u64", range(max = 3600))]
    grace_seconds: Option<u64>,
}

impl Validate for UpdateSchedule {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Some(name) = &self.name {
            check_name(name, parent, report);
        }
        check_limit(self.missed, self.missed_limit, parent, report);
        check_input(self.input_data.as_ref(), parent, report);
    }
}

impl UpdateSchedule {
    /// What is to be changed; what [`Validate`] would have refused is left out.
    pub(crate) fn command(self) -> ScheduleChanges {
        let at = |moment: Option<Moment>| moment.map(|moment| moment.0);
        let limit = self.missed_limit;
        ScheduleChanges {
            name: self.name.and_then(|name| ScheduleName::parse(&name).ok()),
            workflow: self.workflow_id.map(WorkflowId::new),
            version: self.version,
            cron: self.cron,
            zone: self.time_zone,
            starts_at: self.starts_at.map(at),
            ends_at: self.ends_at.map(at),
            input: self.input_data.and_then(|input| payload(&input).ok()),
            overlap: self.overlap.map(Into::into),
            missed: self.missed.map(|missed| missed.policy(limit)),
            grace: self.grace_seconds.map(Duration::from_secs),
        }
    }
}

impl Checked for SchedulePath {}
impl Checked for ScheduleQuery {}
impl Checked for TickQuery {}
impl Checked for PreviewQuery {}
impl Checked for PreviewTiming {}
impl Checked for CreateSchedule {
    /// Restricted callers schedule only their workflows.
    fn names(&self) -> Vec<Named> {
        vec![Named::Workflow(WorkflowId::new(self.workflow_id))]
    }
}
impl Checked for UpdateSchedule {
    fn names(&self) -> Vec<Named> {
        self.workflow_id.map(|id| Named::Workflow(WorkflowId::new(id))).into_iter().collect()
    }
}
