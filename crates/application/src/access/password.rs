//! Trying a password, and what follows from a wrong one.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    access::{Actor, Refused, User},
    agents::Secret,
    audit::AuditEntry,
    ids::{AuditId, UserId},
    ports::{Accounts, Clock, IdGenerator, Passwords, StoreError, Transactions},
};

use super::AccessPorts;
use crate::TRIES;

/// How many passwords in a row may be wrong before anybody has to wait.
const FREE: u32 = 5;

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// How long to wait after so many wrong passwords in a row.
fn wait_after(failed: u32) -> Option<Duration> {
    let beyond = failed.checked_sub(FREE)?;
    let seconds = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// Tries passwords.
pub(super) struct PasswordCheck {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    passwords: Arc<dyn Passwords>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl PasswordCheck {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            passwords: ports.passwords.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// The person, if the password is right and may be tried. It takes as long whatever is wrong; not even a person whose turn it
    /// is not is told from an unknown one.
    pub(super) async fn execute(
        &self,
        user: Option<User>,
        password: &Secret,
        by: &Actor,
    ) -> Result<Option<User>, StoreError> {
        let user = user.filter(|user| may_try(user, self.clock.now()));
        let hash = user.as_ref().map(|user| user.password.clone());
        let is_right = self.passwords.verify(password, hash).await;
        match user {
            Some(user) if is_right => self.right(&user).await,
            Some(user) => self.wrong(user.id, by).await.map(|()| None),
            None => Ok(None),
        }
    }

    /// The row is read again: of many who tried at a time, those that come after the limit get nothing by being right.
    async fn right(&self, proven: &User) -> Result<Option<User>, StoreError> {
        let mut tries = 0;
        loop {
            let Some(mut user) = self.accounts.user(proven.id).await? else { return Ok(None) };
            if user.epoch != proven.epoch || !may_try(&user, self.clock.now()) {
                return Ok(None);
            }
            if user.failed_logins == 0 {
                return Ok(Some(user));
            }
            user.failed_logins = 0;
            user.locked_until = None;
            user.revision += 1;
            tries += 1;
            match self.keep(&user, None).await {
                Ok(()) => return Ok(Some(user)),
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other),
            }
        }
    }

    /// The audit log tells of it. What is tried under names that nobody has is not written down: a stranger could fill the store.
    async fn wrong(&self, id: UserId, by: &Actor) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            let Some(mut user) = self.accounts.user(id).await? else { return Ok(()) };
            user.failed_logins = user.failed_logins.saturating_add(1);
            let now = self.clock.now();
            user.locked_until = wait_after(user.failed_logins).map(|wait| now + wait);
            user.revision += 1;
            tries += 1;
            let entry = AuditId::new(self.ids.unique());
            let (name, why) = (user.name.as_str(), Refused::Forged);
            let entry = AuditEntry::of_refused_log_in(entry, by, name, Some(&user), why, now);
            match self.keep(&user, Some(&entry)).await {
                Ok(()) => {
                    tracing::warn!(user.id = %user.id, failed = user.failed_logins, "a wrong password");
                    return Ok(());
                }
                // Whoever is quicker counts as well.
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other),
            }
        }
    }

    async fn keep(&self, user: &User, entry: Option<&AuditEntry>) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_user(user).await?;
        if let Some(entry) = entry {
            work.record(entry).await?;
        }
        work.commit().await
    }
}

fn may_try(user: &User, now: Timestamp) -> bool {
    user.active && user.locked_until.is_none_or(|until| until <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_quarter_of_an_hour() {
        let seconds = |failed| wait_after(failed).map(|wait| wait.as_secs());
        assert_eq!((seconds(0), seconds(4), seconds(5), seconds(6)), (None, None, Some(1), Some(2)));
        assert_eq!((seconds(14), seconds(15), seconds(u32::MAX)), (Some(512), Some(900), Some(900)));
    }
}
