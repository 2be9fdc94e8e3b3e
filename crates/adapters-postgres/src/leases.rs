//! Claims and releases. Each is one statement that locks what it takes; a claim steps over what others are taking.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{CommitId, Epoch, ExecutorId, RunId, Seq},
    payload::Payload,
    ports::{Claimed, RunLeases, StoreError},
    runs::EventRecord,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    PgStore,
    codec::{count, parsed, sound},
    exact,
    failure::{Failure, Outcome},
    journal::retried,
};

#[async_trait]
impl RunLeases for PgStore {
    async fn claim(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        Ok(retried(|| self.claim_once(executor, limit, now)).await?)
    }

    async fn take_ended(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        let take = || async {
            let taken = sqlx::query_as(include_str!("sql/take_ended.sql")).bind(executor.uuid());
            let taken: Vec<(String, i64)> = taken.fetch_all(self.pool()).await?;
            let mut ended = taken.into_iter().map(run_and_epoch).collect::<Outcome<Vec<_>>>()?;
            ended.sort_unstable();
            Ok(ended)
        };
        Ok(retried(take).await?)
    }

    async fn release(&self, executor: ExecutorId, now: Timestamp) -> Result<u64, StoreError> {
        let release = || async {
            let released = sqlx::query_scalar(include_str!("sql/release.sql")).bind(executor.uuid()).bind(now);
            count(released.fetch_one(self.pool()).await?)
        };
        Ok(retried(release).await?)
    }

    async fn owners(&self) -> Result<Vec<ExecutorId>, StoreError> {
        let owners = sqlx::query_scalar(include_str!("sql/owners.sql")).fetch_all(self.pool()).await;
        let owners: Vec<Uuid> = owners.map_err(Failure::from)?;
        Ok(owners.into_iter().map(ExecutorId::new).collect())
    }
}

impl PgStore {
    async fn claim_once(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Outcome<Vec<Claimed>> {
        let mut transaction = self.pool().begin().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let claim = sqlx::query_as(include_str!("sql/claim.sql")).bind(executor.uuid()).bind(now).bind(limit);
        let mut taken: Vec<(String, i64, Timestamp)> = claim.fetch_all(&mut *transaction).await?;
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        taken.sort_unstable_by(|one, other| (one.2, &one.0).cmp(&(other.2, &other.0)));
        let runs: Vec<&str> = taken.iter().map(|(run, ..)| run.as_str()).collect();
        let mut inputs = inputs(&mut transaction, &runs).await?;
        let mut histories = histories(&mut transaction, &runs).await?;
        let mut claimed = Vec::with_capacity(taken.len());
        for (run, epoch, _) in taken {
            let input = sound("run", inputs.remove(&run))?;
            let history = histories.remove(&run).unwrap_or_default();
            let (run, epoch) = run_and_epoch((run, epoch))?;
            claimed.push(Claimed { run, epoch, input, history });
        }
        transaction.commit().await?;
        Ok(claimed)
    }
}

fn run_and_epoch((run, epoch): (String, i64)) -> Outcome<(RunId, Epoch)> {
    Ok((parsed("run id", RunId::parse(&run))?, Epoch::new(count(epoch)?)))
}

async fn inputs(connection: &mut PgConnection, runs: &[&str]) -> Outcome<HashMap<String, Payload>> {
    let select = sqlx::query_as(include_str!("sql/claimed_inputs.sql")).bind(runs);
    let rows: Vec<(String, Option<String>, Option<Value>)> = select.fetch_all(connection).await?;
    let input = |(run, text, json)| Ok((run, exact::payload(text, json)?.unwrap_or_else(Payload::empty)));
    rows.into_iter().map(input).collect()
}

async fn histories(connection: &mut PgConnection, runs: &[&str]) -> Outcome<HashMap<String, Vec<EventRecord>>> {
    let select = sqlx::query_as(include_str!("sql/histories.sql")).bind(runs);
    let rows: Vec<(String, i64, Uuid, Timestamp, Value)> = select.fetch_all(connection).await?;
    let mut histories: HashMap<String, Vec<EventRecord>> = HashMap::new();
    for (run, first, commit, at, events) in rows {
        histories.entry(run).or_default().push(EventRecord {
            first: Seq::new(count(first)?),
            commit: CommitId::new(commit),
            at,
            events: parsed("list of events", serde_json::from_value(events))?,
        });
    }
    Ok(histories)
}
