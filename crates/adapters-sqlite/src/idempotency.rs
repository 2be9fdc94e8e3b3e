//! Keys of requests that may be sent again.

use async_trait::async_trait;
use domain::{
    Timestamp,
    idempotency::{Fingerprint, IdempotencyKey, Seed},
    ids::AttemptId,
    ports::{Claim, IdempotencyKeys, Standing, StoreError},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    codec::{first, micros, parsed, sound, time, uuid},
    failure::{Failure, Outcome},
};

/// Inserts the key, or takes it where nobody holds it or it is forgotten; otherwise nothing is changed.
const CLAIM: &str = "INSERT INTO idempotency_keys (owner, key, fingerprint, first, at, attempt, until)
    VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6)
    ON CONFLICT (owner, key) DO UPDATE SET
        attempt = excluded.attempt, until = excluded.until,
        fingerprint = excluded.fingerprint, answer = NULL,
        first = CASE WHEN at < ?7 THEN excluded.first ELSE first END,
        at = CASE WHEN at < ?7 THEN excluded.at ELSE at END
    WHERE at < ?7 OR (answer IS NULL AND until <= ?5 AND fingerprint = excluded.fingerprint)";

#[async_trait]
impl IdempotencyKeys for SqliteStore {
    async fn claim(&self, claim: &Claim) -> Result<Standing, StoreError> {
        let claim = claim.clone();
        let work = move |connection: &Connection| {
            connection.prepare_cached(CLAIM)?.execute(params![
                claim.key.owner(),
                claim.key.text(),
                claim.fingerprint.bytes(),
                claim.attempt.uuid().as_bytes(),
                micros(claim.at),
                micros(claim.until),
                micros(claim.oldest),
            ])?;
            standing(connection, &claim)
        };
        self.writer().work(move |session| session.transaction(work)).await
    }

    async fn hold(&self, key: &IdempotencyKey, attempt: AttemptId, until: Timestamp) -> Result<(), StoreError> {
        let key = key.clone();
        let hold = move |connection: &Connection| {
            let sql = "UPDATE idempotency_keys SET until = ?4
                       WHERE owner = ?1 AND key = ?2 AND attempt = ?3 AND answer IS NULL";
            let mut change = connection.prepare_cached(sql)?;
            Ok(change.execute(params![key.owner(), key.text(), attempt.uuid().as_bytes(), micros(until)])?)
        };
        self.change_keys(hold).await.map(drop)
    }

    async fn answer(&self, key: &IdempotencyKey, attempt: AttemptId, answer: &str) -> Result<bool, StoreError> {
        let (key, answer) = (key.clone(), answer.to_owned());
        let keep = move |connection: &Connection| {
            let sql = "UPDATE idempotency_keys SET answer = ?4
                       WHERE owner = ?1 AND key = ?2 AND attempt = ?3 AND answer IS NULL";
            let mut change = connection.prepare_cached(sql)?;
            Ok(change.execute(params![key.owner(), key.text(), attempt.uuid().as_bytes(), answer])?)
        };
        Ok(self.change_keys(keep).await? > 0)
    }

    async fn let_go(&self, key: &IdempotencyKey, attempt: AttemptId, at: Timestamp) -> Result<(), StoreError> {
        self.hold(key, attempt, at).await
    }

    async fn release(&self, key: &IdempotencyKey, attempt: AttemptId) -> Result<(), StoreError> {
        let key = key.clone();
        let release = move |connection: &Connection| {
            let sql = "DELETE FROM idempotency_keys
                       WHERE owner = ?1 AND key = ?2 AND attempt = ?3 AND first = ?3 AND answer IS NULL";
            let mut change = connection.prepare_cached(sql)?;
            Ok(change.execute(params![key.owner(), key.text(), attempt.uuid().as_bytes()])?)
        };
        self.change_keys(release).await.map(drop)
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let forget = move |connection: &Connection| {
            let sql = "DELETE FROM idempotency_keys WHERE (owner, key) IN
                           (SELECT owner, key FROM idempotency_keys WHERE at < ?1 ORDER BY at LIMIT ?2)";
            Ok(connection.prepare_cached(sql)?.execute(params![micros(before), limit])?)
        };
        Ok(self.change_keys(forget).await? as u64)
    }
}

impl SqliteStore {
    async fn change_keys(
        &self,
        change: impl FnOnce(&Connection) -> Outcome<usize> + Send + 'static,
    ) -> Result<usize, StoreError> {
        self.writer().work(move |session| session.transaction(change)).await
    }
}

/// How it stands after the attempt has tried to take the key.
fn standing(connection: &Connection, claim: &Claim) -> Outcome<Standing> {
    let mut select = connection.prepare_cached(
        "SELECT fingerprint, attempt, first, at, answer FROM idempotency_keys WHERE owner = ?1 AND key = ?2",
    )?;
    let found = first(&mut select, [claim.key.owner(), claim.key.text()], |row| {
        let fingerprint: [u8; 32] = parsed("fingerprint", row.get_ref(0)?.as_blob())?
            .try_into()
            .map_err(|_| Failure::Corrupt("a stored fingerprint is not valid".to_owned()))?;
        if Fingerprint::new(fingerprint) != claim.fingerprint {
            return Ok(Standing::Taken);
        }
        if let Some(answer) = row.get(4)? {
            return Ok(Standing::Answered(answer));
        }
        if uuid(row, 1)? == claim.attempt.uuid() {
            return Ok(Standing::Mine(Seed::new(AttemptId::new(uuid(row, 2)?), time(row, 3)?)));
        }
        Ok(Standing::Theirs)
    })?;
    sound("idempotency key", found)
}
