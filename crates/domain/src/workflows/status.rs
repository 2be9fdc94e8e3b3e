//! The status of a version, and what it means for executions.

/// Whether a version may be executed. The status of the newest version, the head of its chain, is also that of the whole
/// workflow where it [closes it](WorkflowStatus::closes_workflow).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowStatus {
    /// Not yet.
    Draft,
    /// It may.
    Active,
    /// It may, but whoever does is told that it is going out of use.
    Deprecated,
    /// Not any more.
    Archived,
    /// It is kept, but not executed.
    Inactive,
    /// Soft-deleted.
    Deleted,
}

impl WorkflowStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Draft, Self::Active, Self::Deprecated, Self::Archived, Self::Inactive, Self::Deleted];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Archived => "archived",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
        }
    }

    /// Reads [`WorkflowStatus::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether a version with this status may be executed.
    pub fn is_executable(self) -> bool {
        match self {
            Self::Active | Self::Deprecated => true,
            Self::Draft | Self::Archived | Self::Inactive | Self::Deleted => false,
        }
    }

    /// Whether no version is executed while the head of the chain has this status. These two are older than versions with a
    /// status of their own, and have always been said of the workflow; the others are said of one version.
    pub fn closes_workflow(self) -> bool {
        match self {
            Self::Inactive | Self::Deleted => true,
            Self::Draft | Self::Active | Self::Deprecated | Self::Archived => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_back() {
        for status in WorkflowStatus::ALL {
            assert_eq!(WorkflowStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(WorkflowStatus::parse("Active"), None);
    }
}
