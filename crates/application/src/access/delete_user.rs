//! Removes a person. To keep somebody out for a while, the person is made inactive instead.

use std::sync::Arc;

use domain::{
    access::{Actor, User},
    audit::AuditEntry,
    ids::{AuditId, UserId},
    ports::{Accounts, Clock, IdGenerator, LAST_ADMIN, StoreError, Transactions},
};

use super::{AccessPorts, known::KnownAccounts};
use crate::TRIES;

/// Why a person was not removed.
#[derive(Debug, thiserror::Error)]
pub enum DeleteUserError {
    /// There is none with this id.
    #[error("User with id '{0}' not found")]
    NotFound(UserId),
    /// Nobody would be left who can manage access.
    #[error("this is the last administrator; make another one first")]
    LastAdmin,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Removes a person.
pub struct DeleteUser {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    known: Arc<KnownAccounts>,
}

impl DeleteUser {
    pub(super) fn new(ports: &AccessPorts, known: Arc<KnownAccounts>) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            known,
        }
    }

    /// Removes the person; the name is free then, and tokens of log-ins are worth nothing within a second.
    pub async fn execute(&self, id: UserId, by: &Actor) -> Result<(), DeleteUserError> {
        let mut tries = 0;
        loop {
            let user = self.accounts.user(id).await?.ok_or(DeleteUserError::NotFound(id))?;
            tries += 1;
            match self.remove(&user, by).await {
                Ok(()) => {
                    self.known.user_changed(id).await;
                    return Ok(());
                }
                Err(StoreError::Conflict(LAST_ADMIN)) => return Err(DeleteUserError::LastAdmin),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn remove(&self, user: &User, by: &Actor) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.remove_user(user).await?;
        if user.is_keeper() {
            work.keep_an_admin().await?;
        }
        let id = AuditId::new(self.ids.unique());
        if let Some(entry) = AuditEntry::of_user(id, by, Some(user), None, self.clock.now()) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
