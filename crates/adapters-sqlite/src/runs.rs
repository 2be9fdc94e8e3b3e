//! Reading runs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    agents::AgentName,
    ids::{CommitId, RunId, Seq, StepExecutionId, StepId, StepPath, WorkflowId},
    page::{Page, PageRequest, SortOrder},
    payload::Payload,
    ports::{Runs, StoreError},
    runs::{
        EndedAttempt, EventRecord, Labels, NumberedEvent, Run, RunEngine, RunFilter, RunSort, RunStatus, RunTip,
        StepExecution, StepStatus,
    },
    workflows::VersionAddress,
};
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};

use crate::{
    SqliteStore,
    codec::{
        all, count, first, maybe_time, micros, parsed, payload, plan_hash, signed, small, sound, text, time, uuid,
    },
    failure::Outcome,
    following,
    lists::{Conditions, Id, direction},
};

/// The columns that [`run`] reads.
const RUN: &str = "run_id, workflow_id, workflow_name, workflow_version, plan, status, triggered_by, created_at,
    updated_at, completed_at, cancelled_at, cancelled_by, error,
    (SELECT input FROM run_inputs WHERE run_inputs.run = workflow_runs.run), paused,
    (SELECT parent.run_id FROM workflow_runs AS parent WHERE parent.run = workflow_runs.parent),
    (SELECT output FROM run_outputs WHERE run_outputs.run = workflow_runs.run), labels, starts_at";

/// The columns that [`step`] reads.
pub(crate) const STEP: &str = "execution, step_id, path, agent_name, status, attempt, input, output, started_at,
    completed_at, error";

const NUMBER: &str = "(SELECT run FROM workflow_runs WHERE run_id = ?1)";

#[async_trait]
impl Runs for SqliteStore {
    async fn get(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let id = id.clone();
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {RUN} FROM workflow_runs WHERE run_id = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [id.as_str()], run)
        };
        self.readers().read(read).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        sort: RunSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Run>, StoreError> {
        let conditions = conditions(filter);
        self.readers().read(move |connection| list(connection, &conditions, sort, order, &page)).await
    }

    async fn live_of(&self, version: VersionAddress) -> Result<u64, StoreError> {
        let read = move |connection: &Connection| {
            let VersionAddress { head, row, version } = version;
            // By the status, of which live runs are the smaller part: `+` keeps the index over workflows away. Every run of
            // this file knows its version.
            let mut select = connection.prepare_cached(
                "SELECT count(*) FROM workflow_runs
                 WHERE status IN ('PENDING', 'RUNNING') AND +workflow_id IN (?1, ?2) AND workflow_version = ?3",
            )?;
            let found = first(&mut select, params![head.uuid().as_bytes(), row.uuid().as_bytes(), version], |row| {
                count(row, 0)
            })?;
            sound("count", found)
        };
        self.readers().read(read).await
    }

    async fn steps(&self, run: &RunId) -> Result<Vec<StepExecution>, StoreError> {
        let id = run.clone();
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {STEP} FROM step_executions WHERE run = {NUMBER} ORDER BY execution");
            all(&mut *connection.prepare_cached(&sql)?, [id.as_str()], |row| step(&id, row))
        };
        self.readers().read(read).await
    }

    async fn history(&self, run: &RunId) -> Result<Vec<EventRecord>, StoreError> {
        let id = run.clone();
        let read = move |connection: &Connection| {
            let mut number = connection.prepare_cached("SELECT run FROM workflow_runs WHERE run_id = ?1")?;
            let number: Option<i64> = first(&mut number, [id.as_str()], |row| Ok(row.get(0)?))?;
            number.map_or_else(|| Ok(Vec::new()), |number| history(connection, number))
        };
        self.readers().read(read).await
    }

    async fn events(&self, run: &RunId, after: Seq, limit: u32) -> Result<Vec<NumberedEvent>, StoreError> {
        let id = run.clone();
        self.readers().read(move |connection| following::events(connection, &id, after, limit)).await
    }

    async fn tips(&self, runs: &[RunId]) -> Result<Vec<(RunId, RunTip)>, StoreError> {
        let runs = runs.to_vec();
        self.readers().read(move |connection| following::tips(connection, runs)).await
    }

    async fn attempts(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<EndedAttempt>, StoreError> {
        let (id, executions) = (run.clone(), executions.to_vec());
        self.readers().read(move |connection| following::attempts(connection, &id, &executions)).await
    }

    async fn outputs(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<(Seq, Payload)>, StoreError> {
        let (id, executions) = (run.clone(), executions.to_vec());
        let read = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT output FROM step_executions
                 WHERE run = (SELECT run FROM workflow_runs WHERE run_id = ?1) AND execution = ?2
                   AND output IS NOT NULL",
            )?;
            let mut outputs = Vec::with_capacity(executions.len());
            for execution in executions {
                let found = first(&mut select, params![id.as_str(), signed(execution.get())?], |row| payload(row, 0))?;
                outputs.extend(found.map(|output| (execution, output)));
            }
            Ok(outputs)
        };
        self.readers().read(read).await
    }
}

