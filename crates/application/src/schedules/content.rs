//! What is said about a schedule, and everything that may be wrong with it.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    ids::{ScheduleId, TickId, WorkflowId},
    payload::Payload,
    ports::{Calendar, StoreError, Ticks, Workflows},
    schedules::{
        InputTemplate, LastTick, MissedPolicy, OverlapPolicy, Schedule, ScheduleName, TickNames, Timing, first_tick,
    },
};

use crate::{Ports, plans::PlanCache};

/// What is said about a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members of a schedule, as `Schedule` documents them")]
pub struct ScheduleContent {
    pub name: ScheduleName,
    pub workflow: WorkflowId,
    pub version: Option<u32>,
    pub timing: Timing,
    pub input: Payload,
    pub overlap: OverlapPolicy,
    pub missed: MissedPolicy,
    pub grace: Duration,
}

impl From<&Schedule> for ScheduleContent {
    fn from(schedule: &Schedule) -> Self {
        Self {
            name: schedule.name.clone(),
            workflow: schedule.workflow,
            version: schedule.version,
            timing: schedule.timing.clone(),
            input: schedule.input.clone(),
            overlap: schedule.overlap,
            missed: schedule.missed,
            grace: schedule.grace,
        }
    }
}

/// Something that is wrong with a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleMistake {
    /// Where, as a JSON Pointer into the request.
    pub pointer: String,
    /// What, for people.
    pub message: String,
}

/// A schedule that makes no sense; every mistake of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schedule is not valid: {}", .0.iter().map(|m| format!("{} {}", m.pointer, m.message)).collect::<Vec<_>>().join("; "))]
pub struct RefusedSchedule(pub Vec<ScheduleMistake>);

/// Why a schedule cannot be checked or is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    /// It makes no sense.
    #[error(transparent)]
    Refused(#[from] RefusedSchedule),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds what is wrong with schedules.
pub(super) struct Checker {
    calendar: Arc<dyn Calendar>,
    workflows: Arc<dyn Workflows>,
    plans: Arc<PlanCache>,
}

impl Checker {
    pub(super) fn new(ports: &Ports) -> Self {
        Self { calendar: ports.calendar.clone(), workflows: ports.workflows.clone(), plans: ports.plans.clone() }
    }

    /// The first tick, or all mistakes. `last` is the last tick that was decided about.
    pub(super) async fn check(
        &self,
        id: ScheduleId,
        content: &ScheduleContent,
        now: Timestamp,
        last: Option<LastTick>,
    ) -> Result<Timestamp, CheckError> {
        let mut mistakes = Vec::new();
        let next = self.next(&content.timing, now, last, &mut mistakes);
        self.check_input(id, content, next.unwrap_or(now), &mut mistakes).await?;
        match next {
            Some(next) if mistakes.is_empty() => Ok(next),
            _ => Err(RefusedSchedule(mistakes).into()),
        }
    }

    /// The first tick of a timing after a time.
    pub(super) fn next(
        &self,
        timing: &Timing,
        now: Timestamp,
        last: Option<LastTick>,
        mistakes: &mut Vec<ScheduleMistake>,
    ) -> Option<Timestamp> {
        let ticks = self.ticks(timing, mistakes)?;
        let next = first_tick(timing, &*ticks, now, last);
        if next.is_none() && mistakes.is_empty() {
            mistakes.push(mistake("/ends_at", "there is no tick until then"));
        }
        next
    }

    /// When it ticks.
    pub(super) fn ticks(&self, timing: &Timing, mistakes: &mut Vec<ScheduleMistake>) -> Option<Arc<dyn Ticks>> {
        if let (Some(start), Some(end)) = (timing.starts_at, timing.ends_at)
            && end < start
        {
            mistakes.push(mistake("/ends_at", "must not be before starts_at"));
        }
        match self.calendar.read(&timing.cron, &timing.zone) {
            Ok(ticks) => Some(ticks),
            Err(invalid) => {
                let found = [("/cron", invalid.cron), ("/time_zone", invalid.zone)];
                mistakes.extend(found.into_iter().filter_map(|(at, wrong)| Some(mistake(at, wrong?))));
                None
            }
        }
    }

    /// Whether there is such a workflow, and whether the input of a run at this time would fit it.
    async fn check_input(
        &self,
        id: ScheduleId,
        content: &ScheduleContent,
        at: Timestamp,
        mistakes: &mut Vec<ScheduleMistake>,
    ) -> Result<(), StoreError> {
        let template = InputTemplate(content.input.value());
        let problems = template.problems();
        let is_readable = problems.is_empty();
        mistakes.extend(
            problems.into_iter().map(|found| mistake(&format!("/input_data{}", found.pointer), found.to_string())),
        );
        let Some(definition) = self.workflows.executable(content.workflow, content.version).await? else {
            mistakes.push(match (content.version, self.workflows.get(content.workflow).await?) {
                (Some(version), Some(_)) => mistake("/version", format!("the workflow has no version {version}")),
                (None, _) | (Some(_), None) => {
                    mistake("/workflow_id", format!("there is no workflow with the id '{}'", content.workflow))
                }
            });
            return Ok(());
        };
        // Who made it with a plan that does not compile was told so, and may mend it before it ticks.
        let Ok(plan) = self.plans.get(definition.plan).await else { return Ok(()) };
        let names = TickNames::at(id, &content.name, at, TickId::of(id, at));
        if let (true, Ok(input)) = (is_readable, template.fill(&names)) {
            let unfit = plan.input_violations(&input).into_iter();
            mistakes.extend(unfit.map(|found| mistake(&format!("/input_data{}", found.pointer), found.message)));
        }
        Ok(())
    }
}

pub(super) fn mistake(pointer: &str, message: impl Into<String>) -> ScheduleMistake {
    ScheduleMistake { pointer: pointer.to_owned(), message: message.into() }
}
