//! The agent gateway: one pooled client, one deadline per call, one bound on what an answer may take.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    agents::{Agent, Networks},
    payload::Payload,
    ports::{AgentCard, AgentGateway, AgentHealth, Clock},
    runs::{AgentRequest, CallFailure, CallIds, CallOutcome, CallPass, FailureKind},
    trace::TRACEPARENT,
};
use reqwest::{
    Client, ClientBuilder, Method, Request, Response, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    answer::{self, Answer, OpenTask},
    body::{self, Unread},
    failure,
    guard::GuardedResolver,
    open_tasks::OpenTasks,
    request, retry_after,
    target::{Target, Targets},
};

/// The headers that carry a token, and the URL at which it is worth something.
const TOKEN: HeaderName = HeaderName::from_static("x-orrery-token");
const CALLBACK: HeaderName = HeaderName::from_static("x-orrery-callback");

/// How much of the body of an error is read, and quoted.
const MOST_ERROR_BYTES: usize = 4096;
const MOST_ERROR_CHARS: usize = 200;
/// How long the body of an error is waited for: its status is the news.
const ERROR_BODY_PATIENCE: Duration = Duration::from_millis(500);

/// How long after its start a task of an agent's is looked at first, and the longest time between two looks.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LAST_LOOK: Duration = Duration::from_secs(2);
/// How long an agent is waited for that is told of a cancellation.
const CANCEL_PATIENCE: Duration = Duration::from_secs(1);

/// The bounds of a gateway.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The largest answer that is read.
    pub max_response_bytes: usize,
    /// The time for name resolution, TCP and TLS together; an agent's own timeout may be shorter.
    pub connect_timeout: Duration,
    /// How many idle connections are kept per host.
    pub pool_idle_per_host: usize,
    /// How long an idle connection is kept. Shorter than the five seconds after which common servers (uvicorn, node,
    /// actix) hang up, so that no call meets a connection that is just being closed.
    pub pool_idle_timeout: Duration,
    /// The networks whose agents may be called.
    pub networks: Networks,
}

