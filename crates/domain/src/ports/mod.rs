//! What the core needs from the world. Each port is small and says what an adapter must keep; `port-contracts` has a test
//! for each of those sentences and runs them over every adapter.

mod access;
mod agents;
mod audit;
mod backlog;
mod bus;
mod dead_letters;
mod engine;
mod external;
mod feed;
mod fleet;
mod gateway;
mod idempotency;
mod inbox;
mod journal;
mod leases;
mod old_runs;
mod outbox;
mod schedules;
mod schemas;
mod spans;
mod store;
mod time;
mod traffic;
mod watch;
mod webhooks;
mod workflows;

pub use access::{
    Accounts, HeldToken, Jwts, KeptSecrets, KeyDigests, Passwords, Policy, Reseal, Resealed, SealBroken, Tokens, Vault,
};
pub use agents::Agents;
pub use audit::{AuditChain, AuditLog, AuditSeal, AuditSealing, ChainState, Sealed};
pub use backlog::{Backlog, MAX_BACKLOG};
pub use bus::{
    Asked, Delivery, EventHandler, ExternalExecutor, Handled, Monitoring, Publisher, RequestHandler, TaskHandler,
};
pub use dead_letters::{DeadLetterCounts, DeadLetters};
pub use engine::{Adopted, Engine};
pub use external::ExternalRuns;
pub use feed::{FeedSlice, FeedWatch, FollowedFeed, RunFeed};
pub use fleet::{Duties, Fleet, LifeSign, Requests};
pub use gateway::{AgentCard, AgentGateway, AgentHealth};
pub use idempotency::{Claim, IdempotencyKeys, Standing};
pub use inbox::{Appended, InboxNote, Mail, RunInbox};
pub use journal::{Overloaded, RunJournal, RunWriter, Runs, Then};
pub use leases::{Attendance, Claimed, MAX_UNATTENDED, RunLeases};
pub use old_runs::OldRuns;
pub use outbox::{HeldShard, Outbox, QueuedMessage, SHARDS, Shard};
pub use schedules::{Calendar, InvalidTiming, NoCalendar, Schedules, Ticks};
pub use schemas::{InvalidSchema, MAX_SCHEMA_BYTES, MAX_VIOLATIONS, NoSchemas, Schema, Schemas, Violation};
pub use spans::{NoSpans, Spans};
pub use store::{DONE_BEFORE, LAST_ADMIN, StoreError, Transactions, UnitOfWork};
pub use time::{Clock, Doorbell, IdGenerator, StoreTime};
pub use traffic::{AgentTraffic, TrafficRecord, TrafficTable, TrafficView};
pub use watch::{RunWatch, WatchedRun};
pub use webhooks::{
    ClaimedDelivery, DeliveryClaim, SignedMessage, WebhookQueue, WebhookSender, WebhookSigner, Webhooks,
};
pub use workflows::Workflows;

#[cfg(any(test, feature = "testing"))]
pub use {
    access::{MockAccounts, MockJwts, MockKeyDigests, MockPasswords, MockTokens},
    agents::MockAgents,
    audit::MockAuditLog,
    bus::{MockEventHandler, MockExternalExecutor, MockMonitoring, MockPublisher, MockRequestHandler, MockTaskHandler},
    dead_letters::MockDeadLetters,
    engine::MockEngine,
    external::MockExternalRuns,
    feed::{MockFeedWatch, MockRunFeed},
    fleet::MockFleet,
    gateway::MockAgentGateway,
    inbox::MockRunInbox,
    journal::{MockRunWriter, MockRuns},
    old_runs::MockOldRuns,
    schedules::MockSchedules,
    schemas::MockSchemas,
    store::{MockTransactions, MockUnitOfWork},
    time::{MockClock, MockIdGenerator},
    traffic::MockAgentTraffic,
    watch::MockRunWatch,
    workflows::MockWorkflows,
};
