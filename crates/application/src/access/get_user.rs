//! Reads a person.

use std::sync::Arc;

use domain::{
    access::User,
    ids::UserId,
    ports::{Accounts, StoreError},
};

use super::AccessPorts;

/// Why a person was not read.
#[derive(Debug, thiserror::Error)]
pub enum GetUserError {
    /// There is none with this id.
    #[error("User with id '{0}' not found")]
    NotFound(UserId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a person.
pub struct GetUser {
    accounts: Arc<dyn Accounts>,
}

impl GetUser {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self { accounts: ports.accounts.clone() }
    }

    /// The person, active or not.
    pub async fn execute(&self, id: UserId) -> Result<User, GetUserError> {
        self.accounts.user(id).await?.ok_or(GetUserError::NotFound(id))
    }
}
