//! Agents as they are answered. Credentials are write-only: what was configured is told, not with which secret.

use application::agents::{AffectedWorkflow, Observation, ObservedAgent, UpdatedAgent};
use domain::{
    Timestamp,
    agents::{Agent, AgentAuth, BreakerPhase, CallLimit, CircuitBreakerConfig, RetryPolicy},
    ports::AgentHealth,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Stamp, workflow_views::DiagnosticView};

/// An agent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Agent")]
pub(crate) struct AgentView {
    id: Uuid,
    /// Unique over all agents, deleted ones included.
    name: String,
    /// Where it is called.
    url: String,
    description: Option<String>,
    /// How calls authenticate.
    #[schemars(extend("enum" = ["none", "bearer", "apikey"]))]
    auth_type: &'static str,
    /// What is configured, without secrets; null where nothing is.
    auth_config: Option<AuthConfigView>,
    /// The time a call may take, in milliseconds.
    timeout_ms: u64,
    retry_config: RetryConfigView,
    /// What counts in place of `retry_config`; absent where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    retry_strategy: Option<Value>,
    circuit_breaker_config: Option<CircuitBreakerView>,
    /// The most calls that it gets at once; null where there is no limit.
    max_concurrent_calls: Option<u32>,
    /// What is sent to it must fit this JSON Schema. Absent where it takes anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    input_schema: Option<Value>,
    /// What it answers must fit this JSON Schema. Absent where it may answer anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    output_schema: Option<Value>,
    /// Whether it may be used.
    #[schemars(extend("enum" = ["active", "inactive", "deleted"]))]
    status: &'static str,
    created_at: Stamp,
    updated_at: Stamp,
    created_by: Option<String>,
    updated_by: Option<String>,
    /// How its breaker is, as the executors told it a second ago at most; absent where it has none that is enabled, and where it is
    /// not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "BreakerStateView")]
    circuit_breaker: Option<BreakerStateView>,
    /// The calls to it, as the executors told them a second ago at most; absent where it has neither a breaker nor a limit, and
    /// where they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AgentCallsView")]
    calls: Option<AgentCallsView>,
}

/// How a circuit breaker is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CircuitBreakerState")]
pub(crate) struct BreakerStateView {
    /// What it lets through: every call, none, or a few to see whether the agent has recovered.
    #[schemars(extend("enum" = ["closed", "open", "half_open"]))]
    state: &'static str,
    /// Since when it is open; null where it is not.
    opened_at: Option<Stamp>,
    /// When it lets a few calls through again; null where it is not open.
    retry_at: Option<Stamp>,
    /// The calls in its window.
    recent_calls: u32,
    /// Those of them that failed.
    recent_failures: u32,
}

/// The calls to an agent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AgentCalls")]
pub(crate) struct AgentCallsView {
    /// Those that are under way.
    in_flight: u32,
    /// Those that wait in an executor.
    waiting: u32,
    /// The most that may be under way at once; null where there is no limit.
    limit: Option<u32>,
}

/// The credentials of an agent, as far as they are no secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuthConfig")]
pub(crate) struct AuthConfigView {
    /// The same as `auth_type`.
    #[schemars(extend("enum" = ["bearer", "apikey"]))]
    r#type: &'static str,
    /// The header that carries the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    header_name: Option<String>,
    /// Whether a secret is stored.
    configured: bool,
}

/// How failed calls are tried again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RetryConfig")]
pub(crate) struct RetryConfigView {
    max_retries: u32,
    initial_delay_ms: u64,
    max_delay_ms: u64,
    backoff_multiplier: f64,
}

/// When calls are suspended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CircuitBreakerConfig")]
pub(crate) struct CircuitBreakerView {
    enabled: bool,
    failure_threshold: u32,
    failure_rate_threshold: f64,
    timeout_seconds: u32,
    half_open_max_calls: u32,
    window_size_seconds: u32,
    /// What becomes of calls while it is open.
    #[schemars(extend("enum" = ["fail", "wait"]))]
    on_open: &'static str,
}

/// An agent after a change.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UpdatedAgent")]
pub(crate) struct UpdatedAgentView {
    #[serde(flatten)]
    agent: AgentView,
    /// The active workflows that no longer check with the new schemas, at most a hundred; absent where the schemas are as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<AffectedWorkflowView>")]
    affected_workflows: Option<Vec<AffectedWorkflowView>>,
}

/// An active workflow that could not be saved any more as it is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AffectedWorkflow")]
struct AffectedWorkflowView {
    id: Uuid,
    name: String,
    version: u32,
    /// The errors that were not there before; their pointers lead into the workflow's document.
    diagnostics: Vec<DiagnosticView>,
}

