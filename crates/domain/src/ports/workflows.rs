//! Reading workflow definitions.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    ids::{PlanHash, WorkflowId},
    page::{Page, PageRequest, SortOrder},
    workflows::{ExecutableVersion, WorkflowDefinition, WorkflowDocument, WorkflowFilter, WorkflowName, WorkflowSort},
};

/// The workflow definitions, deleted ones included.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Workflows: Send + Sync {
    /// A row by id: the head of a chain, or an older version.
    async fn get(&self, id: WorkflowId) -> Result<Option<WorkflowDefinition>, StoreError>;

    /// The version that [`ExecutableVersion::choose`] gives to whoever addresses the row with this id and perhaps asks for a
    /// number, executable or not, without its document. `None` if there is no such row, or the chain has no such number.
    /// MUST be one question: the hot path of starts reads nothing else.
    async fn executable(&self, id: WorkflowId, version: Option<u32>) -> Result<Option<ExecutableVersion>, StoreError>;

    /// The same for whoever addresses the head of the chain with this name.
    async fn executable_named(
        &self,
        name: &WorkflowName,
        version: Option<u32>,
    ) -> Result<Option<ExecutableVersion>, StoreError>;

    /// The head of the chain with a name.
    async fn head(&self, name: &WorkflowName) -> Result<Option<WorkflowDefinition>, StoreError>;

    /// A page of the heads that [`WorkflowFilter::matches`], sorted, ties by id in the same direction.
    async fn list(
        &self,
        filter: &WorkflowFilter,
        sort: WorkflowSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<WorkflowDefinition>, StoreError>;

    /// The version of a chain with this number.
    async fn version(&self, head: WorkflowId, number: u32) -> Result<Option<WorkflowDefinition>, StoreError>;

    /// A page of all versions of a chain, newest first.
    async fn versions(&self, head: WorkflowId, page: PageRequest) -> Result<Page<WorkflowDefinition>, StoreError>;

    /// A plan's document.
    async fn plan(&self, hash: PlanHash) -> Result<Option<WorkflowDocument>, StoreError>;
}