/// The translation of [`RunFilter::matches`].
fn conditions(filter: &RunFilter) -> Conditions {
    let mut conditions = Conditions::default();
    if !filter.statuses.is_empty() {
        let places = vec!["?"; filter.statuses.len()].join(", ");
        let statuses = filter.statuses.iter().map(|status| Value::from(status.as_str().to_owned()));
        conditions.add_all(&format!("status IN ({places})"), statuses);
    }
    if let Some(workflow) = filter.workflow {
        conditions.add("workflow_id = ?", workflow.uuid().as_bytes().to_vec());
    }
    if let Some(after) = filter.created_after {
        conditions.add("created_at >= ?", micros(after));
    }
    if let Some(before) = filter.created_before {
        conditions.add("created_at <= ?", micros(before));
    }
    if let Some(name) = &filter.workflow_name {
        conditions.add("workflow_name = ?", name.clone());
    }
    if let Some(version) = filter.workflow_version {
        conditions.add("workflow_version = ?", i64::from(version));
    }
    if let Some(after) = filter.completed_after {
        conditions.add("completed_at >= ?", micros(after));
    }
    if let Some(before) = filter.completed_before {
        conditions.add("completed_at <= ?", micros(before));
    }
    if let Some(name) = &filter.triggered_by {
        conditions.add("triggered_by = ?", name.clone());
    }
    if let Some(part) = &filter.error_contains {
        // Said aloud for the index over the runs that have one; likewise below.
        conditions.add_bare("error IS NOT NULL");
        conditions.add_part("error", part);
    }
    if !filter.labels.is_empty() {
        conditions.add_bare("labels IS NOT NULL");
    }
    for (name, value) in filter.labels.iter() {
        // No name has a quotation mark.
        let path = format!("$.\"{name}\"");
        conditions.add_all("json_extract(labels, ?) = ?", [path.into(), value.to_owned().into()]);
    }
    if let Some(parent) = &filter.parent {
        let number = "parent = (SELECT run FROM workflow_runs AS above WHERE above.run_id = ?)";
        conditions.add(number, parent.as_str().to_owned());
    }
    conditions
}

fn list(
    connection: &Connection,
    conditions: &Conditions,
    sort: RunSort,
    order: SortOrder,
    page: &PageRequest,
) -> Outcome<Page<Run>> {
    let by = match sort {
        RunSort::CreatedAt => "created_at",
        RunSort::UpdatedAt => "updated_at",
    };
    let following = conditions.after(page, [by, "run_id"], order, Id::Text)?;
    let direction = direction(order);
    // First the page, then its rows: a sort that no index helps must not carry the inputs of all runs along.
    let sql = format!(
        "WITH page AS (SELECT run FROM workflow_runs{}
                       ORDER BY {by} {direction}, run_id {direction} LIMIT ? OFFSET ?)
         SELECT {RUN} FROM page CROSS JOIN workflow_runs USING (run) ORDER BY +{by} {direction}, run_id {direction}",
        following.sql()
    );
    let values = following.paged(page)?;
    let found = all(&mut *connection.prepare_cached(&sql)?, params_from_iter(values), run)?;
    let total = conditions.total(connection, page, "workflow_runs", "run")?;
    Ok(Page::of(found, page, total, |run| run.cursor(sort)))
}

