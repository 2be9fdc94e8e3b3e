//! Changes a workflow: new content makes a new version, everything else changes the head in place.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    access::Actor,
    audit::{Action, AuditEntry},
    ids::{AuditId, WorkflowId},
    ports::{Clock, DONE_BEFORE, IdGenerator, StoreError, Transactions, Workflows},
    revision::{Expected, Outdated},
    workflows::{ChangeSummary, RunLimits, StepDocument, WorkflowDefinition, WorkflowDocument, WorkflowStatus},
};
use serde_json::Value;

use super::{
    create_workflow::{keep_version, made_before},
    draft::{DocumentCheck, Refused},
};
use crate::{Ports, TRIES};

/// What is to change; `None` leaves a member as it is.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the members of a definition, as `WorkflowDefinition` documents them")]
pub struct WorkflowChanges {
    pub description: Option<Option<String>>,
    pub start_step: Option<String>,
    pub steps: Option<BTreeMap<String, StepDocument>>,
    pub input_schema: Option<Option<Value>>,
    pub output: Option<Option<Value>>,
    pub on_complete: Option<Option<Value>>,
    pub timeout_seconds: Option<Option<Value>>,
    pub max_retry_budget: Option<Option<Value>>,
    pub status: Option<WorkflowStatus>,
    /// Of the new version; not told without new content.
    pub change_summary: Option<ChangeSummary>,
}

impl WorkflowChanges {
    /// Whether they say anything about the document.
    fn content(&self) -> bool {
        let Self { description: _, status: _, change_summary: _, start_step, steps, .. } = self;
        let declared = [&self.input_schema, &self.output, &self.on_complete];
        let limits = [&self.timeout_seconds, &self.max_retry_budget];
        start_step.is_some() || steps.is_some() || declared.into_iter().chain(limits).any(Option::is_some)
    }

    /// The next document of a workflow whose newest is `old`.
    fn document(&self, old: &WorkflowDocument, version: u32) -> WorkflowDocument {
        let start = self.start_step.clone().unwrap_or_else(|| old.start_step.clone());
        let steps = self.steps.clone().unwrap_or_else(|| old.steps.clone());
        let said = |new: &Option<Option<Value>>, old: &Option<Value>| new.clone().unwrap_or_else(|| old.clone());
        let limits = RunLimits {
            timeout_seconds: said(&self.timeout_seconds, &old.limits.timeout_seconds),
            max_retry_budget: said(&self.max_retry_budget, &old.limits.max_retry_budget),
        };
        WorkflowDocument::new(&old.name, version, start, steps)
            .declaring(said(&self.input_schema, &old.input_schema), said(&self.output, &old.output))
            .followed_by(said(&self.on_complete, &old.on_complete))
            .limited(limits)
    }
}

/// Why a workflow was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateWorkflowError {
    /// There is none with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// The id names an older version, and versions are immutable.
    #[error("Workflow version {version} is not the newest one and cannot be changed; change workflow '{head}' instead")]
    OldVersion {
        /// The version's number.
        version: u32,
        /// The head of its chain.
        head: WorkflowId,
    },
    /// The document has mistakes.
    #[error("{}", .0.first())]
    Refused(Refused),
    /// It is not the revision that the change is meant for.
    #[error(transparent)]
    Outdated(#[from] Outdated),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes a workflow.
pub struct UpdateWorkflow {
    documents: DocumentCheck,
    workflows: Arc<dyn Workflows>,
    transactions: Arc<dyn Transactions>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl UpdateWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            documents: DocumentCheck::new(ports),
            workflows: ports.workflows.clone(),
            transactions: ports.transactions.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// [`UpdateWorkflow::execute_if`] it is any revision.
    pub async fn execute(
        &self,
        id: WorkflowId,
        changes: &WorkflowChanges,
        by: &Actor,
    ) -> Result<WorkflowDefinition, UpdateWorkflowError> {
        self.execute_if(&Expected::Any, id, changes, by).await
    }

    /// Changes the workflow, if it is the expected revision. Sending any of its content makes a new version, even if it is equal (contract 1.7). It
    /// is active unless something else is said, or the workflow is closed: new content does not open it. What changes nothing else
    /// makes no revision, and is no change to be told of.
    pub async fn execute_if(
        &self,
        expected: &Expected,
        id: WorkflowId,
        changes: &WorkflowChanges,
        by: &Actor,
    ) -> Result<WorkflowDefinition, UpdateWorkflowError> {
        self.execute_as(Action::Update, expected, id, changes, by).await
    }

    /// The same under another name in the audit log.
    pub(super) async fn execute_as(
        &self,
        action: Action,
        expected: &Expected,
        id: WorkflowId,
        changes: &WorkflowChanges,
        by: &Actor,
    ) -> Result<WorkflowDefinition, UpdateWorkflowError> {
        let (old_id, entry_id) = (WorkflowId::new(self.ids.unique()), AuditId::new(self.ids.unique()));
        let mut tries = 0;
        loop {
            let old = self.workflows.get(id).await?.ok_or(UpdateWorkflowError::NotFound(id))?;
            expected.check(id.uuid(), old.revision)?;
            if !old.is_head() {
                return Err(UpdateWorkflowError::OldVersion { version: old.version, head: old.head });
            }
            tries += 1;
            let kept = if changes.content() {
                let head = self.next_version(&old, changes, by).await?;
                let entry = AuditEntry::of_workflow(entry_id, by, action, Some(&old), &head);
                keep_version(&*self.transactions, &head, Some(old), old_id, &entry).await.map(|()| head)
            } else {
                let status = changes.status.unwrap_or(old.status);
                let check = self.documents.check_activation(&old, status).await?;
                check.map_err(UpdateWorkflowError::Refused)?;
                if changes.description.as_ref().is_none_or(|new| *new == old.description) && status == old.status {
                    return Ok(old);
                }
                let head = self.in_place(old.clone(), changes, by);
                let entry = AuditEntry::of_workflow(entry_id, by, action, Some(&old), &head);
                self.keep(&head, &entry).await.map(|()| head)
            };
            match kept {
                Ok(head) => return Ok(head),
                Err(error @ StoreError::Conflict(DONE_BEFORE)) => {
                    return Ok(made_before(&*self.workflows, None, old_id).await?.ok_or(error)?);
                }
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    async fn next_version(
        &self,
        old: &WorkflowDefinition,
        changes: &WorkflowChanges,
        by: &Actor,
    ) -> Result<WorkflowDefinition, UpdateWorkflowError> {
        let version = old.version + 1;
        let document = changes.document(&old.document, version);
        let plan = self.documents.check(&document).await?.map_err(UpdateWorkflowError::Refused)?;
        let status = if old.status.closes_workflow() { old.status } else { WorkflowStatus::Active };
        let head = self.in_place(old.clone(), changes, by);
        Ok(WorkflowDefinition {
            version,
            document,
            plan,
            status: changes.status.unwrap_or(status),
            change_summary: changes.change_summary.clone(),
            created_at: head.updated_at,
            created_by: Some(by.name.clone()),
            ..head
        })
    }

    fn in_place(&self, old: WorkflowDefinition, changes: &WorkflowChanges, by: &Actor) -> WorkflowDefinition {
        WorkflowDefinition {
            description: changes.description.clone().unwrap_or(old.description),
            status: changes.status.unwrap_or(old.status),
            revision: old.revision + 1,
            updated_at: self.clock.now(),
            updated_by: Some(by.name.clone()),
            ..old
        }
    }

    async fn keep(&self, head: &WorkflowDefinition, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_workflow(head).await?;
        work.record(entry).await?;
        work.commit().await
    }
}
