//! Things as members and values, without their secrets.

use serde_json::{Map, Value, json};

use crate::{
    access::{ApiKey, Scope, User},
    agents::{Agent, AgentAuth, CallLimit, CircuitBreakerConfig, RetryPolicy, Secret},
    schedules::Schedule,
    webhooks::{DisabledWhy, Webhook},
    workflows::{ChangeSummary, WorkflowDefinition},
};

/// The members of an agent under the names of the REST API; its credentials are not among them.
pub(super) fn agent(agent: &Agent) -> Map<String, Value> {
    let Agent { name, url, description, auth, timeout, retry, retry_strategy, circuit_breaker, .. } = agent;
    members(json!({
        "name": name.as_str(),
        "url": url.as_str(),
        "description": description,
        "auth_type": auth.kind(),
        "auth_header": match auth {
            AgentAuth::ApiKey(Some(key)) => Some(&key.header),
            AgentAuth::None | AgentAuth::Bearer(_) | AgentAuth::ApiKey(None) => None,
        },
        "timeout_ms": u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        "retry_config": retry.strategy(),
        "retry_strategy": retry_strategy.as_ref().map(RetryPolicy::strategy),
        "circuit_breaker_config": circuit_breaker.as_ref().map(breaker),
        "max_concurrent_calls": agent.max_concurrent_calls.map(CallLimit::get),
        "input_schema": agent.schemas.input,
        "output_schema": agent.schemas.output,
        "status": agent.status.as_str(),
    }))
}

/// The credentials of an agent.
pub(super) fn credentials(agent: &Agent) -> Option<&Secret> {
    match &agent.auth {
        AgentAuth::None | AgentAuth::Bearer(None) | AgentAuth::ApiKey(None) => None,
        AgentAuth::Bearer(Some(token)) => Some(token),
        AgentAuth::ApiKey(Some(key)) => Some(&key.key),
    }
}

fn breaker(config: &CircuitBreakerConfig) -> Value {
    json!({
        "enabled": config.enabled,
        "failure_threshold": config.failure_threshold,
        "failure_rate_threshold": config.failure_rate_threshold,
        "timeout_seconds": config.timeout_seconds,
        "half_open_max_calls": config.half_open_max_calls,
        "window_size_seconds": config.window_size_seconds,
        "on_open": config.on_open.as_str(),
    })
}

/// The members of a version but its document.
pub(super) fn version(version: &WorkflowDefinition) -> Map<String, Value> {
    members(json!({
        "name": version.name.as_str(),
        "version": version.version,
        "description": version.description,
        "change_summary": version.change_summary.as_ref().map(ChangeSummary::as_str),
        "plan": version.plan.to_string(),
        "status": version.status.as_str(),
    }))
}

/// The document of a version, but for what only repeats its name and number.
pub(super) fn document(version: &WorkflowDefinition) -> Value {
    let mut document = serde_json::to_value(&version.document).unwrap_or_default();
    if let Value::Object(members) = &mut document {
        for repeated in ["workflow_id", "name", "version"] {
            members.remove(repeated);
        }
    }
    document
}

/// The members of an API key but its digest.
pub(super) fn api_key(key: &ApiKey) -> Map<String, Value> {
    let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
    let Scope { workflows, agents } = &key.scope;
    members(json!({
        "name": key.name.as_str(),
        "role": key.role.as_str(),
        "workflows": workflows,
        "agents": agents,
        "networks": networks,
        "hides_payloads": key.hides_payloads,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }))
}

/// The members of a person but the password.
pub(super) fn user(user: &User) -> Map<String, Value> {
    members(json!({
        "name": user.name.as_str(),
        "role": user.role.as_str(),
        "hides_payloads": user.hides_payloads,
        "active": user.active,
    }))
}

/// The members of a webhook but its secrets.
pub(super) fn webhook(webhook: &Webhook) -> Map<String, Value> {
    let statuses: Vec<&str> = webhook.statuses.iter().map(|status| status.as_str()).collect();
    members(json!({
        "name": webhook.name.as_str(),
        "url": webhook.url.as_str(),
        "description": webhook.description,
        "statuses": statuses,
        "workflows": webhook.workflows,
        "previous_secret_until": webhook.previous.as_ref().map(|previous| previous.until),
        "disabled_reason": webhook.disabled.map(|(why, _)| DisabledWhy::as_str(why)),
    }))
}

/// The members of a schedule but its input and what its ticks change.
pub(super) fn schedule(schedule: &Schedule) -> Map<String, Value> {
    let Schedule { timing, .. } = schedule;
    let (missed, most) = schedule.missed.parts();
    members(json!({
        "name": schedule.name.as_str(),
        "workflow_id": schedule.workflow.to_string(),
        "version": schedule.version,
        "cron": timing.cron,
        "time_zone": timing.zone,
        "starts_at": timing.starts_at,
        "ends_at": timing.ends_at,
        "overlap": schedule.overlap.as_str(),
        "missed": missed,
        "missed_limit": most,
        "grace_seconds": schedule.grace.as_secs(),
        "state": schedule.state.as_str(),
    }))
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
