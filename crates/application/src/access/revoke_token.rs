//! Revokes tokens.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    access::{Actor, Forbidden, Refused, Resource, Right},
    agents::Secret,
    audit::AuditEntry,
    ids::AuditId,
    ports::{Clock, DONE_BEFORE, IdGenerator, Policy, StoreError, Tokens, Transactions},
};

use super::{AccessPorts, Session, known::KnownAccounts};

/// For how long a revocation by id is kept, where the token's end is not known. No token lives as long.
const LONGEST_LIFE: Duration = Duration::from_hours(24 * 30);

/// Which tokens are to be revoked.
#[derive(Debug, Clone)]
pub enum Revoked {
    /// One that the caller has, with all that was attenuated from it. Having it is enough.
    Token(Secret),
    /// Those with these revocation ids, and all that were attenuated from them.
    Ids(Vec<String>),
}

/// Why no token was revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeTokenError {
    /// It is none of ours.
    #[error("this is no token of this installation")]
    NoToken,
    /// Ids are for those who manage access.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Revokes tokens.
pub struct RevokeToken {
    transactions: Arc<dyn Transactions>,
    tokens: Arc<dyn Tokens>,
    policy: Arc<dyn Policy>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    known: Arc<KnownAccounts>,
}

impl RevokeToken {
    pub(super) fn new(ports: &AccessPorts, known: Arc<KnownAccounts>) -> Self {
        Self {
            transactions: ports.transactions.clone(),
            tokens: ports.tokens.clone(),
            policy: ports.policy.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            known,
        }
    }

    /// Revokes them; doing it again changes nothing. They are worth nothing within a second, wherever they are used.
    pub async fn execute(&self, revoked: Revoked, caller: &Session, by: &Actor) -> Result<(), RevokeTokenError> {
        let now = self.clock.now();
        let (ids, until) = match revoked {
            Revoked::Token(token) => match self.of_token(&token, now)? {
                Some(found) => found,
                None => return Ok(()),
            },
            Revoked::Ids(ids) => {
                self.may_revoke_any(caller, now)?;
                (ids, now + LONGEST_LIFE)
            }
        };
        match self.keep(&ids, until, by, now).await {
            // What is done before was done by an attempt that could not answer.
            Ok(()) | Err(StoreError::Conflict(DONE_BEFORE)) => {}
            Err(error) => return Err(error.into()),
        }
        self.known.tokens_revoked();
        Ok(())
    }

    async fn keep(&self, ids: &[String], until: Timestamp, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.revoke_tokens(ids, until).await?;
        for id in ids {
            work.record(&AuditEntry::of_revoked_token(AuditId::new(self.ids.unique()), by, id, now)).await?;
        }
        work.commit().await
    }

    /// The last id alone: those before it are of the tokens that this one was made from. None if it has ended.
    fn of_token(&self, token: &Secret, now: Timestamp) -> Result<Option<(Vec<String>, Timestamp)>, RevokeTokenError> {
        match self.tokens.verify(token, now) {
            Ok(held) => {
                let id = held.revocation_ids().last().cloned().ok_or(RevokeTokenError::NoToken)?;
                Ok(Some((vec![id], held.grant().expires_at)))
            }
            Err(Refused::Expired) => Ok(None),
            Err(_) => Err(RevokeTokenError::NoToken),
        }
    }

    /// The route is open to all who are known, because everybody may revoke what they have.
    fn may_revoke_any(&self, caller: &Session, now: Timestamp) -> Result<(), Forbidden> {
        let right = Right::AccessManage;
        if !self.policy.grants(caller.principal.role, right) {
            return Err(Forbidden::Lacks(right));
        }
        if !caller.principal.scope.is_open() {
            return Err(Forbidden::OutOfScope("tokens of others".to_owned()));
        }
        match &caller.held {
            Some(held) => held
                .allows(right, &Resource::default(), now)
                .map_err(|forbidden| forbidden.unwrap_or(Forbidden::Attenuated)),
            None => Ok(()),
        }
    }
}
