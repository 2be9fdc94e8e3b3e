//! Makes it possible for a person to log in.

use std::sync::Arc;

use domain::{
    access::{AccountName, Actor, Forbidden, Role, Scope, User},
    agents::Secret,
    audit::AuditEntry,
    ids::{AuditId, UserId},
    ports::{Accounts, Clock, IdGenerator, Passwords, Policy, StoreError, Transactions},
};

use super::{
    AccessPorts, Session,
    giving::{Trust, may_give},
};

/// What is said about a new person.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members of a user, as `User` documents them")]
pub struct NewUser {
    pub name: AccountName,
    pub password: Secret,
    pub role: Role,
    pub hides_payloads: bool,
}

/// Why nobody was added.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Somebody has the name.
    #[error("User with name '{0}' already exists")]
    NameTaken(AccountName),
    /// The caller has not what is to be given.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes it possible for a person to log in.
pub struct CreateUser {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    passwords: Arc<dyn Passwords>,
    policy: Arc<dyn Policy>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl CreateUser {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            passwords: ports.passwords.clone(),
            policy: ports.policy.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Adds the person, who is active at once.
    pub async fn execute(&self, new: NewUser, caller: &Session, by: &Actor) -> Result<User, CreateUserError> {
        let (role, hides_payloads) = (new.role, new.hides_payloads);
        let trust = Trust { role, scope: &Scope::default(), hides_payloads, bounds: None };
        may_give(&*self.policy, caller, trust)?;
        let password = self.passwords.hash(&new.password).await;
        let now = self.clock.now();
        let user = User {
            id: UserId::new(self.ids.unique()),
            name: new.name,
            password,
            role: new.role,
            hides_payloads: new.hides_payloads,
            active: true,
            epoch: 1,
            failed_logins: 0,
            locked_until: None,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        match self.keep(&user, by).await {
            Ok(()) => Ok(user),
            // They may be there under this very id: added by an attempt that could not answer.
            Err(StoreError::Conflict(_)) => match self.accounts.user(user.id).await? {
                Some(added) => Ok(added),
                None => Err(CreateUserError::NameTaken(user.name)),
            },
            Err(other) => Err(other.into()),
        }
    }

    async fn keep(&self, user: &User, by: &Actor) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.add_user(user).await?;
        let id = AuditId::new(self.ids.unique());
        if let Some(entry) = AuditEntry::of_user(id, by, None, Some(user), user.created_at) {
            work.record(&entry).await?;
        }
        work.commit().await
    }
}
