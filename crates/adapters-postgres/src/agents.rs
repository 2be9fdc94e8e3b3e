//! Agents: their rows and reading them.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    agents::{
        Agent, AgentAuth, AgentFilter, AgentName, AgentSchemas, AgentSort, AgentStatus, AgentUrl, ApiKey, CallLimit,
        CircuitBreakerConfig, OnOpen, RetryPolicy, Secret,
    },
    ids::AgentId,
    page::{Page, PageRequest, SortOrder},
    ports::{Agents, StoreError, Vault},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};
use serde_json::{Value, json};

use crate::{
    PgStore,
    codec::{count, parsed, signed, signed_small, small, sound},
    entities::agent,
    failure::{Failure, Outcome},
    lists::{self, Ids, Sorting, Times},
    secrets,
};

#[async_trait]
impl Agents for PgStore {
    async fn get(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        let found = agent::Entity::find_by_id(id.uuid()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(|row| decode(row, &**self.vault())).transpose()?)
    }

    async fn by_names(&self, names: &[AgentName]) -> Result<Vec<Agent>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = agent::Entity::find().filter(agent::Column::Name.is_in(names.iter().map(AgentName::as_str)));
        let found = wanted.all(self.management()).await.map_err(Failure::from)?;
        Ok(found.into_iter().map(|row| decode(row, &**self.vault())).collect::<Outcome<_>>()?)
    }

    async fn list(
        &self,
        filter: &AgentFilter,
        sort: AgentSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError> {
        let wanted = wanted(filter);
        let value = match sort {
            AgentSort::Name => lists::NAME,
            AgentSort::CreatedAt => "created_at",
            AgentSort::UpdatedAt => "updated_at",
        };
        let sorting = Sorting { value, id: "id", times: Times::Naive, ids: Ids::Uuid, order };
        let rows = sorting.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(|row| decode(row, &**self.vault())).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, &page).await?;
        Ok(Page::of(found, &page, total, |agent| agent.cursor(sort)))
    }
}

/// The translation of [`AgentFilter::matches`].
fn wanted(filter: &AgentFilter) -> Select<agent::Entity> {
    let mut wanted = agent::Entity::find();
    if let Some(name) = &filter.name {
        wanted = wanted.filter(agent::Column::Name.eq(name.as_str()));
    }
    if let Some(part) = &filter.name_contains {
        wanted = wanted.filter(lists::has_part("name", part));
    }
    match filter.status {
        Some(status) => wanted.filter(agent::Column::Status.eq(status.as_str())),
        None if filter.name.is_none() => wanted.filter(lists::not_deleted()),
        None => wanted,
    }
}

/// The row of an agent.
pub(crate) fn encode(agent: &Agent, vault: &dyn Vault) -> Outcome<agent::ActiveModel> {
    let timeout = parsed("timeout", i32::try_from(agent.timeout.as_millis()))
        .map_err(|_| Failure::Unstorable("the timeout is too long".to_owned()))?;
    let retry = json!({
        "max_retries": agent.retry.max_retries(),
        "initial_delay_ms": agent.retry.initial_delay_ms(),
        "max_delay_ms": agent.retry.max_delay_ms(),
        "backoff_multiplier": agent.retry.multiplier(),
    });
    let breaker = agent.circuit_breaker.as_ref().map(|breaker| {
        json!({
            "enabled": breaker.enabled,
            "failure_threshold": breaker.failure_threshold,
            "failure_rate_threshold": breaker.failure_rate_threshold,
            "timeout_seconds": breaker.timeout_seconds,
            "half_open_max_calls": breaker.half_open_max_calls,
            "window_size_seconds": breaker.window_size_seconds,
            "on_open": breaker.on_open.as_str(),
        })
    });
    Ok(agent::ActiveModel {
        id: Set(agent.id.uuid()),
        name: Set(agent.name.as_str().to_owned()),
        url: Set(agent.url.as_str().to_owned()),
        description: Set(agent.description.clone()),
        auth_type: Set(Some(agent.auth.kind().to_owned())),
        auth_config: Set(credentials(agent, vault)),
        timeout_ms: Set(timeout),
        retry_config: Set(Some(retry)),
        retry_strategy: Set(agent.retry_strategy.as_ref().map(RetryPolicy::strategy)),
        circuit_breaker_config: Set(breaker),
        max_concurrent_calls: Set(agent.max_concurrent_calls.map(|limit| signed_small(limit.get())).transpose()?),
        // `jsonb` may spell a number differently; a schema means the same with it.
        input_schema: Set(agent.schemas.input.clone()),
        output_schema: Set(agent.schemas.output.clone()),
        status: Set(agent.status.as_str().to_owned()),
        revision: Set(signed(agent.revision)?),
        created_by: Set(agent.created_by.clone()),
        updated_by: Set(agent.updated_by.clone()),
        created_at: Set(agent.created_at.naive_utc()),
        updated_at: Set(agent.updated_at.naive_utc()),
    })
}

