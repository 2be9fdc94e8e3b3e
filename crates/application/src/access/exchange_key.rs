//! Exchanges an API key for a short-lived token.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use domain::{
    Timestamp,
    access::{Actor, Forbidden, Role, Scope, Source, TokenGrant},
    agents::Secret,
    audit::AuditEntry,
    ids::AuditId,
    ports::{Accounts, Clock, IdGenerator, Policy, StoreError, Tokens, Transactions},
};

use super::{
    AccessPorts, Proof, Session,
    giving::{Trust, may_give},
};

/// For how long a token is good unless somebody says otherwise.
pub const TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// For how long a token may be good.
pub const MAX_TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// What is wanted of a token; what is not said is as the key has it.
#[derive(Debug, Clone, Default)]
pub struct WantedToken {
    /// For how long it is good: at most [`MAX_TOKEN_LIFETIME`], and no longer than the key.
    pub lifetime: Option<Duration>,
    /// A role that may do no more than the key's.
    pub role: Option<Role>,
    /// Some of the key's workflows.
    pub workflows: Option<BTreeSet<String>>,
    /// Some of the key's agents.
    pub agents: Option<BTreeSet<String>>,
    /// Whether data is hidden even if it is not from the key.
    pub hides_payloads: bool,
}

/// A token that was minted.
#[derive(Debug, Clone)]
pub struct MintedToken {
    /// The token.
    pub token: Secret,
    /// What it grants.
    pub grant: TokenGrant,
    /// When it was minted.
    pub at: Timestamp,
}

/// Why no token was minted.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeKeyError {
    /// Something else than a key was presented. A token is not exchanged for a longer-lived one.
    #[error("only an API key can be exchanged for a token")]
    NotAKey,
    /// The key has not what the token is to have.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Exchanges an API key for a short-lived token.
pub struct ExchangeKey {
    accounts: Arc<dyn Accounts>,
    transactions: Arc<dyn Transactions>,
    tokens: Arc<dyn Tokens>,
    policy: Arc<dyn Policy>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl ExchangeKey {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self {
            accounts: ports.accounts.clone(),
            transactions: ports.transactions.clone(),
            tokens: ports.tokens.clone(),
            policy: ports.policy.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Mints a token for the key that the caller has presented.
    pub async fn execute(
        &self,
        caller: &Session,
        wanted: WantedToken,
        by: &Actor,
    ) -> Result<MintedToken, ExchangeKeyError> {
        let Proof::ApiKey(id) = caller.proof else { return Err(ExchangeKeyError::NotAKey) };
        let own = &caller.principal;
        let scope = Scope {
            workflows: wanted.workflows.or_else(|| own.scope.workflows.clone()),
            agents: wanted.agents.or_else(|| own.scope.agents.clone()),
        };
        let role = wanted.role.unwrap_or(own.role);
        let hides_payloads = own.hides_payloads || wanted.hides_payloads;
        // Where the key may be used and when it ends is asked of it at each use of the token.
        let bounds = Some(&caller.bounds);
        may_give(&*self.policy, caller, Trust { role, scope: &scope, hides_payloads, bounds })?;
        // The session knows nothing of the key's end.
        let key = self.accounts.api_key(id).await?.ok_or(ExchangeKeyError::NotAKey)?;
        let now = self.clock.now();
        let end = now + wanted.lifetime.unwrap_or(TOKEN_LIFETIME).min(MAX_TOKEN_LIFETIME);
        let grant = TokenGrant {
            principal: own.name.clone(),
            source: Some(Source::Key(id).to_string()),
            role,
            scope,
            hides_payloads,
            expires_at: whole_seconds(key.expires_at.map_or(end, |key_ends| key_ends.min(end))),
            task: None,
        };
        let token = self.tokens.mint(&grant);
        self.tell(&token, &grant, by, now).await?;
        Ok(MintedToken { token, grant, at: now })
    }

    /// Nobody gets a token that the audit log does not know.
    async fn tell(&self, token: &Secret, grant: &TokenGrant, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
        // Of a key that ends within this second the token has ended too, and has its id all the same.
        let held = self.tokens.verify(token, Timestamp::UNIX_EPOCH);
        let held = held.map_err(|refused| StoreError::Corrupt(format!("a fresh token is refused: {refused}")))?;
        let mut work = self.transactions.begin().await?;
        for id in held.revocation_ids() {
            work.record(&AuditEntry::of_issued_token(AuditId::new(self.ids.unique()), by, id, grant, now)).await?;
        }
        work.commit().await
    }
}

/// Tokens tell times in seconds: what is said of one is what stands in it.
pub(super) fn whole_seconds(end: Timestamp) -> Timestamp {
    Timestamp::from_timestamp(end.timestamp(), 0).unwrap_or(end)
}
