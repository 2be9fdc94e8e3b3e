//! Schedules and their ticks: their rows and reading them.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{RunId, ScheduleId, TickId, WorkflowId},
    page::{EXACT_TOTAL, Page, PageRequest, SortOrder, Total},
    ports::{Schedules, StoreError},
    schedules::{
        LastTick, MissedPolicy, OverlapPolicy, Schedule, ScheduleFilter, ScheduleName, ScheduleState, Tick, TickReason,
        TickStatus, Timing,
    },
};
use rusqlite::{Connection, Row, named_params, params, params_from_iter};
use uuid::Uuid;

use crate::{
    SqliteStore,
    codec::{all, count, first, maybe_time, micros, parsed, payload, signed, small, sound, text, time, uuid},
    failure::Outcome,
    lists::{Conditions, Id},
    units::refused,
};

const SCHEDULE: &str = "schedule_id, name, workflow_id, version, cron, time_zone, starts_at, ends_at, input, overlap, missed,
    missed_limit, grace_seconds, state, next_at, queued_tick, last_tick, last_tick_at, last_started, revision, created_at,
    created_by, updated_at, updated_by";

const SCHEDULE_VALUES: &str = ":schedule_id, :name, :workflow_id, :version, :cron, :time_zone, :starts_at, :ends_at, :input,
    :overlap, :missed, :missed_limit, :grace_seconds, :state, :next_at, :queued_tick, :last_tick, :last_tick_at, :last_started,
    :revision, :created_at, :created_by, :updated_at, :updated_by";

const TICK: &str =
    "tick_id, schedule_id, tick_at, tick_until, ticks, manual, status, reason, message, cancels, decided_at";

#[async_trait]
impl Schedules for SqliteStore {
    async fn get(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {SCHEDULE} FROM schedules WHERE schedule_id = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], schedule)
        };
        self.readers().read(read).await
    }

    async fn list(&self, filter: &ScheduleFilter, page: PageRequest) -> Result<Page<Schedule>, StoreError> {
        let wanted = wanted(filter);
        let read = move |connection: &Connection| {
            let following = wanted.after(&page, ["name", "schedule_id"], SortOrder::Ascending, Id::Uuid)?;
            let conditions = following.sql();
            let sql =
                format!("SELECT {SCHEDULE} FROM schedules{conditions} ORDER BY name, schedule_id LIMIT ? OFFSET ?");
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, schedule)?;
            Ok(Page::of(found, &page, counted(&wanted, connection, &page, "schedules")?, Schedule::cursor))
        };
        self.readers().read(read).await
    }

    async fn due(&self, at: Timestamp, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = move |connection: &Connection| {
            let sql = format!(
                "SELECT {SCHEDULE} FROM schedules WHERE next_at <= ?1 OR queued_tick IS NOT NULL
                 ORDER BY next_at IS NULL, next_at, schedule_id LIMIT ?2"
            );
            all(&mut *connection.prepare_cached(&sql)?, params![micros(at), limit], schedule)
        };
        self.readers().read(read).await
    }

    async fn ticks(&self, of: ScheduleId, page: PageRequest) -> Result<Page<Tick>, StoreError> {
        let mut wanted = Conditions::default();
        wanted.add("schedule_id = ?", of.uuid().as_bytes().to_vec());
        let read = move |connection: &Connection| {
            let following = wanted.after(&page, ["tick_at", "tick_id"], SortOrder::Descending, Id::Uuid)?;
            let conditions = following.sql();
            let sql = format!(
                "SELECT {TICK} FROM schedule_ticks{conditions} ORDER BY tick_at DESC, tick_id DESC LIMIT ? OFFSET ?"
            );
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, tick)?;
            Ok(Page::of(found, &page, counted(&wanted, connection, &page, "schedule_ticks")?, Tick::cursor))
        };
        self.readers().read(read).await
    }

    async fn ticks_by_id(&self, ids: &[TickId]) -> Result<Vec<Tick>, StoreError> {
        let ids = ids.to_vec();
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {TICK} FROM schedule_ticks WHERE tick_id = ?1");
            let mut select = connection.prepare_cached(&sql)?;
            let found = ids.iter().map(|id| first(&mut select, [id.uuid().as_bytes()], tick));
            found.filter_map(Result::transpose).collect()
        };
        self.readers().read(read).await
    }

    async fn unstarted(&self, before: Timestamp, limit: usize) -> Result<Vec<Tick>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = move |connection: &Connection| {
            let sql = format!(
                "SELECT {TICK} FROM schedule_ticks WHERE status = 'starting' AND decided_at < ?1
                 ORDER BY decided_at, tick_id LIMIT ?2"
            );
            all(&mut *connection.prepare_cached(&sql)?, params![micros(before), limit], tick)
        };
        self.readers().read(read).await
    }

    async fn forget_ticks(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let forget = move |connection: &Connection| {
            let sql = "DELETE FROM schedule_ticks WHERE tick_id IN (
                         SELECT tick_id FROM schedule_ticks
                         WHERE decided_at < ?1 AND status NOT IN ('waiting', 'starting') ORDER BY decided_at, tick_id LIMIT ?2)";
            Ok(connection.prepare_cached(sql)?.execute(params![micros(before), limit])? as u64)
        };
        self.writer().work(move |session| session.transaction(forget)).await
    }
}

