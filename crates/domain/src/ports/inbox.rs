//! The mailbox of a run: whoever does not own it, and has something to say, says it here.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    Timestamp,
    ids::{Epoch, ExecutorId, RunId},
    runs::{InboxEntry, InboxMessage, RunStatus},
};

/// A message on its way into an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxNote {
    /// The run.
    pub run: RunId,
    /// Tells the message from others: sent again, it is the same one.
    pub dedupe: String,
    /// What it says.
    pub message: InboxMessage,
    /// When.
    pub at: Timestamp,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The run's owner will be told; a run without one can be claimed because of it.
    Waiting,
    /// The run is over.
    Over(RunStatus),
    /// There is no such run of ours.
    Gone,
}

/// Messages for a run from its inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The run.
    pub run: RunId,
    /// Under which epoch it is owned.
    pub epoch: Epoch,
    /// The messages, oldest first.
    pub entries: Vec<InboxEntry>,
}

/// The inboxes of all runs. An entry stays until a commit of the run has drained it
/// ([`AdvanceRun::drained`](crate::runs::AdvanceRun::drained)), or the run has ended.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RunInbox: Send + Sync {
    /// Puts a message into the inbox of a live run; a run without an owner is due at the note's time, if not earlier. A note
    /// with a `dedupe` text that is in the run's inbox already changes nothing, and MUST be answered like the first.
    async fn append(&self, note: &InboxNote) -> Result<Appended, StoreError>;

    /// The inboxes of the live runs that an executor owns, at most `limit` entries, oldest first.
    async fn mail_for(&self, executor: ExecutorId, limit: usize) -> Result<Vec<Mail>, StoreError>;
}
