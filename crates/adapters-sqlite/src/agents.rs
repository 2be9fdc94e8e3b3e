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
use rusqlite::{Connection, Row, named_params, params_from_iter};
use serde_json::Value;

use crate::{
    SqliteStore,
    codec::{all, count, first, micros, parsed, signed, small, sound, text, time, uuid},
    failure::{Failure, Outcome},
    lists::{Conditions, Id, direction},
    secrets,
};

const AGENT: &str = "id, name, url, description, auth_kind, auth_header, auth_secret, timeout_us, max_retries,
    initial_delay_ms, max_delay_ms, backoff_multiplier, breaker_enabled, breaker_failures, breaker_failure_rate,
    breaker_timeout_s, breaker_half_open_calls, breaker_window_s, status, revision, created_at, updated_at, updated_by,
    input_schema, output_schema, max_concurrent_calls, breaker_on_open, retry_strategy, created_by";

const VALUES: &str =
    ":id, :name, :url, :description, :auth_kind, :auth_header, :auth_secret, :timeout_us, :max_retries,
    :initial_delay_ms, :max_delay_ms, :backoff_multiplier, :breaker_enabled, :breaker_failures, :breaker_failure_rate,
    :breaker_timeout_s, :breaker_half_open_calls, :breaker_window_s, :status, :revision, :created_at, :updated_at,
    :updated_by, :input_schema, :output_schema, :max_concurrent_calls, :breaker_on_open, :retry_strategy, :created_by";

#[async_trait]
impl Agents for SqliteStore {
    async fn get(&self, id: AgentId) -> Result<Option<Agent>, StoreError> {
        let vault = self.vault().clone();
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {AGENT} FROM agents WHERE id = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], |row| agent(row, &*vault))
        };
        self.readers().read(read).await
    }

    async fn by_names(&self, names: &[AgentName]) -> Result<Vec<Agent>, StoreError> {
        let names = names.to_vec();
        let vault = self.vault().clone();
        let read = move |connection: &Connection| {
            // One parameter for all of them, so that their number does not matter to the statement.
            let names = serde_json::to_string(&names).map_err(|error| Failure::Unstorable(error.to_string()))?;
            let sql =
                format!("SELECT {AGENT} FROM agents WHERE name IN (SELECT value FROM json_each(?1)) ORDER BY name");
            all(&mut *connection.prepare_cached(&sql)?, [names], |row| agent(row, &*vault))
        };
        self.readers().read(read).await
    }

    async fn list(
        &self,
        filter: &AgentFilter,
        sort: AgentSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Agent>, StoreError> {
        let conditions = conditions(filter);
        let vault = self.vault().clone();
        let read = move |connection: &Connection| {
            let (by, direction) = (column(sort), direction(order));
            let following = conditions.after(&page, [by, "id"], order, Id::Uuid)?;
            let sql = format!(
                "SELECT {AGENT} FROM agents{} ORDER BY {by} {direction}, id {direction} LIMIT ? OFFSET ?",
                following.sql()
            );
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, |row| agent(row, &*vault))?;
            let total = conditions.total(connection, &page, "agents", "rowid")?;
            Ok(Page::of(found, &page, total, |agent| agent.cursor(sort)))
        };
        self.readers().read(read).await
    }
}

fn column(sort: AgentSort) -> &'static str {
    match sort {
        AgentSort::Name => "name",
        AgentSort::CreatedAt => "created_at",
        AgentSort::UpdatedAt => "updated_at",
    }
}

/// The translation of [`AgentFilter::matches`].
fn conditions(filter: &AgentFilter) -> Conditions {
    let mut conditions = Conditions::default();
    if let Some(name) = &filter.name {
        conditions.add("name = ?", name.clone());
    }
    if let Some(part) = &filter.name_contains {
        conditions.add_part("name", part);
    }
    match filter.status {
        Some(status) => conditions.add("status = ?", status.as_str().to_owned()),
        None if filter.name.is_none() => conditions.add_bare("status <> 'deleted'"),
        None => {}
    }
    conditions
}

/// Adds a row; a taken id or name violates a constraint.
pub(crate) fn insert(connection: &Connection, agent: &Agent, vault: &dyn Vault) -> Outcome<usize> {
    write(connection, &format!("INSERT INTO agents ({AGENT}) VALUES ({VALUES})"), agent, vault)
}

/// Replaces the row of the revision before, if it is there.
pub(crate) fn update(connection: &Connection, agent: &Agent, vault: &dyn Vault) -> Outcome<usize> {
    let sql = format!("UPDATE agents SET ({AGENT}) = ({VALUES}) WHERE id = :id AND revision = :revision - 1");
    write(connection, &sql, agent, vault)
}

