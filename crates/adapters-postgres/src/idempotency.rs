//! Keys of requests that may be sent again.

use async_trait::async_trait;
use domain::{
    Timestamp,
    idempotency::{Fingerprint, IdempotencyKey, Seed},
    ids::AttemptId,
    ports::{Claim, IdempotencyKeys, Standing, StoreError},
};
use sqlx::{Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use crate::{
    PgStore,
    failure::{Failure, Outcome},
    journal::retried,
};

#[async_trait]
impl IdempotencyKeys for PgStore {
    async fn claim(&self, claim: &Claim) -> Result<Standing, StoreError> {
        Ok(retried(|| self.claim_key(claim)).await?)
    }

    async fn hold(&self, key: &IdempotencyKey, attempt: AttemptId, until: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE idempotency_keys SET until = $4
                   WHERE owner = $1 AND key = $2 AND attempt = $3 AND answer IS NULL";
        self.change_keys(held(sql, key, attempt).bind(until)).await?;
        Ok(())
    }

    async fn answer(&self, key: &IdempotencyKey, attempt: AttemptId, answer: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE idempotency_keys SET answer = $4
                   WHERE owner = $1 AND key = $2 AND attempt = $3 AND answer IS NULL";
        Ok(self.change_keys(held(sql, key, attempt).bind(answer)).await? > 0)
    }

    async fn let_go(&self, key: &IdempotencyKey, attempt: AttemptId, at: Timestamp) -> Result<(), StoreError> {
        self.hold(key, attempt, at).await
    }

    async fn release(&self, key: &IdempotencyKey, attempt: AttemptId) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys
                   WHERE owner = $1 AND key = $2 AND attempt = $3 AND first = $3 AND answer IS NULL";
        self.change_keys(held(sql, key, attempt)).await?;
        Ok(())
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let forget = sqlx::query(include_str!("sql/forget_keys.sql")).bind(before).bind(limit);
        Ok(self.change_keys(forget).await?)
    }
}

fn held<'a>(sql: &'static str, key: &'a IdempotencyKey, attempt: AttemptId) -> Query<'a, Postgres, PgArguments> {
    sqlx::query(sql).bind(key.owner()).bind(key.text()).bind(attempt.uuid())
}

impl PgStore {
    /// One statement where nobody has the key. Whoever finds that somebody has looks who it is.
    async fn claim_key(&self, claim: &Claim) -> Outcome<Standing> {
        let mine: Option<(Uuid, Timestamp)> = sqlx::query_as(include_str!("sql/claim_key.sql"))
            .bind(claim.key.owner())
            .bind(claim.key.text())
            .bind(claim.fingerprint.bytes().as_slice())
            .bind(claim.attempt.uuid())
            .bind(claim.at)
            .bind(claim.until)
            .bind(claim.oldest)
            .fetch_optional(self.pool())
            .await?;
        if let Some((first, at)) = mine {
            return Ok(Standing::Mine(Seed::new(AttemptId::new(first), at)));
        }
        let found: Option<(Vec<u8>, Option<String>)> =
            sqlx::query_as("SELECT fingerprint, answer FROM idempotency_keys WHERE owner = $1 AND key = $2")
                .bind(claim.key.owner())
                .bind(claim.key.text())
                .fetch_optional(self.pool())
                .await?;
        // Released meanwhile: whoever asks again finds it free.
        let Some((fingerprint, answer)) = found else { return Ok(Standing::Theirs) };
        let fingerprint: Result<[u8; 32], _> = fingerprint.try_into();
        let invalid = || Failure::Corrupt("a stored fingerprint is not valid".to_owned());
        if Fingerprint::new(fingerprint.map_err(|_| invalid())?) != claim.fingerprint {
            return Ok(Standing::Taken);
        }
        Ok(answer.map_or(Standing::Theirs, Standing::Answered))
    }

    async fn change_keys(&self, statement: Query<'_, Postgres, PgArguments>) -> Outcome<u64> {
        Ok(statement.execute(self.pool()).await?.rows_affected())
    }
}
