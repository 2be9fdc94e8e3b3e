//! Reads an API key.

use std::sync::Arc;

use domain::{
    access::ApiKey,
    ids::ApiKeyId,
    ports::{Accounts, StoreError},
};

use super::AccessPorts;

/// Why a key was not read.
#[derive(Debug, thiserror::Error)]
pub enum GetApiKeyError {
    /// There is none with this id.
    #[error("API key with id '{0}' not found")]
    NotFound(ApiKeyId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads an API key.
pub struct GetApiKey {
    accounts: Arc<dyn Accounts>,
}

impl GetApiKey {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self { accounts: ports.accounts.clone() }
    }

    /// The key, revoked or not.
    pub async fn execute(&self, id: ApiKeyId) -> Result<ApiKey, GetApiKeyError> {
        self.accounts.api_key(id).await?.ok_or(GetApiKeyError::NotFound(id))
    }
}
