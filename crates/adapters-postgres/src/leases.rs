//! Claims and releases. Each is one statement that locks what it takes, or some of them; a claim steps over what others are
//! taking.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{CommitId, Epoch, ExecutorId, RunId, Seq},
    payload::Payload,
    ports::{Attendance, Backlog, Claimed, MAX_BACKLOG, MAX_UNATTENDED, RunLeases, StoreError},
    runs::EventRecord,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    PgStore,
    codec::{count, parsed, signed, sound},
    exact,
    failure::{Failure, Outcome},
    inbox,
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
            let taken: Vec<(String, i64)> = taken.fetch_all(self.leases()).await?;
            let mut ended = taken.into_iter().map(run_and_epoch).collect::<Outcome<Vec<_>>>()?;
            ended.sort_unstable();
            Ok(ended)
        };
        Ok(retried(take).await?)
    }

    async fn release(&self, executor: ExecutorId, now: Timestamp) -> Result<u64, StoreError> {
        let slice = || async {
            let slice = sqlx::query_as(include_str!("sql/release.sql")).bind(executor.uuid()).bind(now);
            Ok(slice.fetch_one(self.leases()).await?)
        };
        let mut live = 0;
        loop {
            let (released, of_them_live): (i64, i64) = retried(slice).await?;
            live += count(of_them_live)?;
            if released == 0 {
                return Ok(live);
            }
        }
    }

    async fn owned(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        let owned = "SELECT run_id::text, epoch FROM run_heads WHERE owner = $1 AND phase = 0";
        let owned = sqlx::query_as(owned).bind(executor.uuid()).fetch_all(self.leases()).await;
        let owned: Vec<(String, i64)> = owned.map_err(Failure::from)?;
        Ok(owned.into_iter().map(run_and_epoch).collect::<Outcome<Vec<_>>>()?)
    }

    async fn give_back(&self, executor: ExecutorId, runs: &[(RunId, Epoch)], now: Timestamp) -> Result<(), StoreError> {
        let epochs = runs.iter().map(|(_, epoch)| signed(epoch.get())).collect::<Outcome<Vec<_>>>()?;
        let runs: Vec<&str> = runs.iter().map(|(run, _)| run.as_str()).collect();
        let give_back = || async {
            let give_back = sqlx::query(include_str!("sql/give_back.sql")).bind(executor.uuid());
            let give_back = give_back.bind(runs.as_slice()).bind(epochs.as_slice()).bind(now);
            Ok(give_back.execute(self.leases()).await?.rows_affected())
        };
        retried(give_back).await?;
        Ok(())
    }

    async fn attendance(&self, run: &RunId) -> Result<Option<Attendance>, StoreError> {
        let found = sqlx::query_as(include_str!("sql/attendance.sql")).bind(run.as_str());
        let found: Option<(Option<Uuid>, Option<Timestamp>)> =
            found.fetch_optional(self.leases()).await.map_err(Failure::from)?;
        Ok(found.map(|(owner, wake_at)| Attendance { owner: owner.map(ExecutorId::new), wake_at }))
    }

    async fn unattended(&self, since: Timestamp) -> Result<u64, StoreError> {
        let limit = i64::try_from(MAX_UNATTENDED).unwrap_or(i64::MAX);
        let waiting = sqlx::query_scalar(include_str!("sql/unattended.sql")).bind(since).bind(limit);
        let waiting: i64 = waiting.fetch_one(self.leases()).await.map_err(Failure::from)?;
        Ok(u64::try_from(waiting).unwrap_or_default())
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        let limit = i64::try_from(MAX_BACKLOG).unwrap_or(i64::MAX);
        let backlog = sqlx::query_as(include_str!("sql/run_backlog.sql")).bind(now).bind(limit);
        let (waiting, oldest): (i64, Option<Timestamp>) =
            backlog.fetch_one(self.leases()).await.map_err(Failure::from)?;
        Ok(Backlog { waiting: count(waiting)?, oldest })
    }

    async fn owners(&self) -> Result<Vec<ExecutorId>, StoreError> {
        let owners = sqlx::query_scalar(include_str!("sql/owners.sql")).fetch_all(self.leases()).await;
        let owners: Vec<Uuid> = owners.map_err(Failure::from)?;
        Ok(owners.into_iter().map(ExecutorId::new).collect())
    }
}

impl PgStore {
    async fn claim_once(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Outcome<Vec<Claimed>> {
        let mut transaction = self.leases().begin().await?;
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
        let mut inboxes = inbox::of_runs(&mut transaction, &runs).await?;
        let mut claimed = Vec::with_capacity(taken.len());
        for (run, epoch, _) in taken {
            let mut read = || -> Outcome<Claimed> {
                let input = sound("run", inputs.remove(&run))??;
                let history = histories.remove(&run).unwrap_or_else(|| Ok(Vec::new()))?;
                let inbox = inboxes.remove(&run).unwrap_or_default();
                let (run, epoch) = run_and_epoch((run.clone(), epoch))?;
                Ok(Claimed { run, epoch, input, history, inbox })
            };
            match read() {
                Ok(run) => claimed.push(run),
                // It stays owned for a while: one unreadable run must not keep all others from being claimed.
                Err(failure) => tracing::error!(run.id = run, ?failure, "a run cannot be read"),
            }
        }
        transaction.commit().await?;
        Ok(claimed)
    }
}

fn run_and_epoch((run, epoch): (String, i64)) -> Outcome<(RunId, Epoch)> {
    Ok((parsed("run id", RunId::parse(&run))?, Epoch::new(count(epoch)?)))
}

async fn inputs(connection: &mut PgConnection, runs: &[&str]) -> Outcome<HashMap<String, Outcome<Payload>>> {
    let select = sqlx::query_as(include_str!("sql/claimed_inputs.sql")).bind(runs);
    let rows: Vec<(String, Option<String>, Option<Value>)> = select.fetch_all(connection).await?;
    let input = |(run, text, json)| (run, exact::payload(text, json).map(|input| input.unwrap_or_else(Payload::empty)));
    Ok(rows.into_iter().map(input).collect())
}

async fn histories(
    connection: &mut PgConnection,
    runs: &[&str],
) -> Outcome<HashMap<String, Outcome<Vec<EventRecord>>>> {
    let select = sqlx::query_as(include_str!("sql/histories.sql")).bind(runs);
    let rows: Vec<(String, i64, Uuid, Timestamp, Value)> = select.fetch_all(connection).await?;
    let mut histories: HashMap<String, Outcome<Vec<EventRecord>>> = HashMap::new();
    for (run, first, commit, at, events) in rows {
        let history = histories.entry(run).or_insert_with(|| Ok(Vec::new()));
        match (record(first, commit, at, events), &mut *history) {
            (Ok(record), Ok(records)) => records.push(record),
            (Err(failure), _) => *history = Err(failure),
            (Ok(_), Err(_)) => {}
        }
    }
    Ok(histories)
}

pub(crate) fn record(first: i64, commit: Uuid, at: Timestamp, events: Value) -> Outcome<EventRecord> {
    let events = parsed("list of events", serde_json::from_value(events))?;
    Ok(EventRecord { first: Seq::new(count(first)?), commit: CommitId::new(commit), at, events })
}
