//! Gives an API key a new secret.
//!
//! The key stays the same: its id, name, scope and history. The secret before stays good for as long as its holder needs to change
//! over; a successor with an id of its own would have to be given everything anew, and told from the key before in every log.

use std::{sync::Arc, time::Duration};

use domain::{
    access::{Actor, ApiKey, Forbidden, KeyText, PreviousDigest},
    audit::{Action, AuditEntry},
    ids::{ApiKeyId, AuditId},
    ports::{Accounts, Clock, IdGenerator, KeyDigests, Policy, StoreError, Transactions},
};

use super::{
    AccessPorts, Bounds, IssuedApiKey, Session,
    giving::{Trust, may_give},
    known::KnownAccounts,
};
use crate::TRIES;

/// Why a key was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateApiKeyError {
    /// There is none with this id.
    #[error("API key with id '{0}' not found")]
    NotFound(ApiKeyId),
    /// It is revoked or has expired; a new secret would be worth nothing.
    #[error("API key '{0}' is revoked or has expired")]
    Ended(ApiKeyId),
    /// The caller has not what the key is trusted with.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives an API key a new secret.
pub struct RotateApiKey {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    digests: Arc<dyn KeyDigests>,
    policy: Arc<dyn Policy>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    known: Arc<KnownAccounts>,
}

impl RotateApiKey {
    pub(super) fn new(ports: &AccessPorts, known: Arc<KnownAccounts>) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            digests: ports.digests.clone(),
            policy: ports.policy.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            known,
        }
    }

    /// Gives the key a new secret. The one before stays good for `grace`; one that was good by an earlier rotation does not.
    /// Tokens that were exchanged for the key stay good until they end.
    pub async fn execute(
        &self,
        id: ApiKeyId,
        grace: Duration,
        caller: &Session,
        by: &Actor,
    ) -> Result<IssuedApiKey, RotateApiKeyError> {
        let text = KeyText { id, secret: self.digests.fresh() };
        let entry_id = AuditId::new(self.ids.unique());
        let mut tries = 0;
        loop {
            let old = self.accounts.api_key(id).await?.ok_or(RotateApiKeyError::NotFound(id))?;
            let (mut key, now) = (old.clone(), self.clock.now());
            if !key.is_live(now) {
                return Err(RotateApiKeyError::Ended(id));
            }
            let (bounds, hides_payloads) = (Bounds::of(&key), key.hides_payloads);
            let trust = Trust { role: key.role, scope: &key.scope, hides_payloads, bounds: Some(&bounds) };
            may_give(&*self.policy, caller, trust)?;
            // An attempt that could not answer has given it this very secret.
            if self.ids.again() && self.digests.matches(&text.secret, &key.digest) {
                return Ok(IssuedApiKey { key, text: text.text() });
            }
            let before = std::mem::replace(&mut key.digest, self.digests.digest(&text.secret));
            key.previous = (!grace.is_zero()).then(|| PreviousDigest { digest: before, until: now + grace });
            key.revision += 1;
            tries += 1;
            let entry = AuditEntry::of_key(entry_id, by, Action::Rotate, Some(&old), &key, now);
            match self.keep(&key, &entry).await {
                Ok(()) => {
                    self.known.key_changed(id).await;
                    return Ok(IssuedApiKey { key, text: text.text() });
                }
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn keep(&self, key: &ApiKey, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_api_key(key).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
