//! Workflow definitions: immutable versions in a chain under one name.

use std::sync::Arc;

use super::{WorkflowDocument, WorkflowStatus};
use crate::{
    Timestamp,
    ids::{PlanHash, WorkflowId},
    page::{Cursor, has_part},
};

/// A workflow's name: 1 to 255 characters, not blank.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkflowName(Arc<str>);

impl WorkflowName {
    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=255).contains(&text.chars().count()) && !text.trim().is_empty();
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a new version changes, in its author's words: at most 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSummary(Arc<str>);

impl ChangeSummary {
    /// The most characters.
    pub const MAX_CHARS: usize = 1_000;

    /// Reads a summary.
    pub fn parse(text: &str) -> Option<Self> {
        (text.chars().count() <= Self::MAX_CHARS).then(|| Self(text.into()))
    }

    /// That a version has the content of an older one.
    pub fn of_rollback(version: u32) -> Self {
        Self(format!("Rolled back to version {version}").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One version of a workflow. The newest is the *head* of its chain and keeps the chain's first id; when a new version
/// is made, the previous content moves to a row with an id of its own (contract 2.3, item 13). The content of a version
/// never changes; its status does, and so does the description of the head.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowDefinition {
    /// The id of this row.
    pub id: WorkflowId,
    /// The id of the chain's head; equal to `id` for the head itself.
    pub head: WorkflowId,
    /// The name, shared by the chain.
    pub name: WorkflowName,
    /// The version's number, from 1.
    pub version: u32,
    /// What it is for.
    pub description: Option<String>,
    /// What it changes against the version before.
    pub change_summary: Option<ChangeSummary>,
    /// What it does.
    pub document: WorkflowDocument,
    /// The plan that runs of this version are pinned to.
    pub plan: PlanHash,
    /// Whether it may be executed.
    pub status: WorkflowStatus,
    /// Rises with each change of this row; the optimistic version for concurrent updates.
    pub revision: u64,
    /// When this version was made.
    pub created_at: Timestamp,
    /// When this row was changed last.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
    /// Who changed it last.
    pub updated_by: Option<String>,
}

impl WorkflowDefinition {
    /// Whether it is the newest version, which stands for the workflow.
    pub fn is_head(&self) -> bool {
        self.id == self.head
    }
}

/// What a list of workflows is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowSort {
    /// When the version was made.
    CreatedAt,
    /// When the row was changed.
    UpdatedAt,
    /// The name.
    Name,
}

impl WorkflowDefinition {
    /// Its place in a list of workflows.
    pub fn cursor(&self, sort: WorkflowSort) -> Cursor {
        match sort {
            WorkflowSort::CreatedAt => Cursor::new(self.created_at, &self.id),
            WorkflowSort::UpdatedAt => Cursor::new(self.updated_at, &self.id),
            WorkflowSort::Name => Cursor::new(self.name.as_str(), &self.id),
        }
    }

    /// Its place in the list of its chain's versions.
    pub fn version_cursor(&self) -> Cursor {
        Cursor::new(self.version, &self.head)
    }
}

/// Which workflows a list holds. Only heads are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFilter {
    /// Only this name, exactly.
    pub name: Option<String>,
    /// Only names with this text in them, as [`has_part`] says.
    pub name_contains: Option<String>,
    /// Only this status; without it, deleted workflows are left out.
    pub status: Option<WorkflowStatus>,
}

impl WorkflowFilter {
    /// Whether a head belongs to the list. The one definition, which SQL adapters translate.
    pub fn matches(&self, head: &WorkflowDefinition) -> bool {
        let named = self.name.as_ref().is_none_or(|name| head.name.as_str() == name)
            && self.name_contains.as_ref().is_none_or(|part| has_part(head.name.as_str(), part));
        let status = match self.status {
            Some(wanted) => head.status == wanted,
            None => head.status != WorkflowStatus::Deleted,
        };
        named && status
    }
}
