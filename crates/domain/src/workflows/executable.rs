//! Which version of a workflow an execution gets, and by which ids runs name it.

use super::{WorkflowDefinition, WorkflowName, WorkflowStatus};
use crate::{
    ids::{PlanHash, WorkflowId},
    runs::Run,
};

/// What it takes to execute a version: all of it but the document, which the plan stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutableVersion {
    /// The id of the row.
    pub id: WorkflowId,
    /// The id of the chain's head.
    pub head: WorkflowId,
    /// The name, shared by the chain.
    pub name: WorkflowName,
    /// The version's number.
    pub version: u32,
    /// The plan that runs of this version are pinned to.
    pub plan: PlanHash,
    /// The version's status.
    pub status: WorkflowStatus,
    /// The status of the chain's head.
    pub head_status: WorkflowStatus,
}

impl ExecutableVersion {
    /// A version of a chain whose head has this status.
    pub fn of(row: &WorkflowDefinition, head_status: WorkflowStatus) -> Self {
        Self {
            id: row.id,
            head: row.head,
            name: row.name.clone(),
            version: row.version,
            plan: row.plan,
            status: row.status,
            head_status,
        }
    }

    /// The version that is executed by whoever addresses a row of a chain and perhaps asks for a number:
    ///
    /// * the version with the number, if one is asked for;
    /// * an older version by its own id: exactly that one;
    /// * the head: the newest active version; without one, the newest deprecated one; without one, the head itself.
    ///
    /// `None` if the chain has no such row or number. The one definition, which SQL adapters translate. It tells what would
    /// be executed; whether it may be is for [`ExecutableVersion::obstacle`] to say.
    pub fn choose(chain: &[&WorkflowDefinition], addressed: WorkflowId, version: Option<u32>) -> Option<Self> {
        let row = chain.iter().find(|row| row.id == addressed)?;
        let head = chain.iter().find(|head| head.id == row.head)?;
        let newest = |status| chain.iter().filter(|row| row.status == status).max_by_key(|row| row.version);
        let chosen = match version {
            Some(number) => chain.iter().find(|row| row.version == number)?,
            None if row.id != head.id => row,
            None => newest(WorkflowStatus::Active).or_else(|| newest(WorkflowStatus::Deprecated)).unwrap_or(head),
        };
        Some(Self::of(chosen, head.status))
    }

    /// The status that keeps the version from being executed: the workflow's before its own.
    pub fn obstacle(&self) -> Option<WorkflowStatus> {
        if self.head_status.closes_workflow() {
            return Some(self.head_status);
        }
        (!self.status.is_executable()).then_some(self.status)
    }
}

/// How runs name one version: by the workflow that was addressed and the number of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionAddress {
    /// The id of the chain's head.
    pub head: WorkflowId,
    /// The id of the version's row.
    pub row: WorkflowId,
    /// The version's number.
    pub version: u32,
}

impl From<&WorkflowDefinition> for VersionAddress {
    fn from(row: &WorkflowDefinition) -> Self {
        Self { head: row.head, row: row.id, version: row.version }
    }
}

impl VersionAddress {
    /// Whether a run executes the version. The one definition, which SQL adapters translate. A run that does not know its
    /// version was started by the old system, which executes the row that it was given.
    pub fn is_of(&self, run: &Run) -> bool {
        let addressed = run.workflow.definition();
        match run.workflow_version {
            Some(version) => version == self.version && [Some(self.head), Some(self.row)].contains(&addressed),
            None => addressed == Some(self.row),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;
    use crate::{Timestamp, workflows::WorkflowDocument};

    /// A chain whose head has id 1; its rows have the ids 1, 2, … from the newest version to the oldest.
    fn chain(statuses: &[WorkflowStatus]) -> Vec<WorkflowDefinition> {
        let count = u32::try_from(statuses.len()).expect("a small number");
        let row = |(number, status): (u32, &WorkflowStatus)| WorkflowDefinition {
            id: id(number),
            head: id(1),
            name: WorkflowName::parse("w").expect("a name"),
            version: count + 1 - number,
            description: None,
            change_summary: None,
            document: WorkflowDocument::new("w", 1, "a".to_owned(), BTreeMap::new()),
            plan: PlanHash::new([0; 32]),
            status: *status,
            revision: 1,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            created_by: None,
            updated_by: None,
        };
        (1..).zip(statuses).map(row).collect()
    }

    fn id(n: u32) -> WorkflowId {
        WorkflowId::new(Uuid::from_u128(u128::from(n)))
    }

    fn chosen(
        statuses: &[WorkflowStatus],
        addressed: u32,
        version: Option<u32>,
    ) -> Option<(u32, Option<&'static str>)> {
        let rows = chain(statuses);
        let rows: Vec<_> = rows.iter().collect();
        let found = ExecutableVersion::choose(&rows, id(addressed), version)?;
        Some((found.version, found.obstacle().map(WorkflowStatus::as_str)))
    }

    #[test]
    fn the_head_stands_for_the_newest_active_version_or_else_the_newest_deprecated_one() {
        use WorkflowStatus::{Active, Archived, Deleted, Deprecated, Draft, Inactive};
        for (statuses, expected) in [
            (&[Active, Active, Active][..], (3, None)),
            (&[Draft, Archived, Active], (1, None)),
            (&[Deprecated, Active, Active], (2, None)),
            (&[Draft, Deprecated, Deprecated, Archived], (3, None)),
            (&[Draft, Archived, Deleted], (3, Some("draft"))),
            (&[Archived, Inactive], (2, Some("archived"))),
            (&[Inactive, Active], (1, Some("inactive"))),
            (&[Deleted, Active], (1, Some("deleted"))),
        ] {
            assert_eq!(chosen(statuses, 1, None), Some(expected), "{statuses:?}");
        }
    }

    #[test]
    fn an_old_versions_own_id_and_a_number_stand_for_exactly_that_version() {
        use WorkflowStatus::{Active, Archived, Deleted, Deprecated};
        let statuses = [Active, Deprecated, Archived];
        for (addressed, version, expected) in [
            (2, None, Some((2, None))),
            (3, None, Some((1, Some("archived")))),
            (1, Some(2), Some((2, None))),
            (3, Some(3), Some((3, None))),
            (1, Some(1), Some((1, Some("archived")))),
            (1, Some(4), None),
            (9, None, None),
        ] {
            assert_eq!(chosen(&statuses, addressed, version), expected, "{addressed}, {version:?}");
        }
        assert_eq!(chosen(&[Deleted, Active], 2, None), Some((1, Some("deleted"))), "the whole workflow is closed");
    }
}
