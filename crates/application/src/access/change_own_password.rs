//! Gives the caller a new password.

use std::sync::Arc;

use domain::{
    access::{Actor, Forbidden, Source, User},
    agents::Secret,
    audit::AuditEntry,
    ids::AuditId,
    ports::{Accounts, Clock, IdGenerator, Passwords, StoreError, Transactions},
};

use super::{AccessPorts, Proof, Session, known::KnownAccounts, password::PasswordCheck};
use crate::TRIES;

/// Why the password stays.
#[derive(Debug, thiserror::Error)]
pub enum ChangeOwnPasswordError {
    /// The caller has not logged in, but is known by something else.
    #[error("only somebody who has logged in has a password to change")]
    NotAPerson,
    /// The password is wrong, or may not be tried at the moment.
    #[error("The password is wrong, or too many have been lately")]
    Refused,
    /// The token was attenuated: whoever holds it is not to get at the whole.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Gives the caller a new password.
pub struct ChangeOwnPassword {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    passwords: Arc<dyn Passwords>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    check: PasswordCheck,
    known: Arc<KnownAccounts>,
}

impl ChangeOwnPassword {
    pub(super) fn new(ports: &AccessPorts, known: Arc<KnownAccounts>) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            passwords: ports.passwords.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            check: PasswordCheck::new(ports),
            known,
        }
    }

    /// Changes it, if the present one is right. All tokens of log-ins end, the caller's too.
    pub async fn execute(
        &self,
        present: &Secret,
        new: &Secret,
        caller: &Session,
        by: &Actor,
    ) -> Result<(), ChangeOwnPasswordError> {
        let Proof::Token(Some(Source::User(id, _))) = caller.proof else {
            return Err(ChangeOwnPasswordError::NotAPerson);
        };
        if caller.is_attenuated() {
            return Err(Forbidden::Attenuated.into());
        }
        let user = self.accounts.user(id).await?;
        let proven = self.check.execute(user, present, by).await?.ok_or(ChangeOwnPasswordError::Refused)?;
        let password = self.passwords.hash(new).await;
        let mut tries = 0;
        loop {
            let old = self.accounts.user(id).await?.ok_or(ChangeOwnPasswordError::Refused)?;
            let mut user = old.clone();
            // An administrator may have changed it meanwhile.
            if user.epoch != proven.epoch {
                return Err(ChangeOwnPasswordError::Refused);
            }
            user.password = password.clone();
            user.epoch += 1;
            user.updated_at = self.clock.now();
            user.revision += 1;
            tries += 1;
            match self.keep(&old, &user, by).await {
                Ok(()) => {
                    self.known.user_changed(id).await;
                    return Ok(());
                }
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn keep(&self, old: &User, user: &User, by: &Actor) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_user(user).await?;
        let id = AuditId::new(self.ids.unique());
        if let Some(entry) = AuditEntry::of_user(id, by, Some(old), Some(user), user.updated_at) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
