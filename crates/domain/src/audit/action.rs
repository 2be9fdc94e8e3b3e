//! What is done: the vocabulary of the column `action`. Its first six words are the old system's (contract 4.1).

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// An agent, a workflow, a user or a key was made.
    Create,
    /// It was changed.
    Update,
    /// It was deleted; a dead letter too.
    Delete,
    /// A run was started.
    Execute,
    /// A failed or cancelled run is done after all.
    Retry,
    /// A run was cancelled.
    Cancel,
    /// A version of a workflow has another status.
    ChangeStatus,
    /// A version of a workflow was deleted.
    DeleteVersion,
    /// A workflow has the content of an older version again.
    RollBack,
    /// A run begins nothing new.
    Pause,
    /// A paused run goes on.
    Unpause,
    /// A step of a run was given its output.
    Skip,
    /// A step of a run, and what follows it, is done anew.
    Rerun,
    /// A run was told of an event.
    RaiseEvent,
    /// An agent has reported what came of its call.
    Report,
    /// A run was claimed for a dead letter.
    Replay,
    /// Such a claim was taken back, because the run could not be started.
    GiveBack,
    /// A key has another secret.
    Rotate,
    /// A key or token is worth nothing any more.
    Revoke,
    /// A token was minted for somebody.
    IssueToken,
    /// Somebody has logged in.
    LogIn,
    /// Somebody was not let in.
    RefuseLogIn,
    /// Nothing is sent to a webhook any more.
    Disable,
    /// Messages are sent to a webhook again.
    Enable,
    /// A webhook was sent a message that tells nothing.
    Test,
    /// A message is sent to a webhook anew.
    Redeliver,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Execute,
        Self::Retry,
        Self::Cancel,
        Self::ChangeStatus,
        Self::DeleteVersion,
        Self::RollBack,
        Self::Pause,
        Self::Unpause,
        Self::Skip,
        Self::Rerun,
        Self::RaiseEvent,
        Self::Report,
        Self::Replay,
        Self::GiveBack,
        Self::Rotate,
        Self::Revoke,
        Self::IssueToken,
        Self::LogIn,
        Self::RefuseLogIn,
        Self::Disable,
        Self::Enable,
        Self::Test,
        Self::Redeliver,
    ];

    /// The name that the REST API and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Execute => "execute",
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::ChangeStatus => "change_status",
            Self::DeleteVersion => "delete_version",
            Self::RollBack => "roll_back",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Skip => "skip",
            Self::Rerun => "rerun",
            Self::RaiseEvent => "raise_event",
            Self::Report => "report",
            Self::Replay => "replay",
            Self::GiveBack => "give_back",
            Self::Rotate => "rotate",
            Self::Revoke => "revoke",
            Self::IssueToken => "issue_token",
            Self::LogIn => "log_in",
            Self::RefuseLogIn => "refuse_log_in",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Test => "test",
            Self::Redeliver => "redeliver",
        }
    }

    /// Reads [`Action::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}
