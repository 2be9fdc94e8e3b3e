//! Changes a schedule.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, ScheduleId, WorkflowId},
    payload::Payload,
    ports::{Clock, IdGenerator, Schedules, StoreError, Transactions},
    schedules::{MissedPolicy, OverlapPolicy, Schedule, ScheduleFilter, ScheduleName, ScheduleState},
};

use super::{
    RefusedSchedule, ScheduleContent,
    content::{CheckError, Checker},
};
use crate::{Ports, TRIES};

/// What is to be changed; what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members of a schedule, as `Schedule` documents them")]
pub struct ScheduleChanges {
    pub name: Option<ScheduleName>,
    pub workflow: Option<WorkflowId>,
    pub version: Option<Option<u32>>,
    pub cron: Option<String>,
    pub zone: Option<String>,
    pub starts_at: Option<Option<Timestamp>>,
    pub ends_at: Option<Option<Timestamp>>,
    pub input: Option<Payload>,
    pub overlap: Option<OverlapPolicy>,
    pub missed: Option<MissedPolicy>,
    pub grace: Option<Duration>,
}

impl ScheduleChanges {
    fn made(&self, of: &Schedule) -> ScheduleContent {
        let mut made = ScheduleContent::from(of);
        let changes = self.clone();
        changes.name.into_iter().for_each(|name| made.name = name);
        changes.workflow.into_iter().for_each(|workflow| made.workflow = workflow);
        changes.version.into_iter().for_each(|version| made.version = version);
        changes.cron.into_iter().for_each(|cron| made.timing.cron = cron);
        changes.zone.into_iter().for_each(|zone| made.timing.zone = zone);
        changes.starts_at.into_iter().for_each(|at| made.timing.starts_at = at);
        changes.ends_at.into_iter().for_each(|at| made.timing.ends_at = at);
        changes.input.into_iter().for_each(|input| made.input = input);
        changes.overlap.into_iter().for_each(|overlap| made.overlap = overlap);
        changes.missed.into_iter().for_each(|missed| made.missed = missed);
        changes.grace.into_iter().for_each(|grace| made.grace = grace);
        made
    }
}

/// Why a schedule was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateScheduleError {
    /// There is no such schedule.
    #[error("Schedule with id '{0}' not found")]
    NotFound(ScheduleId),
    /// Another schedule has the name.
    #[error("Schedule with name '{0}' already exists")]
    NameTaken(ScheduleName),
    /// It would make no sense.
    #[error(transparent)]
    Refused(#[from] RefusedSchedule),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CheckError> for UpdateScheduleError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Refused(refused) => refused.into(),
            CheckError::Store(error) => error.into(),
        }
    }
}

/// Changes a schedule.
pub struct UpdateSchedule {
    checker: Checker,
    schedules: Arc<dyn Schedules>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl UpdateSchedule {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            checker: Checker::new(ports),
            schedules: ports.schedules.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Changes it. Where another time is said, what was due by the old one and is not decided about yet is dropped.
    pub async fn execute(
        &self,
        id: ScheduleId,
        changes: &ScheduleChanges,
        by: &Actor,
    ) -> Result<Schedule, UpdateScheduleError> {
        let mut tries = 0;
        loop {
            let before = self.schedules.get(id).await?.ok_or(UpdateScheduleError::NotFound(id))?;
            let after = self.changed(&before, changes, by).await?;
            tries += 1;
            match self.keep(&before, &after, by).await {
                Ok(()) => return Ok(after),
                Err(StoreError::Conflict(_)) if self.has_name(&after).await? => {
                    return Err(UpdateScheduleError::NameTaken(after.name));
                }
                // It has ticked meanwhile.
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn changed(
        &self,
        before: &Schedule,
        changes: &ScheduleChanges,
        by: &Actor,
    ) -> Result<Schedule, UpdateScheduleError> {
        let (content, now) = (changes.made(before), self.clock.now());
        let next = self.checker.check(before.id, &content, now, before.last).await?;
        let has_new_times = content.timing != before.timing;
        let state = match before.state {
            ScheduleState::Ended if has_new_times => ScheduleState::Active,
            same => same,
        };
        let next_at = if has_new_times { Some(next) } else { before.next_at };
        Ok(Schedule {
            name: content.name,
            workflow: content.workflow,
            version: content.version,
            timing: content.timing,
            input: content.input,
            overlap: content.overlap,
            missed: content.missed,
            grace: content.grace,
            state,
            next_at: next_at.filter(|_| state == ScheduleState::Active),
            revision: before.revision + 1,
            updated_at: now,
            updated_by: by.name.clone(),
            ..before.clone()
        })
    }

    async fn has_name(&self, changed: &Schedule) -> Result<bool, StoreError> {
        let filter = ScheduleFilter { name: Some(changed.name.to_string()), ..ScheduleFilter::default() };
        let found = self.schedules.list(&filter, super::list_schedules::first()).await?;
        Ok(found.items.iter().any(|other| other.id != changed.id))
    }

    async fn keep(&self, before: &Schedule, after: &Schedule, by: &Actor) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_schedule(after).await?;
        let id = AuditId::new(self.ids.unique());
        let at = after.updated_at;
        if let Some(entry) = AuditEntry::of_schedule(id, by, Action::Update, Some(before), Some(after), at) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
