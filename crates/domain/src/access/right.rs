//! Rights: what operations need.

/// What somebody may do to one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Read agents.
    AgentsRead,
    /// Register, change and delete agents.
    AgentsWrite,
    /// Ask an agent how it is.
    AgentsCheck,
    /// Read workflows and their versions.
    WorkflowsRead,
    /// Create, change and delete workflows and versions.
    WorkflowsWrite,
    /// Check and rehearse documents.
    WorkflowsTest,
    /// Read runs, their steps and dead letters.
    RunsRead,
    /// Start runs, raise the events they wait for.
    RunsExecute,
    /// Retry, cancel, pause, skip, rerun, replay.
    RunsControl,
    /// Read schedules and what they have started.
    SchedulesRead,
    /// Create, change, pause and delete schedules.
    SchedulesWrite,
    /// Delete dead letters.
    DeadLettersDelete,
    /// Report about the call that one was given, and fetch its input.
    TasksReport,
    /// Manage API keys, users and revocations.
    AccessManage,
    /// Read the audit log.
    AuditRead,
    /// Manage webhooks, and read what was sent to them.
    WebhooksManage,
    /// Read what the server measures and what it is made of.
    SystemRead,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::AgentsRead,
        Self::AgentsWrite,
        Self::AgentsCheck,
        Self::WorkflowsRead,
        Self::WorkflowsWrite,
        Self::WorkflowsTest,
        Self::RunsRead,
        Self::RunsExecute,
        Self::RunsControl,
        Self::SchedulesRead,
        Self::SchedulesWrite,
        Self::DeadLettersDelete,
        Self::TasksReport,
        Self::AccessManage,
        Self::AuditRead,
        Self::WebhooksManage,
        Self::SystemRead,
    ];

    /// Its name, as the policy, tokens and answers spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AgentsRead => "agents:read",
            Self::AgentsWrite => "agents:write",
            Self::AgentsCheck => "agents:check",
            Self::WorkflowsRead => "workflows:read",
            Self::WorkflowsWrite => "workflows:write",
            Self::WorkflowsTest => "workflows:test",
            Self::RunsRead => "runs:read",
            Self::RunsExecute => "runs:execute",
            Self::RunsControl => "runs:control",
            Self::SchedulesRead => "schedules:read",
            Self::SchedulesWrite => "schedules:write",
            Self::DeadLettersDelete => "dead_letters:delete",
            Self::TasksReport => "tasks:report",
            Self::AccessManage => "access:manage",
            Self::AuditRead => "audit:read",
            Self::WebhooksManage => "webhooks:manage",
            Self::SystemRead => "system:read",
        }
    }

    /// The right of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == name)
    }

    /// Whether it only reads: what a read-only token may use.
    pub fn reads(self) -> bool {
        matches!(
            self,
            Self::AgentsRead
                | Self::WorkflowsRead
                | Self::RunsRead
                | Self::SchedulesRead
                | Self::AuditRead
                | Self::SystemRead
        )
    }
}

/// What an operation asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: health, documentation and the way in.
    Public,
    /// To be known.
    Known,
    /// A right.
    Needs(Right),
}
