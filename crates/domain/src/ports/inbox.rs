//! The mailbox of a run: whoever does not own it, and has something to say, says it here.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::{
    Timestamp,
    agents::RetryPolicy,
    audit::AuditEntry,
    ids::{Epoch, EventId, ExecutorId, RunId, StepPath},
    payload::Payload,
    runs::{CallKey, InboxEntry, InboxMessage, Reported, RunStatus},
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

/// The namespace of what tells events apart; a random constant.
const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0xd5e0_14f7_a6c9_4b02_8f5d_3e71_c02b_96a8);

impl InboxNote {
    /// Something has happened. Notes with an equal `id` are the same event, however often it is sent.
    pub fn event(run: RunId, path: Option<StepPath>, name: &str, data: Payload, id: &str, at: Timestamp) -> Self {
        let place = path.as_ref().map_or("", StepPath::as_str);
        let unique = Uuid::new_v5(&EVENT_NAMESPACE, format!("{place}\n{id}").as_bytes());
        let id = Some(EventId::new(unique));
        let message = InboxMessage::Event { name: name.to_owned(), path, data, id };
        Self { run, dedupe: format!("event-{unique}"), message, at }
    }

    /// An agent says what came of a call. The first word about a call counts.
    pub fn report(key: CallKey, outcome: Reported, retry: RetryPolicy, at: Timestamp) -> Self {
        let dedupe = format!("report-{}", key.digest());
        let CallKey { run, path, generation, round } = key;
        Self { run, dedupe, message: InboxMessage::CallReported { path, generation, round, outcome, retry }, at }
    }

    /// An agent says how a call is getting on. What it says while an earlier word waits for the run's owner is not kept.
    pub fn progress(key: CallKey, message: String, at: Timestamp) -> Self {
        let dedupe = format!("progress-{}", key.digest());
        let CallKey { run, path, generation, round } = key;
        Self { run, dedupe, message: InboxMessage::CallProgressed { path, generation, round, message }, at }
    }
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
    /// with a `dedupe` text that is in the run's inbox already changes nothing, and MUST be answered like the first. What the
    /// audit log tells of it is written in the same transaction, if anything is changed; if that is told there already, the note
    /// was put before, and it is the same.
    async fn append(&self, note: &InboxNote, audit: Option<Arc<AuditEntry>>) -> Result<Appended, StoreError>;

    /// The inboxes of the live runs that an executor owns, at most `limit` entries, oldest first.
    async fn mail_for(&self, executor: ExecutorId, limit: usize) -> Result<Vec<Mail>, StoreError>;

    /// The steps of live runs that wait for an event with this correlation, at most `limit`, as the journal was told
    /// ([`Outward::waits`](crate::runs::Outward::waits)).
    async fn waiting_for(
        &self,
        event: &str,
        correlation: &str,
        limit: usize,
    ) -> Result<Vec<(RunId, StepPath)>, StoreError>;

    /// Makes the runs without an owner due that have had mail for some seconds and are not due. What one run tells another is
    /// written in one transaction and rung for after it; whoever crashes in between leaves such runs. Answers how many.
    async fn rouse(&self, now: Timestamp) -> Result<u64, StoreError>;
}
