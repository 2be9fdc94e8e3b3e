//! The dead letters: what commits change there, and what people do.

use async_trait::async_trait;
use domain::{
    Timestamp,
    agents::AgentName,
    audit::AuditEntry,
    ids::{DeadLetterId, RunId, Seq, StepId, StepPath, WorkflowId},
    page::{EXACT_TOTAL, Page, PageRequest, SortOrder, Total},
    ports::{DeadLetterCounts, DeadLetters, StoreError},
    runs::{AdvanceRun, DeadLetter, DeadLetterEntry, DeadLetterFilter, DeadLetterStatus, Replay, StepExecution},
};
use rusqlite::{Connection, Row, params, params_from_iter};

use crate::{
    SqliteStore, audit,
    codec::{all, count, first, maybe_time, micros, parsed, signed, small, sound, text, time, uuid},
    failure::Outcome,
    lists::{Conditions, Id, direction},
    runs::{STEP, step},
};

/// The columns that [`entry`] reads.
const ENTRY: &str =
    "dlq_id, run_id, workflow_id, workflow_name, workflow_version, last_run_id, step_id, path, agent_name,
    execution, generation, round, attempts, failure_reason, first_failed_at, last_failed_at, failure_count, status,
    replayed_run_id, replayed_at";

/// Does what an accepted commit says.
pub(crate) fn change(connection: &Connection, run: i64, advance: &AdvanceRun) -> Outcome<()> {
    for letter in &advance.outward.dead_letters {
        connection
            .prepare_cached(
                "INSERT INTO dlq_entries (dlq_id, run_id, workflow_id, workflow_name, workflow_version, last_run_id,
                                          step_id, path, agent_name, execution, generation, round, attempts,
                                          failure_reason, first_failed_at, last_failed_at, failure_count, status)
                 SELECT ?2, run_id, workflow_id, workflow_name, workflow_version, run_id,
                        ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, 1, ?12
                 FROM workflow_runs WHERE run = ?1
                 ON CONFLICT (dlq_id) DO UPDATE SET
                    last_run_id = excluded.last_run_id, step_id = excluded.step_id, path = excluded.path,
                    agent_name = excluded.agent_name, execution = excluded.execution,
                    generation = excluded.generation, round = excluded.round, attempts = excluded.attempts,
                    failure_reason = excluded.failure_reason, last_failed_at = excluded.last_failed_at,
                    failure_count = failure_count + 1, status = excluded.status",
            )?
            .execute(params![
                run,
                letter.id.uuid().as_bytes(),
                letter.step.as_str(),
                letter.path.as_str(),
                letter.agent.as_str(),
                signed(letter.execution.get())?,
                letter.generation,
                letter.round,
                letter.attempts,
                letter.reason,
                micros(advance.at),
                DeadLetterStatus::PendingReplay.as_str(),
            ])?;
    }
    for id in &advance.outward.resolved {
        connection.prepare_cached("DELETE FROM dlq_entries WHERE dlq_id = ?1")?.execute([id.uuid().as_bytes()])?;
    }
    Ok(())
}

#[async_trait]
impl DeadLetters for SqliteStore {
    async fn get(&self, id: DeadLetterId) -> Result<Option<DeadLetterEntry>, StoreError> {
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {ENTRY} FROM dlq_entries WHERE dlq_id = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], entry)
        };
        self.readers().read(read).await
    }

    async fn list(
        &self,
        filter: &DeadLetterFilter,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<DeadLetterEntry>, StoreError> {
        let conditions = conditions(filter);
        self.readers().read(move |connection| list(connection, &conditions, order, &page)).await
    }

    async fn attempts(&self, run: &RunId, path: &StepPath) -> Result<Vec<StepExecution>, StoreError> {
        let (run, path) = (run.clone(), path.clone());
        let read = move |connection: &Connection| {
            let sql = format!(
                "SELECT {STEP} FROM step_executions
                 WHERE run = (SELECT run FROM workflow_runs WHERE run_id = ?1) AND path = ?2 ORDER BY execution"
            );
            all(&mut *connection.prepare_cached(&sql)?, [run.as_str(), path.as_str()], |row| step(&run, row))
        };
        self.readers().read(read).await
    }

    async fn claim(
        &self,
        id: DeadLetterId,
        seen: Option<Replay>,
        replay: &Replay,
        audit: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let replay = replay.clone();
        let claimed = self.change_audited(audit, move |connection| {
            let mut claim = connection.prepare_cached(
                "UPDATE dlq_entries SET status = ?4, replayed_run_id = ?2, replayed_at = ?3
                 WHERE dlq_id = ?1 AND replayed_run_id IS ?5",
            )?;
            Ok(claim.execute(params![
                id.uuid().as_bytes(),
                replay.run.as_str(),
                micros(replay.at),
                DeadLetterStatus::Replayed.as_str(),
                seen.as_ref().map(|seen| seen.run.as_str()),
            ])?)
        });
        Ok(claimed.await? > 0)
    }

    async fn give_back(
        &self,
        id: DeadLetterId,
        replay: &Replay,
        before: Option<Replay>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let replay = replay.clone();
        let given_back = self.change_audited(audit, move |connection| {
            let mut give_back = connection.prepare_cached(
                "UPDATE dlq_entries SET status = ?5, replayed_run_id = ?3, replayed_at = ?4
                 WHERE dlq_id = ?1 AND replayed_run_id = ?2",
            )?;
            Ok(give_back.execute(params![
                id.uuid().as_bytes(),
                replay.run.as_str(),
                before.as_ref().map(|before| before.run.as_str()),
                before.as_ref().map(|before| micros(before.at)),
                DeadLetterStatus::PendingReplay.as_str(),
            ])?)
        });
        given_back.await.map(drop)
    }

    async fn delete(&self, id: DeadLetterId, audit: &AuditEntry) -> Result<bool, StoreError> {
        let deleted = self.change_audited(audit, move |connection| {
            let mut delete = connection.prepare_cached("DELETE FROM dlq_entries WHERE dlq_id = ?1")?;
            Ok(delete.execute([id.uuid().as_bytes()])?)
        });
        Ok(deleted.await? > 0)
    }

    async fn delete_older(&self, than: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let deleted = self.change_rows(move |connection| {
            let mut delete = connection.prepare_cached(
                "DELETE FROM dlq_entries WHERE dlq_id IN
                    (SELECT dlq_id FROM dlq_entries WHERE last_failed_at < ?1 ORDER BY last_failed_at, dlq_id LIMIT ?2)",
            )?;
            Ok(delete.execute(params![micros(than), limit])?)
        });
        Ok(deleted.await? as u64)
    }

    async fn count(&self) -> Result<DeadLetterCounts, StoreError> {
        let read = |connection: &Connection| {
            let mut select = connection
                .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM dlq_entries WHERE status = ?1 LIMIT ?2)")?;
            let mut of = |status: DeadLetterStatus| {
                let params = params![status.as_str(), signed(EXACT_TOTAL)?];
                sound("count", first(&mut select, params, |row| count(row, 0))?)
            };
            Ok(DeadLetterCounts {
                pending: of(DeadLetterStatus::PendingReplay)?,
                replayed: of(DeadLetterStatus::Replayed)?,
            })
        };
        self.readers().read(read).await
    }
}

