//! Use cases of access: who is calling, what that caller may do, and the keys, people and tokens behind that.
//!
//! Cryptography is behind ports. Which right an operation needs is said where it is declared; here it is also seen to that nobody
//! gives more than they have.

mod authenticate;
mod authorize;
mod bounds;
mod change_own_password;
mod create_api_key;
mod create_user;
mod delete_user;
mod ensure_admin_key;
mod exchange_key;
mod gate;
mod get_api_key;
mod get_user;
mod giving;
mod keep_accounts;
mod known;
mod list_api_keys;
mod list_users;
mod log_in;
mod named;
mod password;
mod revoke_api_key;
mod revoke_token;
mod rotate_api_key;
mod scope;
mod session;
mod update_user;
mod uses;

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use domain::{
    access::{Presented, Refused},
    ports::{Accounts, Clock, IdGenerator, Jwts, KeyDigests, Passwords, Policy, Tokens, Transactions},
};

pub use authenticate::{Authenticate, AuthenticateError};
pub use authorize::{Authorize, NotAllowed};
pub use bounds::Bounds;
pub use change_own_password::{ChangeOwnPassword, ChangeOwnPasswordError};
pub use create_api_key::{CreateApiKey, CreateApiKeyError, IssuedApiKey, NewApiKey};
pub use create_user::{CreateUser, CreateUserError, NewUser};
pub use delete_user::{DeleteUser, DeleteUserError};
pub use ensure_admin_key::{EnsureAdminKey, EnsureAdminKeyError, FirstKey};
pub use exchange_key::{ExchangeKey, ExchangeKeyError, MAX_TOKEN_LIFETIME, MintedToken, TOKEN_LIFETIME, WantedToken};
pub use gate::{Gate, OpenGate, TrustedGate};
pub use get_api_key::{GetApiKey, GetApiKeyError};
pub use get_user::{GetUser, GetUserError};
pub use keep_accounts::KeepAccounts;
pub use list_api_keys::ListApiKeys;
pub use list_users::ListUsers;
pub use log_in::{LOG_IN_LIFETIME, LogIn, LogInError};
pub use named::Named;
pub use revoke_api_key::{RevokeApiKey, RevokeApiKeyError};
pub use revoke_token::{RevokeToken, RevokeTokenError, Revoked};
pub use rotate_api_key::{RotateApiKey, RotateApiKeyError};
pub use session::{Proof, Session};
pub use update_user::{UpdateUser, UpdateUserError, UserChanges};

use known::KnownAccounts;
use uses::Uses;

/// The ports that the use cases of access need.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct AccessPorts {
    pub accounts: Arc<dyn Accounts>,
    pub transactions: Arc<dyn Transactions>,
    pub digests: Arc<dyn KeyDigests>,
    pub passwords: Arc<dyn Passwords>,
    pub tokens: Arc<dyn Tokens>,
    /// None where no identity provider is known.
    pub jwts: Option<Arc<dyn Jwts>>,
    pub policy: Arc<dyn Policy>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
}

/// All use cases of access, ready to be called.
#[expect(missing_docs, reason = "each field is the use case of its type")]
pub struct AccessUseCases {
    pub authenticate: Authenticate,
    pub log_in: LogIn,
    pub exchange_key: ExchangeKey,
    pub change_own_password: ChangeOwnPassword,
    pub revoke_token: RevokeToken,
    pub create_api_key: CreateApiKey,
    pub get_api_key: GetApiKey,
    pub list_api_keys: ListApiKeys,
    pub rotate_api_key: RotateApiKey,
    pub revoke_api_key: RevokeApiKey,
    pub create_user: CreateUser,
    pub get_user: GetUser,
    pub list_users: ListUsers,
    pub update_user: UpdateUser,
    pub delete_user: DeleteUser,
    pub ensure_admin_key: EnsureAdminKey,
    pub keep_accounts: KeepAccounts,
    /// Which rights a caller has, for those who ask.
    pub policy: Arc<dyn Policy>,
}

#[async_trait]
impl Gate for AccessUseCases {
    async fn admit(&self, presented: Option<&Presented>, from: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        self.authenticate.execute(presented.ok_or(Refused::Missing)?, from).await
    }
}

impl AccessUseCases {
    /// Wires the use cases to their ports.
    pub fn new(ports: &AccessPorts) -> Self {
        let known = Arc::new(KnownAccounts::new(ports.accounts.clone(), ports.clock.clone()));
        let uses = Arc::new(Uses::default());
        Self {
            authenticate: Authenticate::new(ports, known.clone(), uses.clone()),
            log_in: LogIn::new(ports),
            exchange_key: ExchangeKey::new(ports),
            change_own_password: ChangeOwnPassword::new(ports, known.clone()),
            revoke_token: RevokeToken::new(ports, known.clone()),
            create_api_key: CreateApiKey::new(ports),
            get_api_key: GetApiKey::new(ports),
            list_api_keys: ListApiKeys::new(ports),
            rotate_api_key: RotateApiKey::new(ports, known.clone()),
            revoke_api_key: RevokeApiKey::new(ports, known.clone()),
            create_user: CreateUser::new(ports),
            get_user: GetUser::new(ports),
            list_users: ListUsers::new(ports),
            update_user: UpdateUser::new(ports, known.clone()),
            delete_user: DeleteUser::new(ports, known),
            ensure_admin_key: EnsureAdminKey::new(ports),
            keep_accounts: KeepAccounts::new(ports, uses),
            policy: ports.policy.clone(),
        }
    }
}
