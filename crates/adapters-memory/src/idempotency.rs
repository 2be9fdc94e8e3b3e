//! Keys of requests that may be sent again.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    Timestamp,
    idempotency::{Fingerprint, IdempotencyKey, Seed},
    ids::AttemptId,
    ports::{Claim, IdempotencyKeys, Standing, StoreError},
};

use crate::MemoryStore;

/// The keys with what is known of them.
#[derive(Default)]
pub(crate) struct KeyTable(BTreeMap<IdempotencyKey, Row>);

struct Row {
    fingerprint: Fingerprint,
    first: AttemptId,
    at: Timestamp,
    attempt: AttemptId,
    until: Timestamp,
    answer: Option<String>,
}

impl Row {
    fn standing(&self, claim: &Claim) -> Standing {
        if self.fingerprint != claim.fingerprint {
            return Standing::Taken;
        }
        match &self.answer {
            Some(answer) => Standing::Answered(answer.clone()),
            None if self.until > claim.at => Standing::Theirs,
            None => Standing::Mine(Seed::new(self.first, self.at)),
        }
    }
}

impl KeyTable {
    fn claim(&mut self, claim: &Claim) -> Standing {
        self.0.retain(|key, row| *key != claim.key || row.at >= claim.oldest);
        let row = self.0.entry(claim.key.clone()).or_insert_with(|| Row {
            fingerprint: claim.fingerprint,
            first: claim.attempt,
            at: claim.at,
            attempt: claim.attempt,
            until: claim.at,
            answer: None,
        });
        let standing = row.standing(claim);
        if let Standing::Mine(_) = standing {
            (row.attempt, row.until) = (claim.attempt, claim.until);
        }
        standing
    }

    /// The row, as long as the attempt has it.
    fn held(&mut self, key: &IdempotencyKey, attempt: AttemptId) -> Option<&mut Row> {
        self.0.get_mut(key).filter(|row| row.attempt == attempt && row.answer.is_none())
    }
}

#[async_trait]
impl IdempotencyKeys for MemoryStore {
    async fn claim(&self, claim: &Claim) -> Result<Standing, StoreError> {
        Ok(self.lock().keys.claim(claim))
    }

    async fn hold(&self, key: &IdempotencyKey, attempt: AttemptId, until: Timestamp) -> Result<(), StoreError> {
        if let Some(row) = self.lock().keys.held(key, attempt) {
            row.until = until;
        }
        Ok(())
    }

    async fn answer(&self, key: &IdempotencyKey, attempt: AttemptId, answer: &str) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let Some(row) = state.keys.held(key, attempt) else { return Ok(false) };
        row.answer = Some(answer.to_owned());
        Ok(true)
    }

    async fn let_go(&self, key: &IdempotencyKey, attempt: AttemptId, at: Timestamp) -> Result<(), StoreError> {
        self.hold(key, attempt, at).await
    }

    async fn release(&self, key: &IdempotencyKey, attempt: AttemptId) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.keys.held(key, attempt).is_some_and(|row| row.first == attempt) {
            state.keys.0.remove(key);
        }
        Ok(())
    }

    async fn forget(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let table = &mut self.lock().keys.0;
        let mut old: Vec<_> = table.iter().filter(|(_, row)| row.at < before).collect();
        old.sort_by_key(|(key, row)| (row.at, *key));
        let old: Vec<IdempotencyKey> = old.into_iter().take(limit).map(|(key, _)| key.clone()).collect();
        Ok(old.iter().filter(|key| table.remove(key).is_some()).count() as u64)
    }
}