impl SqliteStore {
    /// Changes entries, and writes down who did if there were any.
    async fn change_audited(
        &self,
        entry: &AuditEntry,
        change: impl FnOnce(&Connection) -> Outcome<usize> + Send + 'static,
    ) -> Result<usize, StoreError> {
        let entry = entry.clone();
        let audited = move |connection: &Connection| {
            let changed = change(connection)?;
            if changed > 0 {
                audit::write(connection, &entry)?;
            }
            Ok(changed)
        };
        self.change_rows(audited).await
    }

    /// Changes entries in a transaction of its own; answers how many.
    async fn change_rows(
        &self,
        change: impl FnOnce(&Connection) -> Outcome<usize> + Send + 'static,
    ) -> Result<usize, StoreError> {
        self.writer().work(move |session| session.transaction(change)).await
    }
}

/// The translation of [`DeadLetterFilter::matches`].
fn conditions(filter: &DeadLetterFilter) -> Conditions {
    let mut conditions = Conditions::default();
    if let Some(workflow) = filter.workflow {
        conditions.add("workflow_id = ?", workflow.uuid().as_bytes().to_vec());
    }
    if let Some(agent) = &filter.agent {
        conditions.add("agent_name = ?", agent.as_str().to_owned());
    }
    if let Some(run) = &filter.run {
        conditions.add("run_id = ?", run.as_str().to_owned());
    }
    if let Some(status) = filter.status {
        conditions.add("status = ?", status.as_str().to_owned());
    }
    if let Some(after) = filter.failed_after {
        conditions.add("last_failed_at >= ?", micros(after));
    }
    if let Some(before) = filter.failed_before {
        conditions.add("last_failed_at <= ?", micros(before));
    }
    conditions
}

fn list(
    connection: &Connection,
    conditions: &Conditions,
    order: SortOrder,
    page: &PageRequest,
) -> Outcome<Page<DeadLetterEntry>> {
    let following = conditions.after(page, ["last_failed_at", "dlq_id"], order, Id::Uuid)?;
    let (wanted, direction) = (following.sql(), direction(order));
    let sql = format!(
        "SELECT {ENTRY} FROM dlq_entries{wanted} ORDER BY last_failed_at {direction}, dlq_id {direction} LIMIT ? OFFSET ?"
    );
    let found = all(&mut *connection.prepare_cached(&sql)?, params_from_iter(following.paged(page)?), entry)?;
    let count = || conditions.count(connection, "dlq_entries");
    let total = page.is_counted().then(count).transpose()?.map(|count| match count {
        more if more > EXACT_TOTAL => Total::Estimate(more),
        exact => Total::Exact(exact),
    });
    Ok(Page::of(found, page, total, DeadLetterEntry::cursor))
}

fn entry(row: &Row<'_>) -> Outcome<DeadLetterEntry> {
    let run = |column: usize| parsed("run id", RunId::parse(text(row, column)?));
    let replayed_at = maybe_time(row, 19)?;
    Ok(DeadLetterEntry {
        run: run(1)?,
        workflow: WorkflowId::new(uuid(row, 2)?).into(),
        workflow_name: row.get(3)?,
        workflow_version: Some(small(row, 4)?),
        last_run: run(5)?,
        last: DeadLetter {
            id: DeadLetterId::new(uuid(row, 0)?),
            step: parsed("step id", StepId::parse(text(row, 6)?))?,
            path: parsed("step path", StepPath::parse(text(row, 7)?))?,
            agent: parsed("agent's name", AgentName::parse(text(row, 8)?))?,
            execution: Seq::new(count(row, 9)?),
            generation: small(row, 10)?,
            round: small(row, 11)?,
            attempts: small(row, 12)?,
            reason: row.get(13)?,
        },
        first_failed_at: time(row, 14)?,
        last_failed_at: time(row, 15)?,
        failure_count: small(row, 16)?,
        status: sound("status", DeadLetterStatus::parse(text(row, 17)?))?,
        replay: replayed_at.map(|at| Ok::<_, crate::failure::Failure>(Replay { run: run(18)?, at })).transpose()?,
    })
}
