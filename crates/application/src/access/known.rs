//! What the store says about keys, people and revocations, as it was less than a second ago.
//!
//! No bus tells the processes what was revoked: each believes what it has read for less than a second. Whoever asks meanwhile
//! waits for the same read, so a crowd with one credential costs one read in that time.

use std::{hash::Hash, sync::Arc};

use domain::{
    Timestamp,
    access::{ApiKey, User},
    ids::{ApiKeyId, UserId},
    ports::{Accounts, Clock, StoreError},
};
use moka::future::Cache;

/// For how long a read is believed, in milliseconds. With the time that a read takes, a revoked key stops working within a second.
const BELIEVED_MS: i64 = 800;

/// How many of each kind are remembered; who presents ever new ones pushes them out and costs reads, nothing else.
const REMEMBERED: u64 = 10_000;

/// The accounts, as they were a moment ago.
pub(super) struct KnownAccounts {
    accounts: Arc<dyn Accounts>,
    clock: Arc<dyn Clock>,
    keys: Recent<ApiKeyId, Option<Arc<ApiKey>>>,
    users: Recent<UserId, Option<Arc<User>>>,
    revoked: Recent<Vec<String>, bool>,
}

impl KnownAccounts {
    pub(super) fn new(accounts: Arc<dyn Accounts>, clock: Arc<dyn Clock>) -> Self {
        Self { accounts, clock, keys: Recent::new(), users: Recent::new(), revoked: Recent::new() }
    }

    /// A key, revoked or not.
    pub(super) async fn key(&self, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let read = async { Ok(self.accounts.api_key(id).await?.map(Arc::new)) };
        self.keys.get(&id, self.clock.now(), read).await
    }

    /// A person.
    pub(super) async fn user(&self, id: UserId) -> Result<Option<Arc<User>>, StoreError> {
        let read = async { Ok(self.accounts.user(id).await?.map(Arc::new)) };
        self.users.get(&id, self.clock.now(), read).await
    }

    /// Whether any of these tokens is revoked.
    pub(super) async fn any_revoked(&self, ids: &[String]) -> Result<bool, StoreError> {
        let read = async { Ok(!self.accounts.revoked(ids).await?.is_empty()) };
        self.revoked.get(ids, self.clock.now(), read).await
    }

    /// Reads a key anew at its next use: this process knows that it has changed.
    pub(super) async fn key_changed(&self, id: ApiKeyId) {
        self.keys.0.invalidate(&id).await;
    }

    /// Reads a person anew at the next use.
    pub(super) async fn user_changed(&self, id: UserId) {
        self.users.0.invalidate(&id).await;
    }

    /// Reads all revocations anew at their next use.
    pub(super) fn tokens_revoked(&self) {
        self.revoked.0.invalidate_all();
    }
}

/// The answers to recent reads. The time is the caller's clock's, so that a test can say what is recent.
struct Recent<K, V>(Cache<K, Read<V>>);

/// A read, begun at a time. One that failed is told to those who have waited for it, and not believed by anybody else.
#[derive(Clone)]
struct Read<V> {
    begun: Timestamp,
    answer: Result<V, Failed>,
}

#[derive(Clone)]
enum Failed {
    Conflict(&'static str),
    Unavailable(String),
    Locked(String),
    Corrupt(String),
}

impl<K, V> Recent<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    async fn get<Q>(
        &self,
        key: &Q,
        now: Timestamp,
        read: impl Future<Output = Result<V, StoreError>>,
    ) -> Result<V, StoreError>
    where
        K: std::borrow::Borrow<Q>,
        Q: ToOwned<Owned = K> + Hash + Eq + ?Sized,
    {
        if let Some(found) = self.0.get(key).await.filter(|found| found.is_believed(now)) {
            return found.answer.map_err(Into::into);
        }
        let read = async { Read { begun: now, answer: read.await.map_err(Into::into) } };
        let entry = self.0.entry_by_ref(key).or_insert_with_if(read, |found| !found.is_believed(now)).await;
        entry.into_value().answer.map_err(Into::into)
    }
}

impl<V> Read<V> {
    fn is_believed(&self, now: Timestamp) -> bool {
        self.answer.is_ok() && (now - self.begun).num_milliseconds().abs() < BELIEVED_MS
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::Conflict(what),
            StoreError::Unavailable(what) => Self::Unavailable(what),
            StoreError::Locked(what) => Self::Locked(what),
            StoreError::Corrupt(what) => Self::Corrupt(what),
        }
    }
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Conflict(what) => Self::Conflict(what),
            Failed::Unavailable(what) => Self::Unavailable(what),
            Failed::Locked(what) => Self::Locked(what),
            Failed::Corrupt(what) => Self::Corrupt(what),
        }
    }
}
