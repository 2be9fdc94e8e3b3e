//! Lists dead letters.

use std::sync::Arc;

use domain::{
    page::{Page, PageRequest, SortOrder},
    ports::{DeadLetters, StoreError},
    runs::{DeadLetterEntry, DeadLetterFilter},
};

use crate::Ports;

/// Lists dead letters.
pub struct ListDeadLetters {
    dead_letters: Arc<dyn DeadLetters>,
}

impl ListDeadLetters {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { dead_letters: ports.dead_letters.clone() }
    }

    /// A page of the entries that the filter lets through, sorted by their last failure.
    pub async fn execute(
        &self,
        filter: &DeadLetterFilter,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<DeadLetterEntry>, StoreError> {
        self.dead_letters.list(filter, order, page).await
    }
}
