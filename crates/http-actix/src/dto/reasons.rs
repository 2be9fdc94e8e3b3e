//! Why a run does not move, as it is answered.

use application::runs::Reason;
use domain::{
    agents::{WaitingCall, WaitsFor},
    runs::{Pause, Progress, WaitingOn},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::Stamp;

/// Something that a run waits for. Members that do not apply to the reason are absent.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "WaitingOn")]
pub(crate) struct ReasonView {
    /// What it is, for programs: `agent_call` (an answer), `retry` (the next attempt), `timer`, `event`, `child_run`, `delayed_start`, `paused`, `executor`
    /// (to be taken by one), `no_executor` (none is alive), `external_executor` (the existing one has it). More may come.
    reason: &'static str,
    /// The same for people.
    message: String,
    /// The path of the step that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    step: Option<String>,
    /// The agent that is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    agent_name: Option<String>,
    /// Which attempt of the step is under way, or comes next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32")]
    attempt: Option<u32>,
    /// The name of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    event: Option<String>,
    /// What tells the run from others that wait for such an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("x-payload" = true))]
    correlation: Option<String>,
    /// The run that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    run_id: Option<String>,
    /// Who has paused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    by: Option<String>,
    /// Since when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Stamp")]
    since: Option<Stamp>,
    /// When the waiting ends by itself: the next attempt, the time that is waited for, or the end of patience.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Stamp")]
    until: Option<Stamp>,
    /// What the agent has said last about the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ProgressView")]
    progress: Option<ProgressView>,
}

/// What an agent has said about a call under way.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Progress")]
pub(crate) struct ProgressView {
    /// What it has said.
    message: String,
    /// When.
    at: Stamp,
}

impl From<Progress> for ProgressView {
    fn from(Progress { message, at, .. }: Progress) -> Self {
        Self { message, at: Stamp(at) }
    }
}

impl From<Reason> for ReasonView {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Waits(waits) => waits.into(),
            Reason::Kept(call) => call.into(),
            Reason::Executor { since } => Self {
                reason: "executor",
                message: "The run waits for an executor to take it".to_owned(),
                since: Some(Stamp(since)),
                ..Self::default()
            },
            Reason::NoExecutor => Self {
                reason: "no_executor",
                message: "No executor is alive that could go on with the run".to_owned(),
                ..Self::default()
            },
            Reason::Undelivered { since } => Self {
                reason: "undelivered",
                message: "Kafka has not taken what the existing executor is to be told of the run".to_owned(),
                since: Some(Stamp(since)),
                ..Self::default()
            },
            Reason::ExternalExecutor => Self {
                reason: "external_executor",
                message: "The existing executor looks after the run; the list of its steps tells how far it is"
                    .to_owned(),
                ..Self::default()
            },
        }
    }
}

impl From<WaitingCall> for ReasonView {
    fn from(call: WaitingCall) -> Self {
        let WaitingCall { path, agent, since, on } = call;
        let (reason, message, until) = match on {
            WaitsFor::Breaker { until: Some(until) } => {
                ("circuit_breaker", format!("The circuit breaker of agent '{agent}' is open"), Some(until))
            }
            WaitsFor::Breaker { until: None } => {
                ("circuit_breaker", format!("A few other calls try whether agent '{agent}' has recovered"), None)
            }
            WaitsFor::Limit { limit } => {
                let message = format!("All {} calls that agent '{agent}' takes at once are under way", limit.get());
                ("concurrency_limit", message, None)
            }
            WaitsFor::Turn { limit } => {
                let message = format!(
                    "The call is under way, or waits for one of the {} that agent '{agent}' takes at once to end",
                    limit.get()
                );
                ("concurrency_limit", message, None)
            }
            WaitsFor::News => {
                let message = format!("The executor learns what the others know of agent '{agent}'; a moment");
                ("agent_news", message, None)
            }
        };
        Self {
            reason,
            message,
            step: Some(path.to_string()),
            agent_name: Some(agent.to_string()),
            since: Some(Stamp(since)),
            until: until.map(Stamp),
            ..Self::default()
        }
    }
}

impl From<WaitingOn> for ReasonView {
    fn from(waits: WaitingOn) -> Self {
        match waits {
            WaitingOn::Pause(Pause { by, reason, since }) => Self {
                reason: "paused",
                message: reason.unwrap_or_else(|| format!("The run was paused by {by}")),
                by: Some(by),
                since: Some(Stamp(since)),
                ..Self::default()
            },
            WaitingOn::Start { at } => Self {
                reason: "delayed_start",
                message: "The run was started for a later time".to_owned(),
                until: Some(Stamp(at)),
                ..Self::default()
            },
            WaitingOn::Agent { path, agent, attempt, since, until, progress } => Self {
                reason: "agent_call",
                message: format!("Agent '{agent}' has been called and has not answered yet"),
                step: Some(path.to_string()),
                agent_name: Some(agent.to_string()),
                attempt: Some(attempt),
                since: Some(Stamp(since)),
                until: until.map(Stamp),
                progress: progress.map(Into::into),
                ..Self::default()
            },
            WaitingOn::Retry { path, agent, attempt, at } => Self {
                reason: "retry",
                message: format!("The call of agent '{agent}' has failed and is tried again"),
                step: Some(path.to_string()),
                agent_name: Some(agent.to_string()),
                attempt: Some(attempt),
                until: Some(Stamp(at)),
                ..Self::default()
            },
            WaitingOn::Unknown { path, agent, attempt } => Self {
                reason: "unknown_outcome",
                message: format!("Nobody knows whether agent '{agent}' has done the call; let go on, it is made again"),
                step: Some(path.to_string()),
                agent_name: Some(agent.to_string()),
                attempt: Some(attempt),
                ..Self::default()
            },
            WaitingOn::Timer { path, until } => Self {
                reason: "timer",
                message: "The step waits for a time".to_owned(),
                step: Some(path.to_string()),
                until: Some(Stamp(until)),
                ..Self::default()
            },
            WaitingOn::Event { path, event, correlation, until } => Self {
                reason: "event",
                message: format!("The step waits for the event '{event}'"),
                step: Some(path.to_string()),
                event: Some(event),
                correlation,
                until: until.map(Stamp),
                ..Self::default()
            },
            WaitingOn::Run { path, run, until } => Self {
                reason: "child_run",
                message: format!("The step waits for the end of run '{run}'"),
                step: Some(path.to_string()),
                run_id: Some(run.to_string()),
                until: until.map(Stamp),
                ..Self::default()
            },
        }
    }
}
