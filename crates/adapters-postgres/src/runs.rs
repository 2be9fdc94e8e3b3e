//! Reading runs.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use domain::{
    agents::AgentName,
    ids::{CommitId, RunId, Seq, StepExecutionId, StepId, StepPath, WorkflowRef},
    page::{Page, PageRequest, SortOrder},
    payload::Payload,
    ports::{Runs, StoreError},
    runs::{
        EndedAttempt, EventRecord, Labels, NumberedEvent, Run, RunEngine, RunFilter, RunSort, RunStatus, RunTip,
        StepExecution, StepStatus,
    },
    workflows::VersionAddress,
};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, Select, sea_query::Expr};
use serde_json::Value;

use crate::{
    PgStore,
    codec::{count, parsed, plan_hash, signed, signed_small, small, sound},
    entities::{event, run, step},
    exact,
    failure::{Failure, Outcome},
    following,
    lists::{self, Ids, Sorting, Times},
};

#[async_trait]
impl Runs for PgStore {
    async fn get(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let found = run::Entity::find_by_id(id.as_str()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode).transpose()?)
    }

    async fn list(
        &self,
        filter: &RunFilter,
        sort: RunSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Run>, StoreError> {
        let wanted = wanted(filter);
        let value = match sort {
            RunSort::CreatedAt => "created_at",
            RunSort::UpdatedAt => "updated_at",
        };
        let sorting = Sorting { value, id: lists::RUN_ID, times: Times::Naive, ids: Ids::Text, order };
        let rows = sorting.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(decode).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, &page).await?;
        Ok(Page::of(found, &page, total, |run| run.cursor(sort)))
    }

    async fn live_of(&self, version: VersionAddress) -> Result<u64, StoreError> {
        let VersionAddress { head, row, version } = version;
        let select = sqlx::query_scalar(include_str!("sql/live_of_version.sql"))
            .bind(head.to_string())
            .bind(row.to_string())
            .bind(signed_small(version)?);
        Ok(count(select.fetch_one(self.pool()).await.map_err(Failure::from)?)?)
    }

    async fn steps(&self, run: &RunId) -> Result<Vec<StepExecution>, StoreError> {
        let ended = step::Entity::find()
            .filter(step::Column::RunId.eq(run.as_str()))
            // The old executor knows no generations; what it did, it did before the run was adopted.
            .order_by(Expr::cust("generation IS NOT NULL"), Order::Asc)
            .order_by(Expr::cust("CASE WHEN generation IS NULL THEN started_at END"), Order::Asc)
            .order_by(step::Column::Execution, Order::Asc)
            .order_by(step::Column::Id, Order::Asc);
        let rows = ended.all(self.management()).await.map_err(Failure::from)?;
        let mut attempts = HashMap::new();
        let steps = rows.into_iter().map(|row| decode_step(run, row, &mut attempts));
        Ok(steps.filter_map(Result::transpose).collect::<Outcome<_>>()?)
    }

    async fn history(&self, run: &RunId) -> Result<Vec<EventRecord>, StoreError> {
        let events = event::Entity::find()
            .filter(event::Column::RunId.eq(run.as_str()))
            .order_by(event::Column::FirstSeq, Order::Asc);
        let rows = events.all(self.management()).await.map_err(Failure::from)?;
        let record = |row: event::Model| {
            Ok(EventRecord {
                first: Seq::new(count(row.first_seq)?),
                commit: CommitId::new(row.commit_id),
                at: row.at,
                events: parsed("list of events", serde_json::from_value(row.events))?,
            })
        };
        Ok(rows.into_iter().map(record).collect::<Outcome<_>>()?)
    }

    async fn events(&self, run: &RunId, after: Seq, limit: u32) -> Result<Vec<NumberedEvent>, StoreError> {
        Ok(following::events(self.pool(), run, after, limit).await?)
    }

    async fn tips(&self, runs: &[RunId]) -> Result<Vec<(RunId, RunTip)>, StoreError> {
        Ok(following::tips(self.pool(), runs).await?)
    }

    async fn attempts(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<EndedAttempt>, StoreError> {
        Ok(following::attempts(self.pool(), run, executions).await?)
    }

    async fn outputs(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<(Seq, Payload)>, StoreError> {
        let wanted = executions.iter().map(|execution| signed(execution.get())).collect::<Outcome<Vec<_>>>()?;
        let select = sqlx::query_as(include_str!("sql/outputs.sql")).bind(run.as_str()).bind(wanted);
        let found: Vec<(i64, Option<String>, Option<Value>)> =
            select.fetch_all(self.pool()).await.map_err(Failure::from)?;
        let mut outputs = HashMap::with_capacity(found.len());
        for (execution, text, json) in found {
            if let Some(output) = exact::payload(text, json)? {
                outputs.insert(Seq::new(count(execution)?), output);
            }
        }
        Ok(executions.iter().filter_map(|asked| Some((*asked, outputs.get(asked)?.clone()))).collect())
    }
}

/// The translation of [`RunFilter::matches`].
fn wanted(filter: &RunFilter) -> Select<run::Entity> {
    let mut wanted = run::Entity::find();
    match filter.statuses.as_slice() {
        [] => {}
        [status] => wanted = wanted.filter(run::Column::Status.eq(status.as_str())),
        several => wanted = wanted.filter(run::Column::Status.is_in(several.iter().map(|status| status.as_str()))),
    }
    if let Some(workflow) = filter.workflow {
        wanted = wanted.filter(run::Column::WorkflowId.eq(workflow.to_string()));
    }
    if let Some(after) = filter.created_after {
        wanted = wanted.filter(run::Column::CreatedAt.gte(after.naive_utc()));
    }
    if let Some(before) = filter.created_before {
        wanted = wanted.filter(run::Column::CreatedAt.lte(before.naive_utc()));
    }
    if let Some(name) = &filter.workflow_name {
        wanted = wanted.filter(run::Column::WorkflowName.eq(name.as_str()));
    }
    if let Some(version) = filter.workflow_version {
        wanted = wanted.filter(run::Column::WorkflowVersion.eq(i64::from(version)));
    }
    if let Some(after) = filter.completed_after {
        wanted = wanted.filter(run::Column::CompletedAt.gte(after.naive_utc()));
    }
    if let Some(before) = filter.completed_before {
        wanted = wanted.filter(run::Column::CompletedAt.lte(before.naive_utc()));
    }
    if let Some(name) = &filter.triggered_by {
        wanted = wanted.filter(run::Column::TriggeredBy.eq(name.as_str()));
    }
    if let Some(part) = &filter.error_contains {
        // The first for the index over the runs that have one.
        wanted = wanted.filter(run::Column::ErrorMessage.is_not_null()).filter(lists::has_part("error_message", part));
    }
    if let Some(labels) = filter.labels.to_json() {
        wanted = wanted.filter(Expr::cust_with_values("labels @> $1::jsonb", [labels]));
    }
    if let Some(parent) = &filter.parent {
        wanted = wanted.filter(run::Column::ParentRunId.eq(parent.as_str()));
    }
    wanted
}

fn labels(stored: Option<Value>) -> Outcome<Labels> {
    let Some(stored) = stored else { return Ok(Labels::default()) };
    let labels: BTreeMap<String, String> = parsed("list of labels", serde_json::from_value(stored))?;
    parsed("list of labels", Labels::parse(labels))
}

/// A run of the old system says neither which version it executes nor which plan it is pinned to.
fn decode(row: run::Model) -> Outcome<Run> {
    Ok(Run {
        id: parsed("run id", RunId::parse(&row.run_id))?,
        workflow: WorkflowRef::from_text(&row.workflow_id),
        workflow_name: row.workflow_name,
        workflow_version: row.workflow_version.map(small).transpose()?,
        engine: if row.engine.as_deref() == Some(RunEngine::Orrery.as_str()) {
            RunEngine::Orrery
        } else {
            RunEngine::External
        },
        plan: row.plan_hash.map(|hash| plan_hash(&hash)).transpose()?,
        status: sound("status", RunStatus::parse(&row.status))?,
        paused: row.paused,
        input: exact::payload(row.input_text, row.input_data)?.unwrap_or_else(Payload::empty),
        triggered_by: row.triggered_by,
        labels: labels(row.labels)?,
        created_at: row.created_at.and_utc(),
        starts_at: row.starts_at,
        updated_at: row.updated_at.and_utc(),
        completed_at: row.completed_at.map(|at| at.and_utc()),
        cancelled_at: row.cancelled_at.map(|at| at.and_utc()),
        cancelled_by: row.cancelled_by,
        error: row.error_message,
        parent: row.parent_run_id.map(|id| parsed("run id", RunId::parse(&id))).transpose()?,
        output: exact::payload(row.output_text, row.output_data)?,
    })
}

/// A row of a step. The old executor's rows have no path and no number of their attempt: it runs steps at the top level only,
/// and each of its rows is an attempt; `attempts` counts them. It takes names that no document of ours may hold; such rows
/// are left out.
pub(crate) fn decode_step(
    run: &RunId,
    row: step::Model,
    attempts: &mut HashMap<String, u32>,
) -> Outcome<Option<StepExecution>> {
    let (step, agent) = (StepId::parse(&row.step_id), AgentName::parse(&row.agent_name));
    let (step, agent) = if row.generation.is_some() {
        (parsed("step id", step)?, parsed("agent's name", agent)?)
    } else {
        let (Ok(step), Ok(agent)) = (step, agent) else {
            tracing::warn!(run.id = %run, step.id = row.step_id, "a step of the old executor has names that cannot be shown");
            return Ok(None);
        };
        (step, agent)
    };
    let path = row.path.map_or_else(|| Ok(step.top_level()), |path| parsed("step path", StepPath::parse(&path)))?;
    let nth = attempts.entry(row.step_id).and_modify(|nth| *nth += 1).or_insert(1);
    Ok(Some(StepExecution {
        id: StepExecutionId::from_stored(row.id),
        execution: row.execution.map(count).transpose()?.map(Seq::new),
        run: run.clone(),
        step,
        path,
        agent,
        status: step_status(&row.status)?,
        attempt: row.attempt.map_or(Ok(*nth), small)?,
        input: exact::payload(row.input_text, Some(row.input_data))?.unwrap_or_else(Payload::empty),
        output: exact::payload(row.output_text, row.output_data)?,
        started_at: row.started_at.and_utc(),
        completed_at: row.completed_at.map(|at| at.and_utc()),
        error: row.error_message,
    }))
}

/// The status of an attempt's row.
pub(crate) fn step_status(text: &str) -> Outcome<StepStatus> {
    let statuses = [StepStatus::Running, StepStatus::Completed, StepStatus::Failed];
    sound("status", statuses.into_iter().find(|known| known.as_str() == text))
}
