//! The look-ups that the existing executor and bridge make (contract 7.2), on a listener of their own.
//!
//! They ask without credentials and need those of the agents, so this must only be reachable for them: it is off unless an
//! address is given, and shares nothing with the API but its store.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Data, Path, Query, ServiceConfig},
};
use domain::{
    agents::{Agent, AgentAuth, AgentName, AgentStatus, Secret},
    ports::{Agents, StoreError},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::KnownHosts;

/// The agents as the old programs want to be told of them.
#[derive(Clone)]
pub struct Registry {
    agents: Arc<dyn Agents>,
    hosts: KnownHosts,
}

impl Registry {
    /// A registry over the agents of a store.
    pub fn new(agents: Arc<dyn Agents>) -> Self {
        Self { agents, hosts: KnownHosts::default().and_bare_names() }
    }

    /// The same where it is reached under these names too. The old programs know services by names without a dot.
    #[must_use]
    pub fn for_hosts(self, hosts: KnownHosts) -> Self {
        Self { hosts: hosts.and_bare_names(), ..self }
    }

    /// Mounts the look-ups, for `App::configure`.
    pub fn configure(&self, cfg: &mut ServiceConfig) {
        cfg.app_data(Data::new(self.clone()))
            .route("/health", web::get().to(async || HttpResponse::Ok().json(json!({"status": "healthy"}))))
            .route("/api/v1/agents", web::get().to(search))
            // The old programs do not escape a slash in a name.
            .route("/agents/{name:.+}", web::get().to(look_up));
    }

    /// The answer to a page of a stranger that has its own name resolve to this address.
    fn refusal(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let host = self.hosts.stranger(request.headers())?;
        tracing::warn!(http.host = host, "a look-up came under the name '{host}', which could be anybody's");
        let detail = "reach this under an address, a name without a dot, or one of --trusted-origins";
        Some(HttpResponse::Forbidden().json(json!({"detail": detail})))
    }

    /// An agent that may be called.
    async fn find(&self, name: &str) -> Result<Option<Agent>, StoreError> {
        // What the old executor asks for where a step names no agent.
        let Some(name) = AgentName::parse(name).ok().filter(|name| name.as_str() != "None") else { return Ok(None) };
        let found = self.agents.by_names(std::slice::from_ref(&name)).await?;
        Ok(found.into_iter().find(|agent| agent.status == AgentStatus::Active))
    }
}

#[derive(Deserialize)]
struct Search {
    name: Option<String>,
}

/// The API's list, as far as the old programs use it: one agent by its name.
async fn search(request: HttpRequest, registry: Data<Registry>, search: Query<Search>) -> HttpResponse {
    if let Some(refusal) = registry.refusal(&request) {
        return refusal;
    }
    let found = match &search.name {
        Some(name) => registry.find(name).await,
        None => Ok(None),
    };
    match found {
        Ok(found) => {
            let items: Vec<Value> = found.iter().map(item).collect();
            let total = items.len();
            HttpResponse::Ok().json(json!({
                "items": items, "total": total, "page": 1, "page_size": 20, "total_pages": total,
            }))
        }
        Err(error) => unavailable(&error),
    }
}

async fn look_up(request: HttpRequest, registry: Data<Registry>, name: Path<String>) -> HttpResponse {
    if let Some(refusal) = registry.refusal(&request) {
        return refusal;
    }
    match registry.find(&name).await {
        Ok(Some(agent)) => HttpResponse::Ok().json(registered(&agent)),
        Ok(None) => HttpResponse::NotFound().json(json!({"detail": format!("Agent '{name}' not found")})),
        Err(error) => unavailable(&error),
    }
}

/// Retried by those who ask.
fn unavailable(error: &StoreError) -> HttpResponse {
    tracing::warn!(%error, "an agent could not be looked up for the existing components");
    HttpResponse::ServiceUnavailable().json(json!({"detail": "the store is unavailable"}))
}

/// The form of the API.
fn item(agent: &Agent) -> Value {
    json!({
        "name": agent.name.as_str(),
        "url": agent.url.as_str(),
        "auth_type": agent.auth.kind(),
        "auth_config": auth_config(&agent.auth),
        "timeout_ms": millis(agent),
        "retry_config": retry_config(agent),
        "status": agent.status.as_str(),
    })
}

/// The form of the registry.
fn registered(agent: &Agent) -> Value {
    let mut form = json!({
        "name": agent.name.as_str(),
        "url": agent.url.as_str(),
        "auth_config": auth_config(&agent.auth),
        "timeout": millis(agent),
        "retry_config": retry_config(agent),
    });
    if let Some(breaker) = &agent.circuit_breaker {
        form["circuit_breaker_config"] = json!({
            "enabled": breaker.enabled,
            "failure_threshold": breaker.failure_threshold,
            "failure_rate_threshold": breaker.failure_rate_threshold,
            "timeout_seconds": breaker.timeout_seconds,
            "half_open_max_calls": breaker.half_open_max_calls,
            "window_size_seconds": breaker.window_size_seconds,
        });
    }
    form
}

/// With the members that the bridge reads, all of them texts; with it, authentication works.
fn auth_config(auth: &AgentAuth) -> Value {
    match auth {
        AgentAuth::None | AgentAuth::Bearer(None) | AgentAuth::ApiKey(None) => Value::Null,
        AgentAuth::Bearer(Some(token)) => json!({"type": auth.kind(), "token": Secret::reveal(token)}),
        AgentAuth::ApiKey(Some(key)) => {
            json!({"type": auth.kind(), "key": key.key.reveal(), "header": key.header, "header_name": key.header})
        }
    }
}

/// Never zero attempts: both old programs would make none at all.
fn retry_config(agent: &Agent) -> Value {
    json!({
        "max_retries": agent.retry.attempts(),
        "initial_delay_ms": agent.retry.initial_delay_ms(),
        "max_delay_ms": agent.retry.max_delay_ms(),
        "backoff_multiplier": agent.retry.multiplier(),
    })
}

fn millis(agent: &Agent) -> u64 {
    u64::try_from(agent.timeout.as_millis()).unwrap_or(u64::MAX)
}
