//! A change of a run's status, as it stands in the feed. It says that something has happened and not what came of it: whoever
//! wants the error or the output reads the run.

use super::state::RunStatus;
use crate::{
    Timestamp,
    ids::{FeedPlace, RunId, WorkflowRef},
};

/// One change of one run's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunChange {
    /// Where it stands in the feed.
    pub place: FeedPlace,
    /// When it was decided.
    pub at: Timestamp,
    /// The run.
    pub run: RunId,
    /// The run's workflow, as it was addressed.
    pub workflow: WorkflowRef,
    /// Its name.
    pub workflow_name: String,
    /// The status since then. A new run has its first one.
    pub status: RunStatus,
}
