//! Runs of the external executor: their rows, and what that executor is to be told.
//!
//! Whoever changes such a run locks its row first. An adoption does too, so a run is either that executor's or ours.

mod requests;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::{
    Timestamp,
    ids::{RunId, WorkflowRef},
    ports::{ExternalRuns, StoreError},
    runs::{CancelRun, CommitOutcome, ExternalRequest, ResumeRun, RunStatus, StartRun},
};
use sqlx::PgConnection;

use crate::{
    PgStore, audit,
    codec::{signed_small, sound},
    exact::beyond_jsonb,
    failure::Outcome,
    journal::retried,
};

#[async_trait]
impl ExternalRuns for PgStore {
    async fn start(&self, start: &StartRun) -> Result<CommitOutcome, StoreError> {
        Ok(retried(|| self.start_external(start)).await?)
    }

    async fn cancel(&self, cancel: &CancelRun) -> Result<CommitOutcome, StoreError> {
        Ok(retried(|| self.cancel_external(cancel)).await?)
    }

    async fn retry(&self, retry: &ResumeRun) -> Result<CommitOutcome, StoreError> {
        Ok(retried(|| self.retry_external(retry)).await?)
    }

    async fn next_request(&self, now: Timestamp, patience: TimeDelta) -> Result<Option<ExternalRequest>, StoreError> {
        Ok(requests::next(self.pool(), now, patience).await?)
    }

    async fn told(&self, request: &ExternalRequest, now: Timestamp) -> Result<(), StoreError> {
        Ok(requests::told(self.pool(), request, now).await?)
    }

    async fn undelivered(&self, run: &RunId) -> Result<Option<Timestamp>, StoreError> {
        Ok(requests::undelivered(self.pool(), run).await?)
    }

    async fn refused(&self, request: &ExternalRequest, now: Timestamp, reason: &str) -> Result<(), StoreError> {
        Ok(retried(|| self.refuse_external(request, now, reason)).await?)
    }

    async fn give_up_silent(&self, now: Timestamp, silence: TimeDelta) -> Result<u64, StoreError> {
        Ok(requests::give_up_silent(self.pool(), now, silence).await?)
    }
}

impl PgStore {
    async fn start_external(&self, start: &StartRun) -> Outcome<CommitOutcome> {
        let mut transaction = self.pool().begin().await?;
        let inserted = sqlx::query(include_str!("sql/start_external_run.sql"))
            .bind(start.run.as_str())
            .bind(start.workflow.to_string())
            .bind(&start.workflow_name)
            .bind(signed_small(start.workflow_version)?)
            .bind(start.plan.bytes().as_slice())
            .bind(start.input.text())
            .bind(beyond_jsonb(start.input.text()))
            .bind(&start.triggered_by)
            .bind(start.at)
            .bind(start.labels.to_json())
            .execute(&mut *transaction)
            .await?;
        if inserted.rows_affected() == 0 {
            return Ok(CommitOutcome::Duplicate);
        }
        let executes = Executes { plan: Some(start.plan.bytes().to_vec()), document: None };
        Wish::start(&start.run, start.at, executes).make(&mut transaction).await?;
        audit::write(&mut transaction, start.audit.as_deref().as_slice()).await.map_err(audit::done_before)?;
        transaction.commit().await?;
        Ok(CommitOutcome::Committed)
    }

    async fn cancel_external(&self, cancel: &CancelRun) -> Outcome<CommitOutcome> {
        let mut transaction = self.pool().begin().await?;
        let Some(row) = lock(&mut transaction, &cancel.run).await? else { return Ok(CommitOutcome::Gone) };
        if row.status.is_terminal() {
            return Ok(CommitOutcome::Absorbed);
        }
        let cancelled = sqlx::query(include_str!("sql/cancel_runs.sql")).bind([cancel.run.as_str()]).bind([cancel.at]);
        let cancelled = cancelled.bind([cancel.by.as_str()]).bind([cancel.message()]);
        cancelled.execute(&mut *transaction).await?;
        Wish::cancel(cancel).make(&mut transaction).await?;
        audit::write(&mut transaction, cancel.audit.as_deref().as_slice()).await.map_err(audit::done_before)?;
        transaction.commit().await?;
        Ok(CommitOutcome::Committed)
    }