/// The events of a run by its number.
pub(crate) fn history(connection: &Connection, run: i64) -> Outcome<Vec<EventRecord>> {
    let mut select = connection
        .prepare_cached("SELECT first_seq, commit_id, at, events FROM run_events WHERE run = ?1 ORDER BY first_seq")?;
    all(&mut select, [run], record)
}

/// A row of events.
pub(crate) fn record(row: &Row<'_>) -> Outcome<EventRecord> {
    Ok(EventRecord {
        first: Seq::new(count(row, 0)?),
        commit: CommitId::new(uuid(row, 1)?),
        at: time(row, 2)?,
        events: parsed("list of events", serde_json::from_str(text(row, 3)?))?,
    })
}

fn labels(stored: Option<String>) -> Outcome<Labels> {
    let Some(text) = stored else { return Ok(Labels::default()) };
    let labels: BTreeMap<String, String> = parsed("list of labels", serde_json::from_str(&text))?;
    parsed("list of labels", Labels::parse(labels))
}

fn run(row: &Row<'_>) -> Outcome<Run> {
    Ok(Run {
        id: parsed("run id", RunId::parse(text(row, 0)?))?,
        workflow: WorkflowId::new(uuid(row, 1)?).into(),
        workflow_name: row.get(2)?,
        workflow_version: Some(small(row, 3)?),
        engine: RunEngine::Orrery,
        plan: Some(plan_hash(row, 4)?),
        status: sound("status", RunStatus::parse(text(row, 5)?))?,
        triggered_by: row.get(6)?,
        labels: labels(row.get(17)?)?,
        created_at: time(row, 7)?,
        starts_at: maybe_time(row, 18)?,
        updated_at: time(row, 8)?,
        completed_at: maybe_time(row, 9)?,
        cancelled_at: maybe_time(row, 10)?,
        cancelled_by: row.get(11)?,
        error: row.get(12)?,
        input: payload(row, 13)?,
        paused: row.get(14)?,
        parent: row.get::<_, Option<String>>(15)?.map(|id| parsed("run id", RunId::parse(&id))).transpose()?,
        output: row.get::<_, Option<String>>(16)?.map(Payload::from_stored),
    })
}

pub(crate) fn step(run: &RunId, row: &Row<'_>) -> Outcome<StepExecution> {
    let execution = Seq::new(count(row, 0)?);
    let id = parsed("step id", StepId::parse(text(row, 1)?))?;
    Ok(StepExecution {
        id: StepExecutionId::derive(run, &id, execution),
        execution: Some(execution),
        run: run.clone(),
        step: id,
        path: parsed("step path", StepPath::parse(text(row, 2)?))?,
        agent: parsed("agent's name", AgentName::parse(text(row, 3)?))?,
        status: step_status(text(row, 4)?)?,
        attempt: small(row, 5)?,
        input: payload(row, 6)?,
        output: row.get::<_, Option<String>>(7)?.map(Payload::from_stored),
        started_at: time(row, 8)?,
        completed_at: Some(time(row, 9)?),
        error: row.get(10)?,
    })
}

/// The status of an attempt's row.
pub(crate) fn step_status(text: &str) -> Outcome<StepStatus> {
    let statuses = [StepStatus::Running, StepStatus::Completed, StepStatus::Failed];
    sound("status", statuses.into_iter().find(|known| known.as_str() == text))
}
