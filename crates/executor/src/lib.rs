//! The drivers of runs: what claims them, calls their agents, fires their timers and writes their commits.
//!
//! [`EngineCore`] is the logic: sans-IO, one [`RunActor`] per run, from inputs and a time to effects. The simulator drives it
//! as it is. [`spawn`] puts it into a thin shell of tokio tasks; nothing else in this crate spawns.

mod actor;
mod answers;
mod audit;
mod backlogs;
mod call_tokens;
mod calling;
mod checked_gateway;
mod claimer;
mod core;
mod dead_letters;
mod directory;
mod external;
mod feeding;
mod gate;
mod lease;
mod loading;
mod measures;
mod membership;
mod news;
mod observer;
mod old_runs;
mod patience;
mod relatives;
mod relay;
mod scheduling;
mod shell;
mod spans;
mod tasks;
mod telling;
mod watching;
mod webhooks;
mod writer;

pub use actor::RunActor;
pub use answers::AnswerKeeper;
pub use audit::AuditKeeper;
pub use backlogs::BacklogTeller;
pub use call_tokens::CallTokens;
pub use checked_gateway::CheckedGateway;
pub use core::{Effect, EngineCore, EngineInput};
pub use dead_letters::DeadLetterKeeper;
pub use external::{Driver, DriverPorts, Pace};
pub use feeding::FeedHub;
pub use loading::{Loaded, RunLoader};
pub use measures::{MEASURES, describe_metrics};
pub use membership::{FleetPorts, Heart, JoinError, LEASE, Membership};
pub use observer::Observer;
pub use old_runs::OldRunKeeper;
pub use relatives::end_of;
pub use relay::{Drives, Relay, RelayPorts};
pub use scheduling::Scheduler;
pub use shell::{EngineConfig, EngineHandle, EnginePorts, spawn};
pub use tasks::TaskPerformer;
pub use watching::WatchHub;
pub use webhooks::{Filled, WebhookDeliverer, WebhookFiller, WebhookSettings, webhook_parts};
pub use writer::{CommitQueue, Watchers};
