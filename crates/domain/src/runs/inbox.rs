//! What others tell the owner of a run, who alone decides. Such a message is durable and is told until a commit has drained it.

use serde::{Deserialize, Serialize};

use crate::ids::InboxId;

/// A message. The stored form is this enum's JSON; variants and members may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InboxMessage {
    /// Finish what is under way, and begin nothing new.
    Pause {
        /// Who wants it.
        by: String,
    },
    /// Go on.
    Unpause {
        /// Who wants it.
        by: String,
    },
}

/// A message that waits in the inbox of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Names it within the run.
    pub id: InboxId,
    /// What it says.
    pub message: InboxMessage,
}