/// The translation of [`ScheduleFilter::matches`].
fn wanted(filter: &ScheduleFilter) -> Conditions {
    let mut wanted = Conditions::default();
    if let Some(state) = filter.state {
        wanted.add("state = ?", state.as_str().to_owned());
    }
    if let Some(workflow) = filter.workflow {
        wanted.add("workflow_id = ?", workflow.uuid().as_bytes().to_vec());
    }
    if let Some(name) = &filter.name {
        wanted.add("name = ?", name.clone());
    }
    wanted
}

/// How many there are, if a page wants to know; above what is counted, at least so many.
fn counted(wanted: &Conditions, connection: &Connection, page: &PageRequest, table: &str) -> Outcome<Option<Total>> {
    if !page.is_counted() {
        return Ok(None);
    }
    let count = wanted.count(connection, table)?;
    Ok(Some(if count > EXACT_TOTAL { Total::Estimate(count) } else { Total::Exact(count) }))
}

/// A change of a unit of work.
pub(crate) enum ScheduleChange {
    Add(Schedule),
    Replace(Schedule),
    Remove(Schedule),
    AddTick(Tick),
    ChangeTick(Tick),
}

impl ScheduleChange {
    pub(crate) fn make(&self, connection: &Connection) -> Outcome<()> {
        match self {
            Self::Add(schedule) => {
                let sql = format!("INSERT INTO schedules ({SCHEDULE}) VALUES ({SCHEDULE_VALUES})");
                refused("schedule", write(connection, &sql, schedule))
            }
            Self::Replace(schedule) => {
                let sql = format!(
                    "UPDATE schedules SET ({SCHEDULE}) = ({SCHEDULE_VALUES})
                     WHERE schedule_id = :schedule_id AND revision = :revision - 1"
                );
                refused("schedule", write(connection, &sql, schedule))
            }
            Self::Remove(schedule) => refused("schedule", delete(connection, schedule)),
            Self::AddTick(tick) => refused("tick", insert_tick(connection, tick)),
            Self::ChangeTick(tick) => change_tick(connection, tick),
        }
    }
}

fn delete(connection: &Connection, schedule: &Schedule) -> Outcome<usize> {
    let mut delete = connection.prepare_cached("DELETE FROM schedules WHERE schedule_id = ?1 AND revision = ?2")?;
    Ok(delete.execute(params![schedule.id.uuid().as_bytes(), signed(schedule.revision)?])?)
}

fn insert_tick(connection: &Connection, tick: &Tick) -> Outcome<usize> {
    let sql = format!("INSERT INTO schedule_ticks ({TICK}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    Ok(connection.prepare_cached(&sql)?.execute(params![
        tick.id.uuid().as_bytes(),
        tick.schedule.uuid().as_bytes(),
        micros(tick.at),
        micros(tick.until),
        tick.count,
        tick.manual,
        tick.status.as_str(),
        tick.reason.map(TickReason::as_str),
        tick.message,
        tick.cancels.as_ref().map(RunId::as_str),
        micros(tick.decided_at),
    ])?)
}

fn change_tick(connection: &Connection, tick: &Tick) -> Outcome<()> {
    let sql = "UPDATE schedule_ticks SET status = ?2, reason = ?3, message = ?4, decided_at = ?5
               WHERE tick_id = ?1 AND status = ?6";
    let mut update = connection.prepare_cached(sql)?;
    for before in tick.status.before() {
        update.execute(params![
            tick.id.uuid().as_bytes(),
            tick.status.as_str(),
            tick.reason.map(TickReason::as_str),
            tick.message,
            micros(tick.decided_at),
            before.as_str(),
        ])?;
    }
    Ok(())
}