impl Default for GatewayConfig {
    /// 4 MiB, 5 s, 1024 connections, 4 s, public and private networks.
    fn default() -> Self {
        Self {
            max_response_bytes: 4 * 1024 * 1024,
            connect_timeout: Duration::from_secs(5),
            pool_idle_per_host: 1024,
            pool_idle_timeout: Duration::from_secs(4),
            networks: Networks::default(),
        }
    }
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for agents cannot be made")]
pub struct InvalidGateway(#[source] reqwest::Error);

/// Calls agents over HTTP.
pub struct HttpAgentGateway {
    client: Client,
    guard: GuardedResolver,
    targets: Targets,
    open: OpenTasks,
    config: GatewayConfig,
    clock: Arc<dyn Clock>,
}

impl HttpAgentGateway {
    /// A gateway with its own connection pool. The clock serves to read dates in `Retry-After`.
    pub fn new(config: GatewayConfig, clock: Arc<dyn Clock>) -> Result<Self, InvalidGateway> {
        let guard = GuardedResolver::new(config.networks.clone());
        Self::guarded_by(guard, config, clock)
    }

    /// The same with a guard of the caller's, which counts in place of the configured networks.
    pub fn guarded_by(
        guard: GuardedResolver,
        config: GatewayConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidGateway> {
        let client = client(&config, &guard).build().or_else(|e| {
            // A machine or image without CA certificates can still call agents over plain HTTP.
            tracing::warn!(error = ?e, "no TLS trust store: calls to https agents will fail");
            client(&config, &guard).tls_certs_only([]).build()
        });
        Ok(Self {
            client: client.map_err(InvalidGateway)?,
            guard,
            targets: Targets::default(),
            open: OpenTasks::default(),
            config,
            clock,
        })
    }

    async fn exchange(
        &self,
        target: &Target,
        asked: &AgentRequest,
        deadline: Deadline,
    ) -> Result<Payload, CallFailure> {
        let pass = asked.pass.as_ref();
        match self.answer(target, request(target, asked), &asked.ids.task, pass, deadline).await? {
            Answer::Output(output) => Ok(output),
            Answer::Open(task) => self.follow(target, asked, task, deadline).await,
            // What it reports ends the call from outside.
            Answer::Promised => deadline.wait(std::future::pending()).await,
        }
    }

    async fn answer(
        &self,
        target: &Target,
        request: Request,
        id: &str,
        pass: Option<&CallPass>,
        deadline: Deadline,
    ) -> Result<Answer, CallFailure> {
        let response = deadline.wait(self.client.execute(request)).await?;
        let response = response.map_err(|e| failure::transport(&e, target, self.config.connect_timeout))?;
        if !response.status().is_success() {
            return Err(self.refusal(response, target, pass, deadline).await);
        }
        let accepted = pass.is_some() && response.status() == StatusCode::ACCEPTED;
        let limit = self.config.max_response_bytes;
        let bytes = deadline.wait(body::read(response, limit)).await?.map_err(|unread| match unread {
            Unread::TooLarge => failure::too_large(limit),
            Unread::Transport(e) => failure::transport(&e, target, self.config.connect_timeout),
        })?;
        let read = answer::read(&bytes, id, target);
        match pass {
            _ if accepted => answer::promise(read),
            // A failure is told in the agent's words, and some agents echo the headers they got.
            Some(pass) if read.is_err() => answer::read(without(pass, &bytes).as_bytes(), id, target),
            _ => read,
        }
    }

    /// Asks after a task that the agent has taken on until it is over, or the call's time is. An agent that has no
    /// `tasks/get` has said all that it says, unless it will report.
    async fn follow(
        &self,
        target: &Target,
        asked: &AgentRequest,
        mut task: OpenTask,
        deadline: Deadline,
    ) -> Result<Payload, CallFailure> {
        let _open = self.open.enter(&asked.ids.message, &task.id);
        let mut pause = FIRST_LOOK;
        loop {
            if deadline.wait(tokio::time::sleep(pause)).await.is_err() {
                return Err(task.unfinished());
            }
            pause = (pause * 2).min(LAST_LOOK);
            let question = task_request(target, &asked.ids.correlation, "tasks/get", &task.id);
            match self.answer(target, question, &task.id, None, deadline).await {
                Ok(Answer::Output(output)) => return Ok(output),
                Ok(Answer::Open(still)) => task = OpenTask { promised: task.promised, ..still },
                Ok(Answer::Promised) => {}
                Err(CallFailure { kind: FailureKind::Rpc, .. }) if task.promised => pause = deadline.allowed,
                Err(CallFailure { kind: FailureKind::Rpc, .. }) => return Err(task.unfinished()),
                // A look that fails says nothing about the task.
                Err(failure) if failure.passing => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn refusal(
        &self,
        response: Response,
        target: &Target,
        pass: Option<&CallPass>,
        deadline: Deadline,
    ) -> CallFailure {
        let status = response.status();
        let asks_to_wait = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let header = response.headers().get(RETRY_AFTER).filter(|_| asks_to_wait).and_then(|v| v.to_str().ok());
        let wait = header.and_then(|header| retry_after::parse(header, self.clock.now()));
        let mut start = Vec::new();
        let patience = deadline.at.min(Instant::now() + ERROR_BODY_PATIENCE);
        // What has come when patience ends is enough.
        let _ = timeout_at(patience, body::read_start(response, MOST_ERROR_BYTES, &mut start)).await;
        let said = pass.map_or_else(|| String::from_utf8_lossy(&start).into_owned(), |pass| without(pass, &start));
        failure::status(status, &target.quote(&said, MOST_ERROR_CHARS), wait)
    }

    async fn card(&self, target: &Target) -> Result<Value, String> {
        let mut request = Request::new(Method::GET, target.card.clone());
        request.headers_mut().clone_from(&target.headers);
        let response = self.client.execute(request).await.map_err(|e| {
            let reason = failure::transport(&e, target, self.config.connect_timeout).message;
            format!("Failed to connect to agent: {reason}")
        })?;
        if !response.status().is_success() {
            return Err(format!("Agent returned status {}", response.status().as_u16()));
        }
        let invalid = |reason: String| format!("Invalid agent card response: {reason}");
        let limit = self.config.max_response_bytes;
        let bytes = body::read(response, limit).await.map_err(|unread| {
            invalid(match unread {
                Unread::TooLarge => failure::too_large(limit).message,
                Unread::Transport(e) => failure::transport(&e, target, self.config.connect_timeout).message,
            })
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(card @ Value::Object(_)) => Ok(card),
            Ok(_) => Err(invalid("not a JSON object".to_owned())),
            Err(e) => Err(invalid(e.to_string())),
        }
    }
}

#[async_trait]
impl AgentGateway for HttpAgentGateway {
    async fn call(&self, agent: &Agent, request: &AgentRequest) -> CallOutcome {
        let deadline = Deadline::after(agent.timeout);
        let outcome = match self.targets.of(agent, &self.guard) {
            Ok(target) => self.exchange(&target, request, deadline).await,
            Err(reason) => Err(failure::uncallable(&reason)),
        };
        outcome.map_or_else(CallOutcome::Failed, CallOutcome::Completed)
    }

    async fn cancel(&self, agent: &Agent, ids: &CallIds) {
        let (Some(task), Ok(target)) = (self.open.of(&ids.message), self.targets.of(agent, &self.guard)) else {
            return;
        };
        let request = task_request(&target, &ids.correlation, "tasks/cancel", &task);
        if timeout_at(Instant::now() + CANCEL_PATIENCE, self.client.execute(request)).await.is_err() {
            tracing::debug!(agent.name = %agent.name, task, "the agent did not answer to a cancellation");
        }
    }

    async fn health(&self, agent: &Agent) -> AgentHealth {
        let deadline = Deadline::after(agent.timeout);
        let started = Instant::now();
        let card = match self.targets.of(agent, &self.guard) {
            Ok(target) => timeout_at(deadline.at, self.card(&target))
                .await
                .unwrap_or_else(|_| Err(format!("Request timeout after {}ms", agent.timeout.as_millis()))),
            Err(reason) => Err(format!("Failed to connect to agent: {reason}")),
        };
        match card {
            Ok(card) => {
                let says = ["description", "name"].iter().filter_map(|member| card.get(member)?.as_str());
                let message = says.map(str::to_owned).find(|text| !text.is_empty());
                AgentHealth {
                    message: message.unwrap_or_else(|| "Agent is healthy".to_owned()),
                    card: Some(AgentCard(card)),
                    response_time: Some(started.elapsed()),
                }
            }
            Err(message) => AgentHealth { card: None, message, response_time: None },
        }
    }
}

fn request(target: &Target, asked: &AgentRequest) -> Request {
    let ids = &asked.ids;
    let mut request = Request::new(Method::POST, target.url.clone());
    let headers = request.headers_mut();
    headers.clone_from(&target.headers);
    // Ids may hold any text but control characters, so this cannot fail; and no call should fail for a log field.
    if let Ok(correlation) = HeaderValue::from_bytes(ids.correlation.as_bytes()) {
        headers.insert(HeaderName::from_static("x-correlation-id"), correlation);
    }
    if let Some(Ok(place)) = asked.trace.map(|place| HeaderValue::try_from(place.to_string())) {
        headers.insert(HeaderName::from_static(TRACEPARENT), place);
    }
    if let Some(pass) = &asked.pass {
        carry(pass, headers);
    }
    *request.body_mut() = Some(request::body(&asked.input, ids).into());
    request
}

/// Beside the body, which is the same for the same call; and not in `Authorization`, where the agent's own credential is.
fn carry(pass: &CallPass, headers: &mut HeaderMap) {
    // A token is base64, and a URL was checked at the start.
    if let Ok(mut token) = HeaderValue::from_str(pass.token.reveal()) {
        token.set_sensitive(true);
        headers.insert(TOKEN, token);
    }
    if let Some(Ok(callback)) = pass.callback.as_deref().map(HeaderValue::from_str) {
        headers.insert(CALLBACK, callback);
    }
}

/// What an agent wrote, without the token that it was sent.
fn without(pass: &CallPass, written: &[u8]) -> String {
    String::from_utf8_lossy(written).replace(pass.token.reveal(), "***")
}

/// A question about a task, or a word on it.
fn task_request(target: &Target, correlation: &str, method: &'static str, task: &str) -> Request {
    let mut request = Request::new(Method::POST, target.url.clone());
    let headers = request.headers_mut();
    headers.clone_from(&target.headers);
    if let Ok(correlation) = HeaderValue::from_bytes(correlation.as_bytes()) {
        headers.insert(HeaderName::from_static("x-correlation-id"), correlation);
    }
    *request.body_mut() = Some(request::about_task(method, task).into());
    request
}

fn client(config: &GatewayConfig, guard: &GuardedResolver) -> ClientBuilder {
    guard
        .guard(Client::builder())
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .connect_timeout(config.connect_timeout)
        .pool_max_idle_per_host(config.pool_idle_per_host)
        .pool_idle_timeout(config.pool_idle_timeout)
}

/// The end of a call, fixed when it begins.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    allowed: Duration,
}

impl Deadline {
    fn after(allowed: Duration) -> Self {
        Self { at: Instant::now() + allowed, allowed }
    }

    async fn wait<T>(self, work: impl Future<Output = T>) -> Result<T, CallFailure> {
        timeout_at(self.at, work).await.map_err(|_| failure::timeout(self.allowed))
    }
}
