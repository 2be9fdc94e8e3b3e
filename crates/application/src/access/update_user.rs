//! Changes what a person is trusted with, or the password.

use std::sync::Arc;

use domain::{
    access::{Actor, Forbidden, PasswordHash, Role, Scope, User},
    agents::Secret,
    audit::AuditEntry,
    ids::{AuditId, UserId},
    ports::{Accounts, Clock, IdGenerator, LAST_ADMIN, Passwords, Policy, StoreError, Transactions},
};

use super::{
    AccessPorts, Session,
    giving::{Trust, may_give},
    known::KnownAccounts,
};
use crate::TRIES;

/// What is to change; `None` leaves a member as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the members of a user, as `User` documents them")]
pub struct UserChanges {
    pub role: Option<Role>,
    pub active: Option<bool>,
    pub hides_payloads: Option<bool>,
    pub password: Option<Secret>,
}

/// Why a person was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateUserError {
    /// There is none with this id.
    #[error("User with id '{0}' not found")]
    NotFound(UserId),
    /// Nobody would be left who can manage access.
    #[error("this is the last administrator; make another one first")]
    LastAdmin,
    /// The caller has not what the person has, or is to have.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes what a person is trusted with, or the password.
pub struct UpdateUser {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    passwords: Arc<dyn Passwords>,
    policy: Arc<dyn Policy>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    known: Arc<KnownAccounts>,
}

impl UpdateUser {
    pub(super) fn new(ports: &AccessPorts, known: Arc<KnownAccounts>) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            passwords: ports.passwords.clone(),
            policy: ports.policy.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            known,
        }
    }

    /// Makes the changes. Every one of them ends the tokens of earlier log-ins; a new password or a new start also ends the
    /// waiting after wrong ones.
    pub async fn execute(
        &self,
        id: UserId,
        changes: UserChanges,
        caller: &Session,
        by: &Actor,
    ) -> Result<User, UpdateUserError> {
        // Before the first read: it takes its time.
        let password = match &changes.password {
            Some(password) => Some(self.passwords.hash(password).await),
            None => None,
        };
        let mut tries = 0;
        loop {
            let before = self.accounts.user(id).await?.ok_or(UpdateUserError::NotFound(id))?;
            let Some(user) = self.changed(&before, &changes, password.as_ref()) else { return Ok(before) };
            // Whoever could set the password of somebody greater would be somebody greater.
            for person in [&before, &user] {
                let (role, hides_payloads) = (person.role, person.hides_payloads);
                may_give(
                    &*self.policy,
                    caller,
                    Trust { role, scope: &Scope::default(), hides_payloads, bounds: None },
                )?;
            }
            tries += 1;
            match self.keep(&before, &user, by).await {
                Ok(()) => {
                    self.known.user_changed(id).await;
                    return Ok(user);
                }
                Err(StoreError::Conflict(LAST_ADMIN)) => return Err(UpdateUserError::LastAdmin),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// None if nothing changes.
    fn changed(&self, before: &User, changes: &UserChanges, password: Option<&PasswordHash>) -> Option<User> {
        let mut user = before.clone();
        user.role = changes.role.unwrap_or(user.role);
        user.active = changes.active.unwrap_or(user.active);
        user.hides_payloads = changes.hides_payloads.unwrap_or(user.hides_payloads);
        if let Some(password) = password {
            user.password = password.clone();
        }
        if user == *before {
            return None;
        }
        if password.is_some() || (user.active && !before.active) {
            user.failed_logins = 0;
            user.locked_until = None;
        }
        user.epoch += 1;
        user.updated_at = self.clock.now();
        user.revision += 1;
        Some(user)
    }

    async fn keep(&self, before: &User, user: &User, by: &Actor) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_user(user).await?;
        if before.is_keeper() && !user.is_keeper() {
            work.keep_an_admin().await?;
        }
        let id = AuditId::new(self.ids.unique());
        if let Some(entry) = AuditEntry::of_user(id, by, Some(before), Some(user), user.updated_at) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
