//! Makes an API key.

use std::sync::Arc;

use domain::{
    Timestamp,
    access::{AccountName, Actor, ApiKey, Forbidden, KeyText, Role, Scope},
    agents::Secret,
    audit::{Action, AuditEntry},
    ids::{ApiKeyId, AuditId},
    ports::{Accounts, Clock, IdGenerator, KeyDigests, Policy, StoreError, Transactions},
};
use ipnet::IpNet;

use super::{
    AccessPorts, Bounds, Session,
    giving::{Trust, may_give},
};

/// What is said about a new key.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members of a key, as `ApiKey` documents them")]
pub struct NewApiKey {
    pub name: AccountName,
    pub role: Role,
    pub scope: Scope,
    pub networks: Vec<IpNet>,
    pub hides_payloads: bool,
    pub expires_at: Option<Timestamp>,
}

/// A key with its text, which nobody can be told a second time.
#[derive(Debug, Clone)]
pub struct IssuedApiKey {
    /// The key.
    pub key: ApiKey,
    /// What its holder presents.
    pub text: Secret,
}

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateApiKeyError {
    /// A key that is not revoked has the name.
    #[error("API key with name '{0}' already exists")]
    NameTaken(AccountName),
    /// It would have ended already.
    #[error("the key would have expired already")]
    Ended,
    /// The caller has not what is to be given.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an API key.
pub struct CreateApiKey {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    digests: Arc<dyn KeyDigests>,
    policy: Arc<dyn Policy>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl CreateApiKey {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            digests: ports.digests.clone(),
            policy: ports.policy.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Makes the key; it is good at once.
    pub async fn execute(
        &self,
        new: NewApiKey,
        caller: &Session,
        by: &Actor,
    ) -> Result<IssuedApiKey, CreateApiKeyError> {
        let bounds = Bounds { networks: new.networks.clone(), ends: new.expires_at };
        let trust =
            Trust { role: new.role, scope: &new.scope, hides_payloads: new.hides_payloads, bounds: Some(&bounds) };
        may_give(&*self.policy, caller, trust)?;
        let now = self.clock.now();
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(CreateApiKeyError::Ended);
        }
        let text = KeyText { id: ApiKeyId::new(self.ids.unique()), secret: self.digests.fresh() };
        let key = ApiKey {
            id: text.id,
            name: new.name,
            digest: self.digests.digest(&text.secret),
            previous: None,
            role: new.role,
            scope: new.scope,
            networks: new.networks,
            hides_payloads: new.hides_payloads,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
            created_at: now,
            created_by: by.name.clone(),
            revision: 1,
        };
        let entry = AuditEntry::of_key(AuditId::new(self.ids.unique()), by, Action::Create, None, &key, now);
        match self.keep(&key, &entry).await {
            Ok(()) => Ok(IssuedApiKey { key, text: text.text() }),
            // It may be there under this very id: made by an attempt that could not answer. Then the secret is the same too,
            // unless the key was rotated since, or the server has another key of its own.
            Err(error @ StoreError::Conflict(_)) => match self.accounts.api_key(key.id).await? {
                Some(made) if self.digests.matches(&text.secret, &made.digest) => {
                    Ok(IssuedApiKey { key: made, text: text.text() })
                }
                Some(_) => Err(error.into()),
                None => Err(CreateApiKeyError::NameTaken(key.name)),
            },
            Err(other) => Err(other.into()),
        }
    }

    async fn keep(&self, key: &ApiKey, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.add_api_key(key).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
