//! What nobody waits for: last uses are written down, and revocations of tokens that have ended anyway are forgotten.

use std::sync::Arc;

use domain::ports::{Accounts, Clock, StoreError};

use super::{AccessPorts, uses::Uses};

/// Looks after the accounts. Called every few seconds by whoever keeps the process going.
pub struct KeepAccounts {
    accounts: Arc<dyn Accounts>,
    clock: Arc<dyn Clock>,
    uses: Arc<Uses>,
}

impl KeepAccounts {
    pub(super) fn new(ports: &AccessPorts, uses: Arc<Uses>) -> Self {
        Self { accounts: ports.accounts.clone(), clock: ports.clock.clone(), uses }
    }

    /// Writes down which keys were used since the last time. What cannot be written is kept for the next time.
    pub async fn tick(&self) -> Result<(), StoreError> {
        let uses = self.uses.take();
        if uses.is_empty() {
            return Ok(());
        }
        let written = self.accounts.used(&uses).await;
        if written.is_err() {
            for (key, at) in uses {
                self.uses.note(key, at);
            }
        }
        written
    }

    /// Forgets revocations that nobody needs any more; answers how many. Once in some minutes is often enough.
    pub async fn forget(&self) -> Result<u64, StoreError> {
        self.accounts.forget_revocations(self.clock.now()).await
    }
}
