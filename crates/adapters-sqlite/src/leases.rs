//! Claims and releases. All of them write, so all of them stand in the writer's queue; no two can cross.

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{Epoch, ExecutorId, RunId},
    ports::{Attendance, Backlog, Claimed, MAX_BACKLOG, MAX_UNATTENDED, RunLeases, StoreError},
};
use rusqlite::{Connection, params, types::ValueRef};

use crate::{
    SqliteStore,
    codec::{all, count, first, micros, parsed, payload, text, time, uuid},
    failure::{Failure, Outcome},
    inbox,
    rows::LIVE,
    runs,
};

#[async_trait]
impl RunLeases for SqliteStore {
    async fn claim(&self, executor: ExecutorId, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        let work = move |connection: &Connection| claim(connection, executor, limit, now);
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn take_ended(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        // Asked often and answered with nothing nearly always: that answer needs no place in the writer's queue.
        if self.readers().read(move |connection| ended(connection, executor)).await?.is_empty() {
            return Ok(Vec::new());
        }
        let work = move |connection: &Connection| {
            let found = ended(connection, executor)?;
            connection
                .prepare_cached("UPDATE run_heads SET owner = NULL WHERE owner = ?1 AND phase <> 0")?
                .execute([executor.uuid().as_bytes()])?;
            Ok(found)
        };
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn release(&self, executor: ExecutorId, now: Timestamp) -> Result<u64, StoreError> {
        let work = move |connection: &Connection| release(connection, executor, now);
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn owned(&self, executor: ExecutorId) -> Result<Vec<(RunId, Epoch)>, StoreError> {
        self.readers().read(move |connection| owned(connection, executor)).await
    }

    async fn give_back(&self, executor: ExecutorId, runs: &[(RunId, Epoch)], now: Timestamp) -> Result<(), StoreError> {
        let runs = runs.to_vec();
        let work = move |connection: &Connection| give_back(connection, executor, &runs, now);
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn attendance(&self, run: &RunId) -> Result<Option<Attendance>, StoreError> {
        let run = run.clone();
        self.readers().read(move |connection| attendance(connection, &run)).await
    }

    async fn unattended(&self, since: Timestamp) -> Result<u64, StoreError> {
        self.readers().read(move |connection| unattended(connection, since)).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        self.readers().read(move |connection| backlog(connection, now)).await
    }

    async fn owners(&self) -> Result<Vec<ExecutorId>, StoreError> {
        self.readers().read(owners).await
    }
}

fn attendance(connection: &Connection, run: &RunId) -> Outcome<Option<Attendance>> {
    let mut head = connection.prepare_cached(
        "SELECT owner, wake_at FROM run_heads JOIN workflow_runs USING (run) WHERE run_id = ?1 AND phase = 0",
    )?;
    first(&mut head, [run.as_str()], |row| {
        let is_there = |column: usize| Ok::<_, Failure>(row.get_ref(column)? != ValueRef::Null);
        let owner = if is_there(0)? { Some(ExecutorId::new(uuid(row, 0)?)) } else { None };
        let wake_at = if owner.is_none() && is_there(1)? { Some(time(row, 1)?) } else { None };
        Ok(Attendance { owner, wake_at })
    })
}

fn unattended(connection: &Connection, since: Timestamp) -> Outcome<u64> {
    let mut waiting = connection.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM run_heads
         WHERE owner IS NULL AND phase = 0 AND wake_at IS NOT NULL AND wake_at <= ?1 LIMIT ?2)",
    )?;
    let limit = i64::try_from(MAX_UNATTENDED).unwrap_or(i64::MAX);
    let found = first(&mut waiting, params![micros(since), limit], |row| count(row, 0))?;
    Ok(found.unwrap_or_default())
}

fn backlog(connection: &Connection, now: Timestamp) -> Outcome<Backlog> {
    let mut waiting = connection.prepare_cached(
        "SELECT count(*), min(wake_at) FROM (SELECT wake_at FROM run_heads
         WHERE owner IS NULL AND phase = 0 AND wake_at IS NOT NULL AND wake_at <= ?1 ORDER BY wake_at, run LIMIT ?2)",
    )?;
    let limit = i64::try_from(MAX_BACKLOG).unwrap_or(i64::MAX);
    let found = first(&mut waiting, params![micros(now), limit], |row| {
        let oldest = if row.get_ref(1)? == ValueRef::Null { None } else { Some(time(row, 1)?) };
        Ok(Backlog { waiting: count(row, 0)?, oldest })
    })?;
    Ok(found.unwrap_or_default())
}

fn claim(connection: &Connection, executor: ExecutorId, limit: usize, now: Timestamp) -> Outcome<Vec<Claimed>> {
    let mut ready = connection.prepare_cached(
        "SELECT run FROM run_heads WHERE owner IS NULL AND phase = 0 AND wake_at IS NOT NULL AND wake_at <= ?1
         ORDER BY wake_at, run LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ready: Vec<i64> = all(&mut ready, params![micros(now), limit], |row| Ok(row.get(0)?))?;
    let mut claimed = Vec::with_capacity(ready.len());
    for run in ready {
        match take(connection, executor, run) {
            Ok(run) => claimed.push(run),
            // It stays owned and is not looked at again: one unreadable run must not keep all others from being claimed.
            Err(Failure::Corrupt(what)) => tracing::error!(run.number = run, error = what, "a run cannot be read"),
            Err(other) => return Err(other),
        }
    }
    Ok(claimed)
}

fn take(connection: &Connection, executor: ExecutorId, run: i64) -> Outcome<Claimed> {
    connection
        .prepare_cached("UPDATE run_heads SET owner = ?2, epoch = epoch + 1, wake_at = NULL WHERE run = ?1")?
        .execute(params![run, executor.uuid().as_bytes()])?;
    let history = runs::history(connection, run)?;
    let inbox = inbox::entries(connection, run)?;
    let mut select = connection.prepare_cached(
        "SELECT run_id, epoch, input FROM run_heads JOIN workflow_runs USING (run) JOIN run_inputs USING (run)
         WHERE run = ?1",
    )?;
    let claimed = first(&mut select, [run], |row| {
        let id = parsed("run id", RunId::parse(text(row, 0)?))?;
        Ok(Claimed { run: id, epoch: Epoch::new(count(row, 1)?), input: payload(row, 2)?, history, inbox })
    })?;
    crate::codec::sound("run", claimed)
}

fn ended(connection: &Connection, executor: ExecutorId) -> Outcome<Vec<(RunId, Epoch)>> {
    let mut select = connection.prepare_cached(
        "SELECT run_id, epoch FROM run_heads JOIN workflow_runs USING (run)
         WHERE owner = ?1 AND phase <> 0 ORDER BY run_id",
    )?;
    all(&mut select, [executor.uuid().as_bytes()], |row| {
        Ok((parsed("run id", RunId::parse(text(row, 0)?))?, Epoch::new(count(row, 1)?)))
    })
}

fn owned(connection: &Connection, executor: ExecutorId) -> Outcome<Vec<(RunId, Epoch)>> {
    let mut select = connection.prepare_cached(
        "SELECT run_id, epoch FROM run_heads JOIN workflow_runs USING (run) WHERE owner = ?1 AND phase = 0",
    )?;
    all(&mut select, [executor.uuid().as_bytes()], |row| {
        Ok((parsed("run id", RunId::parse(text(row, 0)?))?, Epoch::new(count(row, 1)?)))
    })
}

fn give_back(connection: &Connection, executor: ExecutorId, runs: &[(RunId, Epoch)], now: Timestamp) -> Outcome<()> {
    let mut update = connection.prepare_cached(
        "UPDATE run_heads SET owner = NULL, epoch = epoch + 1, wake_at = ?4
         WHERE run = (SELECT run FROM workflow_runs WHERE run_id = ?1) AND owner = ?2 AND epoch = ?3 AND phase = 0",
    )?;
    for (run, epoch) in runs {
        let epoch = crate::codec::signed(epoch.get())?;
        update.execute(params![run.as_str(), executor.uuid().as_bytes(), epoch, micros(now)])?;
    }
    Ok(())
}

fn release(connection: &Connection, executor: ExecutorId, now: Timestamp) -> Outcome<u64> {
    let owner = executor.uuid();
    let mut live = connection.prepare_cached("SELECT count(*) FROM run_heads WHERE owner = ?1 AND phase = ?2")?;
    let live = first(&mut live, params![owner.as_bytes(), LIVE], |row| count(row, 0))?;
    connection
        .prepare_cached("UPDATE run_heads SET owner = NULL, epoch = epoch + 1, wake_at = ?2 WHERE owner = ?1")?
        .execute(params![owner.as_bytes(), micros(now)])?;
    Ok(live.unwrap_or_default())
}

/// Walks from one owner to the next, because there are few of them and each may own many runs.
fn owners(connection: &Connection) -> Outcome<Vec<ExecutorId>> {
    let mut next = connection.prepare_cached("SELECT owner FROM run_heads WHERE owner > ?1 ORDER BY owner LIMIT 1")?;
    let mut found: Vec<ExecutorId> = Vec::new();
    loop {
        let after = found.last().map_or_else(Vec::new, |owner| owner.uuid().as_bytes().to_vec());
        match first(&mut next, [after], |row| uuid(row, 0))? {
            Some(owner) => found.push(ExecutorId::new(owner)),
            None => return Ok(found),
        }
    }
}
