//! The first start: somebody must be able to manage access.

use std::sync::Arc;

use domain::{
    access::{AccountName, Actor, ApiKey, KeyText, Role, Scope},
    agents::Secret,
    audit::{Action, AuditEntry},
    ids::{ApiKeyId, AuditId},
    ports::{Accounts, Clock, IdGenerator, KeyDigests, StoreError, Transactions},
};

use super::AccessPorts;

/// What the key of the first start is called. The name is taken once, so of several processes that start at a time one makes it.
const NAME: &str = "admin";

/// What became of the key of the first start.
#[derive(Debug, Clone)]
pub enum FirstKey {
    /// This process has made it; nobody is told its text but whoever reads this.
    Made(Secret),
    /// This process has stored the one that was given.
    Given,
    /// There are keys, or there were.
    NotNeeded,
    /// There are keys, and the given one is none of them; it counts only where there are none.
    Ignored,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum EnsureAdminKeyError {
    /// What was given is no key.
    #[error(
        "it must be a key: ork_, 32 hexadecimal digits (its id), _, and 43 characters of base64url (32 random bytes)"
    )]
    Malformed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sees to it that somebody can manage access.
pub struct EnsureAdminKey {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    digests: Arc<dyn KeyDigests>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl EnsureAdminKey {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            digests: ports.digests.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Makes a key for everything if there has never been any key: the given one, or a fresh one. A key that was revoked does not
    /// come back by a restart.
    pub async fn execute(&self, given: Option<&Secret>) -> Result<FirstKey, EnsureAdminKeyError> {
        let given = given.map(|text| KeyText::parse(text).ok_or(EnsureAdminKeyError::Malformed)).transpose()?;
        if self.accounts.has_api_keys().await? {
            return self.beside_others(given.as_ref()).await;
        }
        let text = match &given {
            Some(given) => given.clone(),
            None => KeyText { id: ApiKeyId::new(self.ids.unique()), secret: self.digests.fresh() },
        };
        match self.keep(&text).await {
            Ok(()) if given.is_some() => Ok(FirstKey::Given),
            Ok(()) => Ok(FirstKey::Made(text.text())),
            // Another process was quicker.
            Err(StoreError::Conflict(_)) => self.beside_others(given.as_ref()).await,
            Err(other) => Err(other.into()),
        }
    }

    async fn beside_others(&self, given: Option<&KeyText>) -> Result<FirstKey, EnsureAdminKeyError> {
        let Some(given) = given else { return Ok(FirstKey::NotNeeded) };
        let is_there = match self.accounts.api_key(given.id).await? {
            Some(key) => self.digests.matches(&given.secret, &key.digest) && key.is_live(self.clock.now()),
            None => false,
        };
        Ok(if is_there { FirstKey::NotNeeded } else { FirstKey::Ignored })
    }

    async fn keep(&self, text: &KeyText) -> Result<(), StoreError> {
        let name = AccountName::parse(NAME).expect("the constant is a name");
        let (by, now) = (Actor::system(), self.clock.now());
        let key = ApiKey {
            id: text.id,
            name,
            digest: self.digests.digest(&text.secret),
            previous: None,
            role: Role::Admin,
            scope: Scope::default(),
            networks: Vec::new(),
            hides_payloads: false,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            created_at: now,
            created_by: by.name.clone(),
            revision: 1,
        };
        let mut work = self.transactions.begin().await?;
        work.add_api_key(&key).await?;
        let id = AuditId::new(self.ids.unique());
        work.record(&AuditEntry::of_key(id, &by, Action::Create, None, &key, now)).await?;
        work.commit().await
    }
}