fn write(connection: &Connection, sql: &str, schedule: &Schedule) -> Outcome<usize> {
    let Timing { cron, zone, starts_at, ends_at } = &schedule.timing;
    let (missed, missed_limit) = schedule.missed.parts();
    let bytes = |tick: TickId| tick.uuid().into_bytes();
    let values = named_params! {
        ":schedule_id": schedule.id.uuid().into_bytes(),
        ":name": schedule.name.as_str(),
        ":workflow_id": schedule.workflow.uuid().into_bytes(),
        ":version": schedule.version,
        ":cron": cron,
        ":time_zone": zone,
        ":starts_at": starts_at.map(micros),
        ":ends_at": ends_at.map(micros),
        ":input": schedule.input.text(),
        ":overlap": schedule.overlap.as_str(),
        ":missed": missed,
        ":missed_limit": missed_limit,
        ":grace_seconds": signed(schedule.grace.as_secs())?,
        ":state": schedule.state.as_str(),
        ":next_at": schedule.next_at.map(micros),
        ":queued_tick": schedule.queued.map(bytes),
        ":last_tick": schedule.last.map(|last| bytes(last.id)),
        ":last_tick_at": schedule.last.map(|last| micros(last.at)),
        ":last_started": schedule.last_started.map(bytes),
        ":revision": signed(schedule.revision)?,
        ":created_at": micros(schedule.created_at),
        ":created_by": schedule.created_by,
        ":updated_at": micros(schedule.updated_at),
        ":updated_by": schedule.updated_by,
    };
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

fn schedule(row: &Row<'_>) -> Outcome<Schedule> {
    let last = tick_id(row, 16)?.zip(maybe_time(row, 17)?).map(|(id, at)| LastTick { id, at });
    let version: Option<i64> = row.get(3)?;
    Ok(Schedule {
        id: ScheduleId::new(uuid(row, 0)?),
        name: parsed("name of a schedule", ScheduleName::parse(text(row, 1)?))?,
        workflow: WorkflowId::new(uuid(row, 2)?),
        version: version.map(|version| parsed("version", u32::try_from(version))).transpose()?,
        timing: Timing {
            cron: row.get(4)?,
            zone: row.get(5)?,
            starts_at: maybe_time(row, 6)?,
            ends_at: maybe_time(row, 7)?,
        },
        input: payload(row, 8)?,
        overlap: sound("overlap policy", OverlapPolicy::parse(text(row, 9)?))?,
        missed: sound("policy for missed ticks", MissedPolicy::parse(text(row, 10)?, small(row, 11)?))?,
        grace: Duration::from_secs(count(row, 12)?),
        state: sound("state of a schedule", ScheduleState::parse(text(row, 13)?))?,
        next_at: maybe_time(row, 14)?,
        queued: tick_id(row, 15)?,
        last,
        last_started: tick_id(row, 18)?,
        revision: count(row, 19)?,
        created_at: time(row, 20)?,
        created_by: row.get(21)?,
        updated_at: time(row, 22)?,
        updated_by: row.get(23)?,
    })
}

fn tick(row: &Row<'_>) -> Outcome<Tick> {
    let (reason, cancels): (Option<String>, Option<String>) = (row.get(7)?, row.get(9)?);
    Ok(Tick {
        id: TickId::new(uuid(row, 0)?),
        schedule: ScheduleId::new(uuid(row, 1)?),
        at: time(row, 2)?,
        until: time(row, 3)?,
        count: small(row, 4)?,
        manual: row.get(5)?,
        status: sound("status of a tick", TickStatus::parse(text(row, 6)?))?,
        reason: reason.map(|reason| sound("reason", TickReason::parse(&reason))).transpose()?,
        message: row.get(8)?,
        cancels: cancels.map(|run| parsed("run id", RunId::parse(&run))).transpose()?,
        decided_at: time(row, 10)?,
    })
}

fn tick_id(row: &Row<'_>, column: usize) -> Outcome<Option<TickId>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    bytes.map(|bytes| parsed("UUID", Uuid::from_slice(&bytes)).map(TickId::new)).transpose()
}
