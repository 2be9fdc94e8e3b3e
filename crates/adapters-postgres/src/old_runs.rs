//! Clearing away runs that ended long ago, by one process at a time.

use async_trait::async_trait;
use domain::{
    Timestamp,
    ports::{OldRuns, StoreError},
};
use sqlx::PgConnection;

use crate::{PgStore, failure::Outcome, journal::retried};

/// The advisory lock of whoever does it: "oldr" in ASCII.
const LOCK: i64 = 0x6f6c_6472;

/// Everything that is kept of runs; their rows are last, since those of steps refer to them.
const TABLES: [&str; 7] = [
    "DELETE FROM step_executions WHERE run_id = ANY ($1)",
    "DELETE FROM run_events WHERE run_id = ANY ($1)",
    "DELETE FROM run_inbox WHERE run_id = ANY ($1)",
    "DELETE FROM run_waits WHERE run_id = ANY ($1)",
    "DELETE FROM external_requests WHERE run_id = ANY ($1)",
    "DELETE FROM run_heads WHERE run_id = ANY ($1)",
    "DELETE FROM workflow_runs WHERE run_id = ANY ($1)",
];

#[async_trait]
impl OldRuns for PgStore {
    async fn remove_ended(&self, before: Timestamp, families: usize) -> Result<u64, StoreError> {
        Ok(retried(|| self.remove_ended_once(before, families)).await?)
    }
}

impl PgStore {
    async fn remove_ended_once(&self, before: Timestamp, families: usize) -> Outcome<u64> {
        let limit = i64::try_from(families).unwrap_or(i64::MAX);
        let mut transaction = self.pool().begin().await?;
        let alone: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *transaction).await?;
        if !alone {
            transaction.rollback().await?;
            return Ok(0);
        }
        let found = first_runs(&mut transaction, before, limit, None).await?;
        if found.is_empty() {
            // Not by dropping it: the lock would be held until the pool gets round to it, and whoever comes next would find it.
            transaction.rollback().await?;
            return Ok(0);
        }
        // Commits lock heads. Who resumes one of these runs is either seen after this, or finds nothing left.
        sqlx::query("SELECT FROM run_heads WHERE run_id = ANY ($1) ORDER BY run_id FOR UPDATE")
            .bind(families_of(&mut transaction, &found).await?)
            .execute(&mut *transaction)
            .await?;
        let still = first_runs(&mut transaction, before, limit, Some(&found)).await?;
        let runs = families_of(&mut transaction, &still).await?;
        let mut gone = 0;
        for delete in TABLES {
            gone = sqlx::query(delete).bind(&runs).execute(&mut *transaction).await?.rows_affected();
        }
        transaction.commit().await?;
        Ok(gone)
    }
}

async fn first_runs(
    connection: &mut PgConnection,
    before: Timestamp,
    limit: i64,
    among: Option<&[String]>,
) -> Outcome<Vec<String>> {
    let select = sqlx::query_scalar(include_str!("sql/old_families.sql")).bind(before).bind(limit).bind(among);
    Ok(select.fetch_all(connection).await?)
}

async fn families_of(connection: &mut PgConnection, first: &[String]) -> Outcome<Vec<String>> {
    Ok(sqlx::query_scalar(include_str!("sql/families_of.sql")).bind(first).fetch_all(connection).await?)
}
