//! How often the store is asked, and what it is told.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};

use adapters_memory::MemoryStore;
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{ApiKey, Role, User},
    ids::{ApiKeyId, UserId},
    page::{Page, PageRequest},
    ports::{Accounts, StoreError},
};
use tokio::sync::Semaphore;

use crate::support::{Installation, new_key};

/// Counts reads of keys, each of which waits for a permit, and fails to write uses when it is told to.
struct Slow {
    store: MemoryStore,
    reads: AtomicUsize,
    writes: AtomicUsize,
    failures: AtomicUsize,
    permits: Semaphore,
}

#[async_trait]
impl Accounts for Slow {
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.permits.acquire().await.expect("it is open").forget();
        self.store.api_key(id).await
    }

    async fn used(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if self.failures.swap(0, Ordering::SeqCst) > 0 {
            return Err(StoreError::Unavailable("for once".to_owned()));
        }
        self.store.used(uses).await
    }

    async fn has_api_keys(&self) -> Result<bool, StoreError> {
        self.store.has_api_keys().await
    }

    async fn api_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        self.store.api_keys(page).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.store.user(id).await
    }

    async fn user_named(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.store.user_named(name).await
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        self.store.users(page).await
    }

    async fn revoked(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.store.revoked(ids).await
    }

    async fn forget_revocations(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.store.forget_revocations(before).await
    }
}

fn slow(permits: usize) -> (Installation, Arc<Slow>) {
    let store = MemoryStore::new();
    let slow = Arc::new(Slow {
        store: store.clone(),
        reads: AtomicUsize::new(0),
        writes: AtomicUsize::new(0),
        failures: AtomicUsize::new(0),
        permits: Semaphore::new(permits),
    });
    (Installation::over(store, slow.clone()), slow)
}

#[tokio::test]
async fn a_crowd_with_one_key_costs_one_read_in_eight_hundred_milliseconds() {
    let (here, slow) = slow(0);
    let issued = here.key(new_key("ci", Role::Operator)).await;
    {
        let mut crowd: Vec<_> = (0..20).map(|_| Box::pin(here.with_key(&issued.text))).collect();
        let mut context = Context::from_waker(Waker::noop());
        for caller in &mut crowd {
            assert!(pin!(caller).poll(&mut context).is_pending());
        }
        slow.permits.add_permits(100);
        for caller in crowd {
            caller.await.expect("it is good");
        }
    }
    here.wait(799);
    here.with_key(&issued.text).await.expect("it is good");
    assert_eq!(slow.reads.load(Ordering::SeqCst), 1);
    here.wait(1);
    here.with_key(&issued.text).await.expect("it is good");
    assert_eq!(slow.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_last_use_is_written_by_the_tick_and_again_if_that_fails() {
    let (here, slow) = slow(100);
    let issued = here.key(new_key("ci", Role::Operator)).await;
    let last_use = async || slow.store.api_key(issued.key.id).await.expect("memory").expect("a key").last_used_at;
    for _ in 0..3 {
        here.with_key(&issued.text).await.expect("it is good");
        here.wait(100);
    }
    assert_eq!((last_use().await, slow.writes.load(Ordering::SeqCst)), (None, 0));
    slow.failures.store(1, Ordering::SeqCst);
    here.uses.keep_accounts.tick().await.expect_err("the store is away");
    here.uses.keep_accounts.tick().await.expect("the store is back");
    assert_eq!(last_use().await, Some(here.clock_now() - std::time::Duration::from_millis(100)));
    here.uses.keep_accounts.tick().await.expect("there is nothing to tell");
    assert_eq!(slow.writes.load(Ordering::SeqCst), 2);
}
