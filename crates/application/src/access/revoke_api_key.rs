//! Revokes an API key.

use std::sync::Arc;

use domain::{
    access::{Actor, ApiKey},
    audit::{Action, AuditEntry},
    ids::{ApiKeyId, AuditId},
    ports::{Accounts, Clock, IdGenerator, LAST_ADMIN, StoreError, Transactions},
};

use super::{AccessPorts, known::KnownAccounts};
use crate::TRIES;

/// Why a key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeApiKeyError {
    /// There is none with this id.
    #[error("API key with id '{0}' not found")]
    NotFound(ApiKeyId),
    /// Nobody would be left who can manage access.
    #[error("this is the last administrator; make another one first")]
    LastAdmin,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Revokes an API key.
pub struct RevokeApiKey {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    known: Arc<KnownAccounts>,
}

impl RevokeApiKey {
    pub(super) fn new(ports: &AccessPorts, known: Arc<KnownAccounts>) -> Self {
        let (accounts, transactions) = (ports.accounts.clone(), ports.transactions.clone());
        Self { accounts, transactions, clock: ports.clock.clone(), ids: ports.ids.clone(), known }
    }

    /// Revokes the key, for good; revoking it again changes nothing. It and the tokens that were exchanged for it are worth
    /// nothing within a second, wherever they are used. Answers the key as it is then.
    pub async fn execute(&self, id: ApiKeyId, by: &Actor) -> Result<ApiKey, RevokeApiKeyError> {
        let mut tries = 0;
        loop {
            let old = self.accounts.api_key(id).await?.ok_or(RevokeApiKeyError::NotFound(id))?;
            if old.revoked_at.is_some() {
                return Ok(old);
            }
            let (mut key, now) = (old.clone(), self.clock.now());
            key.revoked_at = Some(now);
            key.previous = None;
            key.revision += 1;
            tries += 1;
            let entry = AuditId::new(self.ids.unique());
            let entry = AuditEntry::of_key(entry, by, Action::Revoke, Some(&old), &key, now);
            match self.keep(&key, old.is_keeper(), &entry).await {
                Ok(()) => {
                    self.known.key_changed(id).await;
                    return Ok(key);
                }
                Err(StoreError::Conflict(LAST_ADMIN)) => return Err(RevokeApiKeyError::LastAdmin),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn keep(&self, key: &ApiKey, was_keeper: bool, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_api_key(key).await?;
        if was_keeper {
            work.keep_an_admin().await?;
        }
        work.record(entry).await?;
        work.commit().await
    }
}
