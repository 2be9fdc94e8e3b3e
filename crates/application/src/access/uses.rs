//! When keys were last used: noted in memory, for the store to be told now and then.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::{Timestamp, ids::ApiKeyId};

/// What the store has not been told yet. There are no more entries than keys.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<ApiKeyId, Timestamp>>);

impl Uses {
    /// A key is used.
    pub(super) fn note(&self, key: ApiKeyId, at: Timestamp) {
        let mut noted = self.lock();
        let last = noted.entry(key).or_insert(at);
        *last = at.max(*last);
    }

    /// Everything that was noted; it is not kept.
    pub(super) fn take(&self) -> Vec<(ApiKeyId, Timestamp)> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApiKeyId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
