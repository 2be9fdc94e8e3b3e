//! API keys, people and revocations.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{ApiKey, User},
    ids::{ApiKeyId, UserId},
    page::{Page, PageRequest, SortOrder},
    ports::{Accounts, LAST_ADMIN, StoreError},
};

use crate::{MemoryStore, lists::page_of};

/// The rows. They are shared, so that a unit of work can try its changes on a copy.
#[derive(Clone, Default)]
pub(crate) struct AccountTable {
    keys: BTreeMap<ApiKeyId, Arc<ApiKey>>,
    users: BTreeMap<UserId, Arc<User>>,
    revoked: BTreeMap<String, Timestamp>,
}

/// A change of a unit of work.
pub(crate) enum AccountChange {
    AddKey(ApiKey),
    ReplaceKey(ApiKey),
    AddUser(User),
    ReplaceUser(User),
    RemoveUser(User),
    Revoke(Vec<String>, Timestamp),
    KeepAnAdmin,
}

impl AccountTable {
    pub(crate) fn make(&mut self, change: AccountChange) -> Result<(), StoreError> {
        match change {
            AccountChange::AddKey(key) => {
                let taken = self.keys.contains_key(&key.id);
                self.put_key(taken, key)
            }
            AccountChange::ReplaceKey(mut key) => {
                let stored = self.keys.get(&key.id).filter(|stored| stored.revision + 1 == key.revision);
                key.last_used_at = stored.and_then(|stored| stored.last_used_at);
                self.put_key(stored.is_none(), key)
            }
            AccountChange::AddUser(user) => {
                let taken = self.users.contains_key(&user.id);
                self.put_user(taken, user)
            }
            AccountChange::ReplaceUser(user) => {
                let stored = self.users.get(&user.id).filter(|stored| stored.revision + 1 == user.revision);
                self.put_user(stored.is_none(), user)
            }
            AccountChange::RemoveUser(user) => {
                let stored = self.users.get(&user.id).filter(|stored| stored.revision == user.revision);
                stored.map(drop).ok_or(StoreError::Conflict("user"))?;
                self.users.remove(&user.id);
                Ok(())
            }
            AccountChange::Revoke(ids, until) => {
                for id in ids {
                    let stored = self.revoked.entry(id).or_insert(until);
                    *stored = until.max(*stored);
                }
                Ok(())
            }
            AccountChange::KeepAnAdmin => {
                let keeper =
                    self.keys.values().any(|key| key.is_keeper()) || self.users.values().any(|user| user.is_keeper());
                if keeper { Ok(()) } else { Err(StoreError::Conflict(LAST_ADMIN)) }
            }
        }
    }

    fn put_key(&mut self, refused: bool, key: ApiKey) -> Result<(), StoreError> {
        let taken = |other: &ApiKey| other.id != key.id && other.revoked_at.is_none() && other.name == key.name;
        if refused || (key.revoked_at.is_none() && self.keys.values().any(|other| taken(other))) {
            return Err(StoreError::Conflict("API key"));
        }
        self.keys.insert(key.id, Arc::new(key));
        Ok(())
    }

    fn put_user(&mut self, refused: bool, user: User) -> Result<(), StoreError> {
        if refused || self.users.values().any(|other| other.id != user.id && other.name == user.name) {
            return Err(StoreError::Conflict("user"));
        }
        self.users.insert(user.id, Arc::new(user));
        Ok(())
    }
}

#[async_trait]
impl Accounts for MemoryStore {
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.lock().management.accounts.keys.get(&id).map(|key| ApiKey::clone(key)))
    }

    async fn has_api_keys(&self) -> Result<bool, StoreError> {
        Ok(!self.lock().management.accounts.keys.is_empty())
    }

    async fn api_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let state = self.lock();
        let keys = state.management.accounts.keys.values().map(AsRef::as_ref);
        Ok(page_of(keys, ApiKey::cursor, SortOrder::Descending, &page))
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.lock().management.accounts.users.get(&id).map(|user| User::clone(user)))
    }

    async fn user_named(&self, name: &str) -> Result<Option<User>, StoreError> {
        let state = self.lock();
        let mut users = state.management.accounts.users.values();
        Ok(users.find(|user| user.name.as_str() == name).map(|user| User::clone(user)))
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        let state = self.lock();
        let users = state.management.accounts.users.values().map(AsRef::as_ref);
        Ok(page_of(users, User::cursor, SortOrder::Ascending, &page))
    }

    async fn revoked(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let state = self.lock();
        let revoked = &state.management.accounts.revoked;
        Ok(ids.iter().filter(|id| revoked.contains_key(*id)).cloned().collect())
    }

    async fn used(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for (id, at) in uses {
            if let Some(key) = state.management.accounts.keys.get_mut(id) {
                let key = Arc::make_mut(key);
                key.last_used_at = key.last_used_at.max(Some(*at));
            }
        }
        Ok(())
    }

    async fn forget_revocations(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let revoked = &mut state.management.accounts.revoked;
        let count = revoked.len();
        revoked.retain(|_, until| *until >= before);
        Ok((count - revoked.len()) as u64)
    }
}
