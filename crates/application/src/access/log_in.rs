//! Logs a person in.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    access::{Actor, Scope, Source, TokenGrant, User},
    agents::Secret,
    audit::AuditEntry,
    ids::AuditId,
    ports::{Accounts, Clock, IdGenerator, StoreError, Tokens, Transactions},
};

use super::{AccessPorts, MintedToken, exchange_key::whole_seconds, password::PasswordCheck};

/// For how long the token of a log-in is good.
pub const LOG_IN_LIFETIME: Duration = Duration::from_mins(30);

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// Something is wrong; what it is, nobody is told.
    #[error("Name or password is wrong, or too many log-ins have failed lately")]
    Refused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Logs a person in.
pub struct LogIn {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    tokens: Arc<dyn Tokens>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    check: PasswordCheck,
}

impl LogIn {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            tokens: ports.tokens.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            check: PasswordCheck::new(ports),
        }
    }

    /// Mints a token for whoever knows the password. It is worth nothing any more once role, state or password change.
    pub async fn execute(&self, name: &str, password: &Secret, by: &Actor) -> Result<MintedToken, LogInError> {
        let named = self.accounts.user_named(name).await?;
        let user = self.check.execute(named, password, by).await?.ok_or(LogInError::Refused)?;
        let now = self.clock.now();
        self.tell(&user, by, now).await?;
        let grant = TokenGrant {
            principal: user.principal(),
            source: Some(Source::User(user.id, user.epoch).to_string()),
            role: user.role,
            scope: Scope::default(),
            hides_payloads: user.hides_payloads,
            expires_at: whole_seconds(now + LOG_IN_LIFETIME),
            task: None,
        };
        Ok(MintedToken { token: self.tokens.mint(&grant), grant, at: now })
    }

    /// Whoever called was a stranger before; the audit log knows the person.
    async fn tell(&self, user: &User, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
        let by = Actor { name: user.principal(), ..by.clone() };
        let mut work = self.transactions.begin().await?;
        work.record(&AuditEntry::of_log_in(AuditId::new(self.ids.unique()), &by, user, now)).await?;
        work.commit().await
    }
}