    async fn retry_external(&self, retry: &ResumeRun) -> Outcome<CommitOutcome> {
        let mut transaction = self.pool().begin().await?;
        let Some(row) = lock(&mut transaction, &retry.run).await? else { return Ok(CommitOutcome::Gone) };
        if !matches!(row.status, RunStatus::Failed | RunStatus::Cancelled) {
            return Ok(CommitOutcome::Absorbed);
        }
        if cancellation_is_unsent(&mut transaction, &retry.run).await? {
            return Ok(CommitOutcome::Moved);
        }
        let Some(executes) = row.executes(&mut transaction).await? else { return Ok(CommitOutcome::Absorbed) };
        let resumed = sqlx::query(include_str!("sql/resume_runs.sql")).bind([retry.run.as_str()]).bind([retry.at]);
        resumed.execute(&mut *transaction).await?;
        Wish::start(&retry.run, retry.at, executes).make(&mut transaction).await?;
        audit::write(&mut transaction, retry.audit.as_deref().as_slice()).await.map_err(audit::done_before)?;
        transaction.commit().await?;
        Ok(CommitOutcome::Committed)
    }

    async fn refuse_external(&self, request: &ExternalRequest, now: Timestamp, reason: &str) -> Outcome<()> {
        let mut transaction = self.pool().begin().await?;
        lock(&mut transaction, request.run()).await?;
        requests::refused(&mut transaction, request, now, reason).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Whether the executor has yet to be told that the run is cancelled: asked to start it now, it would do it twice at once.
async fn cancellation_is_unsent(connection: &mut PgConnection, run: &RunId) -> Outcome<bool> {
    let unsent = "SELECT EXISTS (SELECT 1 FROM external_requests WHERE run_id = $1 AND wants = $2 AND told_at IS NULL)";
    Ok(sqlx::query_scalar(unsent).bind(run.as_str()).bind(CANCEL).fetch_one(connection).await?)
}

/// The row of a run without events.
struct ExternalRow {
    status: RunStatus,
    plan: Option<Vec<u8>>,
    definition: Option<String>,
}

/// Locks the row of a run; none if there is no row, or if the run has events.
async fn lock(connection: &mut PgConnection, run: &RunId) -> Outcome<Option<ExternalRow>> {
    let lock = "SELECT status::text, plan_hash, workflow_definition_id::text FROM workflow_runs
                WHERE run_id = $1 FOR NO KEY UPDATE";
    let row: Option<(String, Option<Vec<u8>>, Option<String>)> =
        sqlx::query_as(lock).bind(run.as_str()).fetch_optional(&mut *connection).await?;
    let Some((status, plan, definition)) = row else { return Ok(None) };
    // Only now: an adoption may have been waited for.
    let adopted = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM run_heads WHERE run_id = $1)").bind(run.as_str());
    if adopted.fetch_one(connection).await? {
        return Ok(None);
    }
    Ok(Some(ExternalRow { status: sound("status", RunStatus::parse(&status))?, plan, definition }))
}

/// What a run executes: a plan that is kept, or a document.
struct Executes {
    plan: Option<Vec<u8>>,
    document: Option<String>,
}

impl ExternalRow {
    /// What the run executes: its plan, or for a run of the old API whatever its definition says now, as there; none if
    /// nobody knows.
    async fn executes(&self, connection: &mut PgConnection) -> Outcome<Option<Executes>> {
        if let Some(plan) = &self.plan {
            return Ok(Some(Executes { plan: Some(plan.clone()), document: None }));
        }
        let definition = self.definition.as_deref().and_then(|id| WorkflowRef::from_text(id).definition());
        let Some(definition) = definition else { return Ok(None) };
        let document = "SELECT coalesce(workflow_text, workflow_data::text) FROM workflow_definitions WHERE id = $1";
        let document: Option<String> =
            sqlx::query_scalar(document).bind(definition.uuid()).fetch_optional(connection).await?;
        Ok(document.map(|document| Executes { plan: None, document: Some(document) }))
    }
}

/// That the external executor is to be told something.
struct Wish<'a> {
    run: &'a RunId,
    wants: &'static str,
    at: Timestamp,
    by: Option<&'a str>,
    reason: Option<&'a str>,
    executes: Executes,
}

/// The names of wishes in their table.
const START: &str = "start";
const CANCEL: &str = "cancel";

impl<'a> Wish<'a> {
    fn start(run: &'a RunId, at: Timestamp, executes: Executes) -> Self {
        Self { run, wants: START, at, by: None, reason: None, executes }
    }

    fn cancel(cancel: &'a CancelRun) -> Self {
        Self {
            run: &cancel.run,
            wants: CANCEL,
            at: cancel.at,
            by: Some(&cancel.by),
            reason: cancel.reason.as_deref(),
            executes: Executes { plan: None, document: None },
        }
    }

    async fn make(self, connection: &mut PgConnection) -> Outcome<()> {
        sqlx::query(include_str!("sql/want_external.sql"))
            .bind(self.run.as_str())
            .bind(self.wants)
            .bind(self.at)
            .bind(self.by)
            .bind(self.reason)
            .bind(self.executes.plan)
            .bind(self.executes.document)
            .execute(connection)
            .await?;
        Ok(())
    }
}
