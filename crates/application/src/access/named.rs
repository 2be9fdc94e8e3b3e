//! What a request names, before it is known what that is.

use domain::ids::{AgentId, DeadLetterId, RunId, ScheduleId, WorkflowId};

/// Something that a request names: in its path, its filter or its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A workflow, by its id or that of a version.
    Workflow(WorkflowId),
    /// A workflow, by its name; there need not be one.
    WorkflowName(String),
    /// A run.
    Run(RunId),
    /// A dead letter.
    DeadLetter(DeadLetterId),
    /// A schedule.
    Schedule(ScheduleId),
    /// An agent, by its id.
    Agent(AgentId),
    /// An agent, by its name; there need not be one.
    AgentName(String),
    /// Nothing in particular: whatever a filter without names finds.
    Anything,
}