/// With the members of the old API and those that the old bridge looks for (contract 7.2).
fn credentials(agent: &Agent, vault: &dyn Vault) -> Option<Value> {
    let sealed = |secret: &Secret| vault.seal(&AgentAuth::context(agent.id), secret);
    match &agent.auth {
        AgentAuth::None | AgentAuth::Bearer(None) | AgentAuth::ApiKey(None) => None,
        AgentAuth::Bearer(Some(token)) => Some(json!({"type": "bearer", "token": sealed(token)})),
        AgentAuth::ApiKey(Some(key)) => Some(json!({
            "type": "apikey", "key": sealed(&key.key), "header_name": key.header, "header": key.header,
        })),
    }
}

fn decode(row: agent::Model, vault: &dyn Vault) -> Outcome<Agent> {
    let auth = auth(&row, vault)?;
    Ok(Agent {
        id: AgentId::new(row.id),
        name: parsed("agent's name", AgentName::parse(&row.name))?,
        url: parsed("agent's URL", AgentUrl::parse(&row.url))?,
        description: row.description,
        auth,
        timeout: Duration::from_millis(count(i64::from(row.timeout_ms))?),
        retry: retry(row.retry_config.as_ref())?,
        retry_strategy: row.retry_strategy.as_ref().map(strategy).transpose()?,
        circuit_breaker: row
            .circuit_breaker_config
            .as_ref()
            .filter(|config| !config.is_null())
            .map(breaker)
            .transpose()?,
        max_concurrent_calls: row.max_concurrent_calls.map(limit).transpose()?,
        schemas: AgentSchemas { input: row.input_schema, output: row.output_schema },
        status: sound("status", AgentStatus::parse(&row.status))?,
        revision: count(row.revision)?,
        created_at: row.created_at.and_utc(),
        updated_at: row.updated_at.and_utc(),
        created_by: row.created_by,
        updated_by: row.updated_by,
    })
}

fn auth(row: &agent::Model, vault: &dyn Vault) -> Outcome<AgentAuth> {
    let member = |name: &str| row.auth_config.as_ref()?.get(name)?.as_str();
    let secret = |name: &str| {
        let opened =
            member(name).map(|stored| vault.read(&AgentAuth::context(AgentId::new(row.id)), stored)).transpose();
        opened.map_err(|broken| secrets::broken(&row.name, &broken))
    };
    match row.auth_type.as_deref() {
        None | Some("none") => Ok(AgentAuth::None),
        Some("bearer") => Ok(AgentAuth::Bearer(secret("token")?)),
        Some("apikey") => {
            let header = member("header_name").or_else(|| member("header"));
            let key = header.zip(secret("key")?);
            Ok(AgentAuth::ApiKey(key.map(|(header, key)| ApiKey { header: header.to_owned(), key })))
        }
        Some(other) => Err(Failure::Corrupt(format!("a stored kind of authentication is not known: {other}"))),
    }
}

/// Members that the old system left out have the defaults of contract 1.6.
fn retry(config: Option<&Value>) -> Outcome<RetryPolicy> {
    let default = RetryPolicy::default();
    let member = |name: &str| config.and_then(|config| config.get(name));
    let number = |name: &str, default: u64| member(name).map_or(Some(default), Value::as_u64);
    let whole = |name: &str, default: u64| sound("retry policy", number(name, default));
    let multiplier = member("backoff_multiplier").map_or(Some(default.multiplier()), Value::as_f64);
    let max_retries = whole("max_retries", u64::from(default.max_retries()))?;
    let policy = RetryPolicy::new(
        parsed("retry policy", u32::try_from(max_retries))?,
        whole("initial_delay_ms", default.initial_delay_ms())?,
        whole("max_delay_ms", default.max_delay_ms())?,
        sound("retry policy", multiplier)?,
    );
    parsed("retry policy", policy)
}

fn strategy(stored: &Value) -> Outcome<RetryPolicy> {
    sound("retry strategy", RetryPolicy::parse_strategy(stored).ok())
}

fn limit(stored: i32) -> Outcome<CallLimit> {
    parsed("limit of calls", CallLimit::parse(small(stored)?))
}

fn breaker(config: &Value) -> Outcome<CircuitBreakerConfig> {
    let member = |name: &str| sound("circuit breaker", config.get(name));
    let whole = |name: &str| {
        let number = member(name)?.as_u64().and_then(|number| u32::try_from(number).ok());
        sound("circuit breaker", number)
    };
    Ok(CircuitBreakerConfig {
        enabled: sound("circuit breaker", member("enabled")?.as_bool())?,
        failure_threshold: whole("failure_threshold")?,
        failure_rate_threshold: sound("circuit breaker", member("failure_rate_threshold")?.as_f64())?,
        timeout_seconds: whole("timeout_seconds")?,
        half_open_max_calls: whole("half_open_max_calls")?,
        window_size_seconds: whole("window_size_seconds")?,
        // Programs that know nothing of it leave it out.
        on_open: match config.get("on_open") {
            None => OnOpen::default(),
            Some(stored) => sound("circuit breaker", stored.as_str().and_then(OnOpen::parse))?,
        },
    })
}
