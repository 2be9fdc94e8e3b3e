//! Creates a workflow, or the next version of the one that has the name.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, WorkflowId},
    ports::{Clock, DONE_BEFORE, IdGenerator, StoreError, Transactions, Workflows},
    workflows::{
        ChangeSummary, RunLimits, StepDocument, WorkflowDefinition, WorkflowDocument, WorkflowName, WorkflowStatus,
    },
};
use serde_json::Value;

use super::draft::{DocumentCheck, Refused};
use crate::{Ports, TRIES};

/// What is said about a new workflow.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members of a definition, as `WorkflowDefinition` documents them")]
pub struct NewWorkflow {
    pub name: WorkflowName,
    pub description: Option<String>,
    pub start_step: String,
    pub steps: BTreeMap<String, StepDocument>,
    pub input_schema: Option<Value>,
    pub output: Option<Value>,
    pub on_complete: Option<Value>,
    pub limits: RunLimits,
    pub status: WorkflowStatus,
    pub change_summary: Option<ChangeSummary>,
}

/// Why a workflow was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateWorkflowError {
    /// The document has mistakes.
    #[error("{}", .0.first())]
    Refused(Refused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates a workflow.
pub struct CreateWorkflow {
    documents: DocumentCheck,
    workflows: Arc<dyn Workflows>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl CreateWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            documents: DocumentCheck::new(ports),
            workflows: ports.workflows.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Creates version 1; or, if the name is in use, the next version of that workflow, which is open afterwards even if it
    /// was deleted.
    pub async fn execute(&self, new: NewWorkflow, by: &Actor) -> Result<WorkflowDefinition, CreateWorkflowError> {
        let (new_id, old_id) = (WorkflowId::new(self.ids.unique()), WorkflowId::new(self.ids.unique()));
        let entry_id = AuditId::new(self.ids.unique());
        let mut tries = 0;
        loop {
            let old = self.workflows.head(&new.name).await?;
            let version = old.as_ref().map_or(1, |old| old.version + 1);
            let document = WorkflowDocument::new(new.name.as_str(), version, new.start_step.clone(), new.steps.clone())
                .declaring(new.input_schema.clone(), new.output.clone())
                .followed_by(new.on_complete.clone())
                .limited(new.limits.clone());
            let plan = self.documents.check(&document).await?.map_err(CreateWorkflowError::Refused)?;
            let now = self.clock.now();
            let id = old.as_ref().map_or(new_id, |old| old.id);
            let head = WorkflowDefinition {
                id,
                head: id,
                name: new.name.clone(),
                version,
                description: new.description.clone(),
                change_summary: new.change_summary.clone(),
                document,
                plan,
                status: new.status,
                revision: old.as_ref().map_or(1, |old| old.revision + 1),
                created_at: now,
                updated_at: now,
                created_by: Some(by.name.clone()),
                updated_by: Some(by.name.clone()),
            };
            tries += 1;
            let action = if old.is_some() { Action::Update } else { Action::Create };
            let entry = AuditEntry::of_workflow(entry_id, by, action, old.as_ref(), &head);
            match keep_version(&*self.transactions, &head, old, old_id, &entry).await {
                Ok(()) => return Ok(head),
                Err(error @ StoreError::Conflict(DONE_BEFORE)) => {
                    return Ok(made_before(&*self.workflows, Some(new_id), old_id).await?.ok_or(error)?);
                }
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// The version that an attempt which could not answer has made: the first under its id, or the one after that whose content has
/// moved to this row.
pub(super) async fn made_before(
    workflows: &dyn Workflows,
    new_id: Option<WorkflowId>,
    old_id: WorkflowId,
) -> Result<Option<WorkflowDefinition>, StoreError> {
    if let Some(new_id) = new_id
        && let Some(first) = workflows.get(new_id).await?
    {
        return Ok(Some(first));
    }
    let Some(old) = workflows.get(old_id).await? else { return Ok(None) };
    workflows.version(old.head, old.version + 1).await
}

/// Stores a new head; the previous content moves to a row of its own.
pub(super) async fn keep_version(
    transactions: &dyn Transactions,
    head: &WorkflowDefinition,
    old: Option<WorkflowDefinition>,
    old_id: WorkflowId,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let mut work = transactions.begin().await?;
    // First, so that it is this which says that it was done before.
    work.record(entry).await?;
    work.keep_plan(head.plan, &head.document).await?;
    match old {
        None => work.add_workflow(head).await?,
        Some(old) => {
            work.replace_workflow(head).await?;
            work.add_workflow(&WorkflowDefinition { id: old_id, revision: 1, ..old }).await?;
        }
    }
    work.commit().await
}
