//! Roles.

/// What a principal is trusted with. The policy says which rights follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and executes, retries, cancels runs.
    Operator,
    /// As an operator, and writes workflows.
    Designer,
    /// Everything: agents, keys, users, webhooks, audit.
    Admin,
    /// An agent that reports about the calls it was given, and nothing else.
    Agent,
}

impl Role {
    /// All of them, the least trusted first.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Viewer, Self::Operator, Self::Designer, Self::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Designer => "designer",
            Self::Admin => "admin",
            Self::Agent => "agent",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}
