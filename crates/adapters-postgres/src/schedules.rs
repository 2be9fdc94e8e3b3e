//! Schedules and their ticks: their rows and reading them.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{RunId, ScheduleId, TickId, WorkflowId},
    page::{Page, PageRequest, SortOrder},
    payload::Payload,
    ports::{Schedules, StoreError},
    schedules::{
        LastTick, MissedPolicy, OverlapPolicy, Schedule, ScheduleFilter, ScheduleName, ScheduleState, Tick, TickReason,
        TickStatus, Timing,
    },
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, Order, QueryFilter, QueryOrder,
    QuerySelect, sea_query::NullOrdering,
};

use crate::{
    PgStore,
    codec::{count, parsed, signed, signed_small, small, sound},
    entities::{schedule, schedule_tick},
    failure::{Failure, Outcome},
    lists::{self, Ids, Sorting, Times},
};

#[async_trait]
impl Schedules for PgStore {
    async fn get(&self, id: ScheduleId) -> Result<Option<Schedule>, StoreError> {
        let found = schedule::Entity::find_by_id(id.uuid()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode).transpose()?)
    }

    async fn list(&self, filter: &ScheduleFilter, page: PageRequest) -> Result<Page<Schedule>, StoreError> {
        let ScheduleFilter { state, workflow, name } = filter;
        let conditions = Condition::all()
            .add_option(state.map(|state| schedule::Column::State.eq(state.as_str())))
            .add_option(workflow.map(|workflow| schedule::Column::WorkflowId.eq(workflow.uuid())))
            .add_option(name.as_ref().map(|name| schedule::Column::Name.eq(name.as_str())));
        let wanted = schedule::Entity::find().filter(conditions);
        let sorting = sorting("name", "schedule_id", SortOrder::Ascending);
        let rows = sorting.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(decode).collect::<Outcome<_>>()?;
        Ok(Page::of(found, &page, lists::total(self, wanted, &page).await?, Schedule::cursor))
    }

    async fn due(&self, at: Timestamp, limit: usize) -> Result<Vec<Schedule>, StoreError> {
        let due =
            Condition::any().add(schedule::Column::NextAt.lte(at)).add(schedule::Column::QueuedTick.is_not_null());
        let rows = schedule::Entity::find()
            .filter(due)
            .order_by_with_nulls(schedule::Column::NextAt, Order::Asc, NullOrdering::Last)
            .order_by(schedule::Column::ScheduleId, Order::Asc)
            .limit(limit as u64)
            .all(self.management())
            .await
            .map_err(Failure::from)?;
        Ok(rows.into_iter().map(decode).collect::<Outcome<_>>()?)
    }

    async fn ticks(&self, of: ScheduleId, page: PageRequest) -> Result<Page<Tick>, StoreError> {
        let wanted = schedule_tick::Entity::find().filter(schedule_tick::Column::ScheduleId.eq(of.uuid()));
        let sorting = sorting("tick_at", "tick_id", SortOrder::Descending);
        let rows = sorting.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(decode_tick).collect::<Outcome<_>>()?;
        Ok(Page::of(found, &page, lists::total(self, wanted, &page).await?, Tick::cursor))
    }

    async fn ticks_by_id(&self, ids: &[TickId]) -> Result<Vec<Tick>, StoreError> {
        let ids = ids.iter().map(|id| id.uuid());
        let found = schedule_tick::Entity::find().filter(schedule_tick::Column::TickId.is_in(ids));
        let rows = found.all(self.management()).await.map_err(Failure::from)?;
        Ok(rows.into_iter().map(decode_tick).collect::<Outcome<_>>()?)
    }

    async fn unstarted(&self, before: Timestamp, limit: usize) -> Result<Vec<Tick>, StoreError> {
        let rows = schedule_tick::Entity::find()
            // Not as a parameter: the planner would not know that there is an index for just these.
            .filter(sea_orm::sea_query::Expr::cust("status = 'starting'"))
            .filter(schedule_tick::Column::DecidedAt.lt(before))
            .order_by(schedule_tick::Column::DecidedAt, Order::Asc)
            .order_by(schedule_tick::Column::TickId, Order::Asc)
            .limit(limit as u64)
            .all(self.management())
            .await
            .map_err(Failure::from)?;
        Ok(rows.into_iter().map(decode_tick).collect::<Outcome<_>>()?)
    }

    async fn forget_ticks(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let delete = sqlx::query(include_str!("sql/forget_ticks.sql"))
            .bind(before)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(delete.execute(self.pool()).await.map_err(Failure::from)?.rows_affected())
    }
}

fn sorting(value: &'static str, id: &'static str, order: SortOrder) -> Sorting {
    Sorting { value, id, times: Times::Zoned, ids: Ids::Uuid, order }
}

pub(crate) async fn insert(to: &DatabaseTransaction, schedule: &Schedule) -> Outcome<u64> {
    Ok(schedule::Entity::insert(encode(schedule)?).exec_without_returning(to).await?)
}

pub(crate) async fn update(to: &DatabaseTransaction, schedule: &Schedule) -> Outcome<u64> {
    let updated = schedule::Entity::update_many()
        .set(encode(schedule)?)
        .filter(schedule::Column::ScheduleId.eq(schedule.id.uuid()))
        .filter(schedule::Column::Revision.eq(signed(schedule.revision)? - 1))
        .exec(to)
        .await?;
    Ok(updated.rows_affected)
}