fn write(connection: &Connection, sql: &str, agent: &Agent, vault: &dyn Vault) -> Outcome<usize> {
    let sealed = |secret: &Secret| vault.seal(&AgentAuth::context(agent.id), secret);
    let (header, secret) = match &agent.auth {
        AgentAuth::None | AgentAuth::Bearer(None) | AgentAuth::ApiKey(None) => (None, None),
        AgentAuth::Bearer(Some(token)) => (None, Some(sealed(token))),
        AgentAuth::ApiKey(Some(key)) => (Some(key.header.as_str()), Some(sealed(&key.key))),
    };
    let timeout = u64::try_from(agent.timeout.as_micros()).unwrap_or(u64::MAX);
    let breaker = agent.circuit_breaker.as_ref();
    let values = named_params! {
        ":id": agent.id.uuid().into_bytes(),
        ":name": agent.name.as_str(),
        ":url": agent.url.as_str(),
        ":description": agent.description,
        ":auth_kind": agent.auth.kind(),
        ":auth_header": header,
        ":auth_secret": secret,
        ":timeout_us": signed(timeout)?,
        ":max_retries": agent.retry.max_retries(),
        ":initial_delay_ms": signed(agent.retry.initial_delay_ms())?,
        ":max_delay_ms": signed(agent.retry.max_delay_ms())?,
        ":backoff_multiplier": agent.retry.multiplier(),
        ":breaker_enabled": breaker.map(|breaker| breaker.enabled),
        ":breaker_failures": breaker.map(|breaker| breaker.failure_threshold),
        ":breaker_failure_rate": breaker.map(|breaker| breaker.failure_rate_threshold),
        ":breaker_timeout_s": breaker.map(|breaker| breaker.timeout_seconds),
        ":breaker_half_open_calls": breaker.map(|breaker| breaker.half_open_max_calls),
        ":breaker_window_s": breaker.map(|breaker| breaker.window_size_seconds),
        ":status": agent.status.as_str(),
        ":revision": signed(agent.revision)?,
        ":created_at": micros(agent.created_at),
        ":updated_at": micros(agent.updated_at),
        ":created_by": agent.created_by,
        ":updated_by": agent.updated_by,
        ":input_schema": agent.schemas.input.as_ref().map(Value::to_string),
        ":output_schema": agent.schemas.output.as_ref().map(Value::to_string),
        ":max_concurrent_calls": agent.max_concurrent_calls.map(CallLimit::get),
        ":breaker_on_open": breaker.map(|breaker| breaker.on_open.as_str()),
        ":retry_strategy": agent.retry_strategy.as_ref().map(|policy| policy.strategy().to_string()),
    };
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

fn agent(row: &Row<'_>, vault: &dyn Vault) -> Outcome<Agent> {
    let id = AgentId::new(uuid(row, 0)?);
    Ok(Agent {
        id,
        name: parsed("agent's name", AgentName::parse(text(row, 1)?))?,
        url: parsed("agent's URL", AgentUrl::parse(text(row, 2)?))?,
        description: row.get(3)?,
        auth: auth(row, id, vault)?,
        timeout: Duration::from_micros(count(row, 7)?),
        retry: parsed("retry policy", RetryPolicy::new(small(row, 8)?, count(row, 9)?, count(row, 10)?, row.get(11)?))?,
        retry_strategy: strategy(row)?,
        circuit_breaker: breaker(row)?,
        max_concurrent_calls: limit(row)?,
        status: sound("status", AgentStatus::parse(text(row, 18)?))?,
        revision: count(row, 19)?,
        created_at: time(row, 20)?,
        updated_at: time(row, 21)?,
        created_by: row.get(28)?,
        updated_by: row.get(22)?,
        schemas: AgentSchemas { input: json(row, 23)?, output: json(row, 24)? },
    })
}

fn strategy(row: &Row<'_>) -> Outcome<Option<RetryPolicy>> {
    let Some(stored) = json(row, 27)? else { return Ok(None) };
    sound("retry strategy", RetryPolicy::parse_strategy(&stored).ok()).map(Some)
}

fn json(row: &Row<'_>, column: usize) -> Outcome<Option<Value>> {
    let stored: Option<String> = row.get(column)?;
    stored.map(|text| parsed("JSON text", serde_json::from_str(&text))).transpose()
}

fn auth(row: &Row<'_>, id: AgentId, vault: &dyn Vault) -> Outcome<AgentAuth> {
    let header: Option<String> = row.get(5)?;
    let stored: Option<String> = row.get(6)?;
    let opened = stored.map(|stored| vault.read(&AgentAuth::context(id), &stored)).transpose();
    let secret: Option<Secret> = opened.map_err(|broken| secrets::broken(text(row, 1).unwrap_or_default(), &broken))?;
    match text(row, 4)? {
        "none" => Ok(AgentAuth::None),
        "bearer" => Ok(AgentAuth::Bearer(secret)),
        "apikey" => Ok(AgentAuth::ApiKey(header.zip(secret).map(|(header, key)| ApiKey { header, key }))),
        other => Err(Failure::Corrupt(format!("a stored kind of authentication is not known: {other}"))),
    }
}

fn limit(row: &Row<'_>) -> Outcome<Option<CallLimit>> {
    let stored: Option<u32> = row.get(25)?;
    stored.map(|calls| parsed("limit of calls", CallLimit::parse(calls))).transpose()
}

fn breaker(row: &Row<'_>) -> Outcome<Option<CircuitBreakerConfig>> {
    let Some(enabled) = row.get(12)? else { return Ok(None) };
    Ok(Some(CircuitBreakerConfig {
        enabled,
        failure_threshold: small(row, 13)?,
        failure_rate_threshold: row.get(14)?,
        timeout_seconds: small(row, 15)?,
        half_open_max_calls: small(row, 16)?,
        window_size_seconds: small(row, 17)?,
        on_open: match row.get::<_, Option<String>>(26)? {
            None => OnOpen::default(),
            Some(stored) => sound("circuit breaker", OnOpen::parse(&stored))?,
        },
    }))
}
