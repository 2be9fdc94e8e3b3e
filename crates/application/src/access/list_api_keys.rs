//! Lists API keys.

use std::sync::Arc;

use domain::{
    access::ApiKey,
    page::{Page, PageRequest},
    ports::{Accounts, StoreError},
};

use super::AccessPorts;

/// Lists API keys.
pub struct ListApiKeys {
    accounts: Arc<dyn Accounts>,
}

impl ListApiKeys {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self { accounts: ports.accounts.clone() }
    }

    /// A page of the keys, revoked ones included, the newest first.
    pub async fn execute(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        self.accounts.api_keys(page).await
    }
}
