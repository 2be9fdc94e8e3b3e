//! Schedules and their ticks.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{ScheduleId, TickId},
    page::{Page, PageRequest, SortOrder},
    ports::{Schedules, StoreError},
    schedules::{Schedule, ScheduleFilter, Tick, TickStatus},
};

use crate::{MemoryStore, lists::page_of};

/// The rows. They are shared, so that a unit of work can try its changes on a copy.
#[derive(Clone, Default)]
pub(crate) struct ScheduleTable {
    schedules: BTreeMap<ScheduleId, Arc<Schedule>>,
    ticks: BTreeMap<TickId, Arc<Tick>>,
}

/// A change of a unit of work.
pub(crate) enum ScheduleChange {
    Add(Schedule),
    Replace(Schedule),
    Remove(Schedule),
    AddTick(Tick),
    ChangeTick(Tick),
}

impl ScheduleTable {
    pub(crate) fn make(&mut self, change: ScheduleChange) -> Result<(), StoreError> {
        match change {
            ScheduleChange::Add(schedule) => {
                let taken = self.schedules.contains_key(&schedule.id);
                self.put(taken, schedule)
            }
            ScheduleChange::Replace(schedule) => {
                let stored = self.schedules.get(&schedule.id).map(|stored| stored.revision + 1);
                self.put(stored != Some(schedule.revision), schedule)
            }
            ScheduleChange::Remove(schedule) => {
                let stored = self.schedules.get(&schedule.id).filter(|stored| stored.revision == schedule.revision);
                stored.map(drop).ok_or(StoreError::Conflict("schedule"))?;
                self.schedules.remove(&schedule.id);
                self.ticks.retain(|_, tick| tick.schedule != schedule.id);
                Ok(())
            }
            ScheduleChange::AddTick(tick) => {
                if !self.schedules.contains_key(&tick.schedule) || self.ticks.contains_key(&tick.id) {
                    return Err(StoreError::Conflict("tick"));
                }
                self.ticks.insert(tick.id, Arc::new(tick));
                Ok(())
            }
            ScheduleChange::ChangeTick(tick) => {
                if let Some(stored) = self.ticks.get_mut(&tick.id)
                    && tick.status.before().contains(&stored.status)
                {
                    let Tick { status, reason, message, decided_at, .. } = tick;
                    *stored = Arc::new(Tick { status, reason, message, decided_at, ..Tick::clone(stored) });
                }
                Ok(())
            }
        }
    }

    /// The ticks whose runs schedules have started last.
    pub(crate) fn last_started(&self) -> impl Iterator<Item = TickId> {
        self.schedules.values().filter_map(|schedule| schedule.last_started)
    }

    fn put(&mut self, refused: bool, schedule: Schedule) -> Result<(), StoreError> {
        if refused || self.schedules.values().any(|other| other.id != schedule.id && other.name == schedule.name) {
            return Err(StoreError::Conflict("schedule"));
        }
        self.schedules.insert(schedule.id, Arc::new(schedule));
        Ok(())
    }
}

#[async_trait]
impl Schedules for MemoryStore {
    async fn get(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        Ok(self.lock().management.schedules.schedules.get(&id).map(|schedule| Schedule::clone(schedule)))
    }

    async fn list(&self, filter: &ScheduleFilter, page: PageRequest) -> Result<Page<Schedule>, StoreError> {
        let state = self.lock();
        let found = state.management.schedules.schedules.values().map(AsRef::as_ref);
        let found = found.filter(|schedule| filter.matches(schedule));
        Ok(page_of(found, Schedule::cursor, SortOrder::Ascending, &page))
    }

    async fn due(&self, at: Timestamp, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        let state = self.lock();
        let all = state.management.schedules.schedules.values();
        let mut due: Vec<_> =
            all.filter(|schedule| schedule.is_due(at)).map(|schedule| Schedule::clone(schedule)).collect();
        due.sort_by_key(|schedule| (schedule.next_at.is_none(), schedule.next_at, schedule.id));
        due.truncate(limit);
        Ok(due)
    }

    async fn ticks(&self, of: ScheduleId, page: PageRequest) -> Result<Page<Tick>, StoreError> {
        let state = self.lock();
        let found = state.management.schedules.ticks.values().map(AsRef::as_ref);
        let found = found.filter(|tick| tick.schedule == of);
        Ok(page_of(found, Tick::cursor, SortOrder::Descending, &page))
    }

    async fn ticks_by_id(&self, ids: &[TickId]) -> Result<Vec<Tick>, StoreError> {
        let state = self.lock();
        let ticks = &state.management.schedules.ticks;
        Ok(ids.iter().filter_map(|id| ticks.get(id)).map(|tick| Tick::clone(tick)).collect())
    }

    async fn unstarted(&self, before: Timestamp, limit: usize) -> Result<Vec<Tick>, StoreError> {
        let is_left = |tick: &Tick| tick.status == TickStatus::Starting && tick.decided_at < before;
        Ok(self.oldest_ticks(is_left, limit))
    }

    async fn forget_ticks(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let is_over = |tick: &Tick| !matches!(tick.status, TickStatus::Waiting | TickStatus::Starting);
        let old = self.oldest_ticks(|tick| is_over(tick) && tick.decided_at < before, limit);
        let mut state = self.lock();
        for tick in &old {
            state.management.schedules.ticks.remove(&tick.id);
        }
        Ok(old.len() as u64)
    }
}

impl MemoryStore {
    fn oldest_ticks(&self, wanted: impl Fn(&Tick) -> bool, limit: usize) -> Vec<Tick> {
        let state = self.lock();
        let ticks = state.management.schedules.ticks.values();
        let mut found: Vec<_> = ticks.filter(|tick| wanted(tick)).map(|tick| Tick::clone(tick)).collect();
        found.sort_by_key(|tick| (tick.decided_at, tick.id));
        found.truncate(limit);
        found
    }
}