pub(crate) async fn delete(to: &DatabaseTransaction, schedule: &Schedule) -> Outcome<u64> {
    let deleted = schedule::Entity::delete_many()
        .filter(schedule::Column::ScheduleId.eq(schedule.id.uuid()))
        .filter(schedule::Column::Revision.eq(signed(schedule.revision)?))
        .exec(to)
        .await?;
    Ok(deleted.rows_affected)
}

pub(crate) async fn insert_tick(to: &DatabaseTransaction, tick: &Tick) -> Outcome<u64> {
    let row = schedule_tick::ActiveModel {
        tick_id: Set(tick.id.uuid()),
        schedule_id: Set(tick.schedule.uuid()),
        tick_at: Set(tick.at),
        tick_until: Set(tick.until),
        ticks: Set(signed_small(tick.count)?),
        manual: Set(tick.manual),
        status: Set(tick.status.as_str().to_owned()),
        reason: Set(tick.reason.map(|reason| reason.as_str().to_owned())),
        message: Set(tick.message.clone()),
        cancels: Set(tick.cancels.as_ref().map(ToString::to_string)),
        decided_at: Set(tick.decided_at),
    };
    Ok(schedule_tick::Entity::insert(row).exec_without_returning(to).await?)
}

pub(crate) async fn change_tick(to: &DatabaseTransaction, tick: &Tick) -> Outcome<()> {
    let change = schedule_tick::ActiveModel {
        status: Set(tick.status.as_str().to_owned()),
        reason: Set(tick.reason.map(|reason| reason.as_str().to_owned())),
        message: Set(tick.message.clone()),
        decided_at: Set(tick.decided_at),
        ..Default::default()
    };
    let before = tick.status.before().iter().map(|status| status.as_str());
    schedule_tick::Entity::update_many()
        .set(change)
        .filter(schedule_tick::Column::TickId.eq(tick.id.uuid()))
        .filter(schedule_tick::Column::Status.is_in(before))
        .exec(to)
        .await?;
    Ok(())
}

fn encode(schedule: &Schedule) -> Outcome<schedule::ActiveModel> {
    let Timing { cron, zone, starts_at, ends_at } = &schedule.timing;
    let (missed, missed_limit) = schedule.missed.parts();
    Ok(schedule::ActiveModel {
        schedule_id: Set(schedule.id.uuid()),
        name: Set(schedule.name.as_str().to_owned()),
        workflow_id: Set(schedule.workflow.uuid()),
        version: Set(schedule.version.map(signed_small).transpose()?),
        cron: Set(cron.clone()),
        time_zone: Set(zone.clone()),
        starts_at: Set(*starts_at),
        ends_at: Set(*ends_at),
        input: Set(schedule.input.text().to_owned()),
        overlap: Set(schedule.overlap.as_str().to_owned()),
        missed: Set(missed.to_owned()),
        missed_limit: Set(signed_small(missed_limit)?),
        grace_seconds: Set(signed(schedule.grace.as_secs())?),
        state: Set(schedule.state.as_str().to_owned()),
        next_at: Set(schedule.next_at),
        queued_tick: Set(schedule.queued.map(TickId::uuid)),
        last_tick: Set(schedule.last.map(|last| last.id.uuid())),
        last_tick_at: Set(schedule.last.map(|last| last.at)),
        last_started: Set(schedule.last_started.map(TickId::uuid)),
        revision: Set(signed(schedule.revision)?),
        created_at: Set(schedule.created_at),
        created_by: Set(schedule.created_by.clone()),
        updated_at: Set(schedule.updated_at),
        updated_by: Set(schedule.updated_by.clone()),
    })
}

fn decode(row: schedule::Model) -> Outcome<Schedule> {
    let last = row.last_tick.zip(row.last_tick_at).map(|(id, at)| LastTick { id: TickId::new(id), at });
    Ok(Schedule {
        id: ScheduleId::new(row.schedule_id),
        name: parsed("name of a schedule", ScheduleName::parse(&row.name))?,
        workflow: WorkflowId::new(row.workflow_id),
        version: row.version.map(small).transpose()?,
        timing: Timing { cron: row.cron, zone: row.time_zone, starts_at: row.starts_at, ends_at: row.ends_at },
        input: Payload::from_stored(row.input),
        overlap: sound("overlap policy", OverlapPolicy::parse(&row.overlap))?,
        missed: sound("policy for missed ticks", MissedPolicy::parse(&row.missed, small(row.missed_limit)?))?,
        grace: Duration::from_secs(count(row.grace_seconds)?),
        state: sound("state of a schedule", ScheduleState::parse(&row.state))?,
        next_at: row.next_at,
        queued: row.queued_tick.map(TickId::new),
        last,
        last_started: row.last_started.map(TickId::new),
        revision: count(row.revision)?,
        created_at: row.created_at,
        created_by: row.created_by,
        updated_at: row.updated_at,
        updated_by: row.updated_by,
    })
}

fn decode_tick(row: schedule_tick::Model) -> Outcome<Tick> {
    Ok(Tick {
        id: TickId::new(row.tick_id),
        schedule: ScheduleId::new(row.schedule_id),
        at: row.tick_at,
        until: row.tick_until,
        count: small(row.ticks)?,
        manual: row.manual,
        status: sound("status of a tick", TickStatus::parse(&row.status))?,
        reason: row.reason.map(|reason| sound("reason", TickReason::parse(&reason))).transpose()?,
        message: row.message,
        cancels: row.cancels.map(|run| parsed("run id", RunId::parse(&run))).transpose()?,
        decided_at: row.decided_at,
    })
}