impl From<UpdatedAgent> for UpdatedAgentView {
    fn from(updated: UpdatedAgent) -> Self {
        let affected = updated.affected.map(|affected| affected.into_iter().map(Into::into).collect());
        Self { agent: updated.agent.into(), affected_workflows: affected }
    }
}

impl From<AffectedWorkflow> for AffectedWorkflowView {
    fn from(affected: AffectedWorkflow) -> Self {
        Self {
            id: affected.id.uuid(),
            name: affected.name.as_str().to_owned(),
            version: affected.version,
            diagnostics: affected.diagnostics.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Agent> for AgentView {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id.uuid(),
            name: agent.name.as_str().to_owned(),
            url: agent.url.as_str().to_owned(),
            description: agent.description,
            auth_type: agent.auth.kind(),
            auth_config: AuthConfigView::of(&agent.auth),
            timeout_ms: millis(agent.timeout),
            retry_strategy: agent.retry_strategy.as_ref().map(RetryPolicy::strategy),
            retry_config: agent.retry.into(),
            circuit_breaker_config: agent.circuit_breaker.map(Into::into),
            max_concurrent_calls: agent.max_concurrent_calls.map(CallLimit::get),
            input_schema: agent.schemas.input,
            output_schema: agent.schemas.output,
            status: agent.status.as_str(),
            created_at: Stamp(agent.created_at),
            updated_at: Stamp(agent.updated_at),
            created_by: agent.created_by,
            updated_by: agent.updated_by,
            circuit_breaker: None,
            calls: None,
        }
    }
}

impl AgentView {
    /// An agent with how the calls to it are getting on.
    pub(crate) fn observed(observed: ObservedAgent, now: Timestamp) -> Self {
        let ObservedAgent { agent, observation } = observed;
        let Some(Observation { breaker, calls }) = observation else { return agent.into() };
        let state = agent.breaker().map(|config| {
            let tally = breaker.tally(config, now);
            BreakerStateView {
                state: breaker.phase().as_str(),
                opened_at: match breaker.phase() {
                    BreakerPhase::Open { since } => Some(Stamp(since)),
                    BreakerPhase::Closed | BreakerPhase::HalfOpen { .. } => None,
                },
                retry_at: breaker.retry_at(config).map(Stamp),
                recent_calls: tally.total(),
                recent_failures: tally.failures,
            }
        });
        let limit = agent.max_concurrent_calls.map(CallLimit::get);
        let calls = AgentCallsView { in_flight: calls.in_flight, waiting: calls.waiting, limit };
        Self { circuit_breaker: state, calls: Some(calls), ..agent.into() }
    }
}

impl AuthConfigView {
    fn of(auth: &AgentAuth) -> Option<Self> {
        let header_name = match auth {
            AgentAuth::None | AgentAuth::Bearer(None) | AgentAuth::ApiKey(None) => return None,
            AgentAuth::Bearer(Some(_)) => None,
            AgentAuth::ApiKey(Some(key)) => Some(key.header.clone()),
        };
        Some(Self { r#type: auth.kind(), header_name, configured: true })
    }
}

impl From<RetryPolicy> for RetryConfigView {
    fn from(policy: RetryPolicy) -> Self {
        Self {
            max_retries: policy.max_retries(),
            initial_delay_ms: policy.initial_delay_ms(),
            max_delay_ms: policy.max_delay_ms(),
            backoff_multiplier: policy.multiplier(),
        }
    }
}

impl From<CircuitBreakerConfig> for CircuitBreakerView {
    fn from(config: CircuitBreakerConfig) -> Self {
        Self {
            enabled: config.enabled,
            failure_threshold: config.failure_threshold,
            failure_rate_threshold: config.failure_rate_threshold,
            timeout_seconds: config.timeout_seconds,
            half_open_max_calls: config.half_open_max_calls,
            window_size_seconds: config.window_size_seconds,
            on_open: config.on_open.as_str(),
        }
    }
}

/// How an agent is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AgentHealth")]
pub(crate) struct AgentHealthView {
    /// Whether it answered with its card.
    #[schemars(extend("enum" = ["healthy", "unhealthy"]))]
    status: &'static str,
    /// What the agent does, or why it is unhealthy.
    message: String,
    /// How long it took to answer, in milliseconds; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_time_ms: Option<u64>,
    timestamp: Stamp,
    /// Its agent card; null if it is unhealthy.
    agent_card: Option<serde_json::Value>,
}

impl AgentHealthView {
    pub(crate) fn new(health: AgentHealth, at: domain::Timestamp) -> Self {
        Self {
            status: if health.card.is_some() { "healthy" } else { "unhealthy" },
            message: health.message,
            response_time_ms: health.response_time.map(millis),
            timestamp: Stamp(at),
            agent_card: health.card.map(|card| card.0),
        }
    }
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
