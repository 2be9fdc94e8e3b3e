//! The dead letters: what people read and do. What commits change there is in `journal/dead_letters.rs`.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{
    Timestamp,
    agents::AgentName,
    audit::AuditEntry,
    ids::{DeadLetterId, RunId, Seq, StepId, StepPath, WorkflowRef},
    page::{EXACT_TOTAL, Page, PageRequest, SortOrder},
    ports::{DeadLetterCounts, DeadLetters, StoreError},
    runs::{DeadLetter, DeadLetterEntry, DeadLetterFilter, DeadLetterStatus, Replay, StepExecution},
};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, Select};
use sqlx::{Postgres, postgres::PgArguments, query::Query};

use crate::{
    PgStore, audit,
    codec::{count, parsed, signed, small, sound},
    entities::{dead_letter, step},
    failure::{Failure, Outcome},
    lists::{self, Ids, Sorting, Times},
    runs::decode_step,
};

#[async_trait]
impl DeadLetters for PgStore {
    async fn get(&self, id: DeadLetterId) -> Result<Option<DeadLetterEntry>, StoreError> {
        let found = dead_letter::Entity::find_by_id(id.uuid()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode).transpose()?)
    }

    async fn list(
        &self,
        filter: &DeadLetterFilter,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<DeadLetterEntry>, StoreError> {
        let wanted = wanted(filter);
        let sorting = Sorting { value: "last_failed_at", id: "dlq_id", times: Times::Zoned, ids: Ids::Uuid, order };
        let rows = sorting.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(decode).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, &page).await?;
        Ok(Page::of(found, &page, total, DeadLetterEntry::cursor))
    }

    async fn attempts(&self, run: &RunId, path: &StepPath) -> Result<Vec<StepExecution>, StoreError> {
        let ended = step::Entity::find()
            .filter(step::Column::RunId.eq(run.as_str()))
            .filter(step::Column::Path.eq(path.as_str()))
            .order_by(step::Column::Execution, Order::Asc);
        let rows = ended.all(self.management()).await.map_err(Failure::from)?;
        let mut attempts = HashMap::new();
        let steps = rows.into_iter().map(|row| decode_step(run, row, &mut attempts));
        Ok(steps.filter_map(Result::transpose).collect::<Outcome<_>>()?)
    }

    async fn claim(
        &self,
        id: DeadLetterId,
        seen: Option<Replay>,
        replay: &Replay,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let claim = sqlx::query(include_str!("sql/claim_dead_letter.sql"))
            .bind(id.uuid())
            .bind(replay.run.as_str())
            .bind(replay.at)
            .bind(seen.map(|seen| seen.run.to_string()));
        Ok(self.audited(claim, audit).await? > 0)
    }

    async fn give_back(
        &self,
        id: DeadLetterId,
        replay: &Replay,
        before: Option<Replay>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let give_back = sqlx::query(include_str!("sql/give_back_dead_letter.sql"))
            .bind(id.uuid())
            .bind(replay.run.as_str())
            .bind(before.as_ref().map(|before| before.run.to_string()))
            .bind(before.map(|before| before.at));
        self.audited(give_back, audit).await?;
        Ok(())
    }

    async fn delete(&self, id: DeadLetterId, audit: &AuditEntry) -> Result<bool, StoreError> {
        let delete = sqlx::query(include_str!("sql/delete_dead_letter.sql")).bind(id.uuid());
        Ok(self.audited(delete, audit).await? > 0)
    }

    async fn delete_older(&self, than: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let delete = sqlx::query(include_str!("sql/delete_old_dead_letters.sql")).bind(than).bind(limit);
        Ok(self.changed(delete).await?)
    }

    async fn count(&self) -> Result<DeadLetterCounts, StoreError> {
        let select = sqlx::query_as(include_str!("sql/count_dead_letters.sql")).bind(signed(EXACT_TOTAL)?);
        let (pending, replayed): (i64, i64) = select.fetch_one(self.pool()).await.map_err(Failure::from)?;
        Ok(DeadLetterCounts { pending: count(pending)?, replayed: count(replayed)? })
    }
}

impl PgStore {
    /// The same with an entry of the audit log, in one transaction; nothing is written where nothing has changed.
    async fn audited(&self, statement: Query<'_, Postgres, PgArguments>, entry: &AuditEntry) -> Outcome<u64> {
        let mut transaction = self.pool().begin().await?;
        let changed = statement.execute(&mut *transaction).await?.rows_affected();
        if changed > 0 {
            audit::write(&mut transaction, &[entry]).await.map_err(audit::done_before)?;
        }
        transaction.commit().await?;
        Ok(changed)
    }

    /// How many rows a statement has changed.
    async fn changed(&self, statement: Query<'_, Postgres, PgArguments>) -> Outcome<u64> {
        Ok(statement.execute(self.pool()).await?.rows_affected())
    }
}

/// The translation of [`DeadLetterFilter::matches`].
fn wanted(filter: &DeadLetterFilter) -> Select<dead_letter::Entity> {
    let mut wanted = dead_letter::Entity::find();
    if let Some(workflow) = filter.workflow {
        wanted = wanted.filter(dead_letter::Column::WorkflowId.eq(workflow.to_string()));
    }
    if let Some(agent) = &filter.agent {
        wanted = wanted.filter(dead_letter::Column::AgentName.eq(agent.as_str()));
    }
    if let Some(run) = &filter.run {
        wanted = wanted.filter(dead_letter::Column::RunId.eq(run.as_str()));
    }
    if let Some(status) = filter.status {
        wanted = wanted.filter(dead_letter::Column::Status.eq(status.as_str()));
    }
    if let Some(after) = filter.failed_after {
        wanted = wanted.filter(dead_letter::Column::LastFailedAt.gte(after));
    }
    if let Some(before) = filter.failed_before {
        wanted = wanted.filter(dead_letter::Column::LastFailedAt.lte(before));
    }
    wanted
}

fn decode(row: dead_letter::Model) -> Outcome<DeadLetterEntry> {
    let run = |id: &str| parsed("run id", RunId::parse(id));
    let replay = match (row.replayed_run_id, row.replayed_at) {
        (Some(id), Some(at)) => Some(Replay { run: run(&id)?, at }),
        _ => None,
    };
    Ok(DeadLetterEntry {
        run: run(&row.run_id)?,
        last_run: run(&row.last_run_id)?,
        workflow: WorkflowRef::from_text(&row.workflow_id),
        workflow_name: row.workflow_name,
        workflow_version: row.workflow_version.map(small).transpose()?,
        last: DeadLetter {
            id: DeadLetterId::new(row.dlq_id),
            step: parsed("step id", StepId::parse(&row.step_id))?,
            path: parsed("step path", StepPath::parse(&row.path))?,
            agent: parsed("agent's name", AgentName::parse(&row.agent_name))?,
            execution: Seq::new(count(row.execution)?),
            generation: small(row.generation)?,
            round: small(row.round)?,
            attempts: small(row.attempts)?,
            reason: row.failure_reason,
        },
        first_failed_at: row.first_failed_at,
        last_failed_at: row.last_failed_at,
        failure_count: small(row.failure_count)?,
        status: sound("status", DeadLetterStatus::parse(&row.status))?,
        replay,
    })
}
