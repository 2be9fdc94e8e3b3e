//! Lists people.

use std::sync::Arc;

use domain::{
    access::User,
    page::{Page, PageRequest},
    ports::{Accounts, StoreError},
};

use super::AccessPorts;

/// Lists people.
pub struct ListUsers {
    accounts: Arc<dyn Accounts>,
}

impl ListUsers {
    pub(super) fn new(ports: &AccessPorts) -> Self {
        Self { accounts: ports.accounts.clone() }
    }

    /// A page of the people, by name.
    pub async fn execute(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        self.accounts.users(page).await
    }
}
