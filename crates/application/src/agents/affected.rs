//! What a change of an agent's schemas means for the workflows that use it.

use domain::{
    agents::{Agent, AgentSchemas},
    ids::WorkflowId,
    page::{Page, PageRequest, SortOrder},
    ports::{Agents, Schemas, StoreError, Workflows},
    workflows::{
        Declared, Diagnostic, Severity, WorkflowDefinition, WorkflowDocument, WorkflowFilter, WorkflowName,
        WorkflowSort, WorkflowStatus, examine_with,
    },
};

use crate::workflows::draft;

/// How many workflows are held at once; a document may have a megabyte.
const AT_ONCE: u32 = 20;

/// The most workflows that are told, and the most findings of each.
const MOST: usize = 100;

/// An active workflow that could not be saved any more as it is.
#[derive(Debug, Clone)]
pub struct AffectedWorkflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: WorkflowName,
    /// The version that is meant: the newest.
    pub version: u32,
    /// The errors that were not there before the change.
    pub diagnostics: Vec<Diagnostic>,
}

/// Finds what a change affects.
pub(super) struct Affected<'a> {
    pub(super) agents: &'a dyn Agents,
    pub(super) workflows: &'a dyn Workflows,
    pub(super) schemas: &'a dyn Schemas,
}

impl Affected<'_> {
    /// The active workflows that a change breaks, in the order in which they were made; at most a hundred.
    pub(super) async fn by_change(
        &self,
        before: &AgentSchemas,
        after: &Agent,
    ) -> Result<Vec<AffectedWorkflow>, StoreError> {
        let filter = WorkflowFilter { status: Some(WorkflowStatus::Active), ..WorkflowFilter::default() };
        let mut affected = Vec::new();
        let mut page = PageRequest::first(AT_ONCE);
        while let Some(asked) = page {
            let sort = (WorkflowSort::CreatedAt, SortOrder::Ascending);
            let Page { items, next, .. } = self.workflows.list(&filter, sort.0, sort.1, asked).await?;
            for head in items.into_iter().filter(|head| uses(&head.document, after)) {
                affected.extend(self.broken(head, before, after).await?);
                if affected.len() == MOST {
                    return Ok(affected);
                }
            }
            page = next.and_then(|next| PageRequest::after(next, AT_ONCE));
        }
        Ok(affected)
    }

    async fn broken(
        &self,
        head: WorkflowDefinition,
        before: &AgentSchemas,
        after: &Agent,
    ) -> Result<Option<AffectedWorkflow>, StoreError> {
        let mut agents = draft::named(self.agents, &head.document).await?;
        let mut errors = |schemas: &AgentSchemas| {
            for agent in agents.iter_mut().filter(|agent| agent.id == after.id) {
                agent.schemas = schemas.clone();
            }
            let declared: Declared = agents.iter().collect();
            let mut findings = examine_with(&head.document, self.schemas, &declared).findings;
            findings.retain(|found| found.severity == Severity::Error);
            findings
        };
        let mut diagnostics = errors(&after.schemas);
        if !diagnostics.is_empty() {
            let known = errors(before);
            diagnostics.retain(|found| !known.contains(found));
        }
        diagnostics.truncate(MOST);
        let WorkflowDefinition { id, name, version, .. } = head;
        Ok((!diagnostics.is_empty()).then_some(AffectedWorkflow { id, name, version, diagnostics }))
    }
}

fn uses(document: &WorkflowDocument, agent: &Agent) -> bool {
    document.steps.values().any(|step| step.agent_name.as_deref() == Some(agent.name.as_str()))
}
