//! Messages to webhooks, on the wire as the Standard Webhooks specification has them.
//!
//! Whoever registers a webhook chooses whom this server calls: every address is checked, redirects are not followed, and of an
//! answer no more is read than people look at.

use std::{io::ErrorKind, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    agents::Networks,
    ports::{Clock, SignedMessage, WebhookSender},
    webhooks::{Answer, NotSent, WebhookUrl},
};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use tokio::time::{Instant, timeout_at};

use crate::{body, failure, guard::GuardedResolver, retry_after};

/// How much of an answer is read, and quoted.
const MOST_BYTES: usize = 4096;
const MOST_CHARS: usize = 200;

/// How long the body of an answer is waited for: its status is the news.
const BODY_PATIENCE: Duration = Duration::from_millis(500);

/// What receivers see calling.
const NAME: &str = concat!("Orrery-Webhooks/", env!("CARGO_PKG_VERSION"));

/// The bounds of a sender.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// How long a receiver may take in all.
    pub timeout: Duration,
    /// The networks whose receivers may be called.
    pub networks: Networks,
}

impl Default for SenderConfig {
    /// 15 s, public and private networks.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(15), networks: Networks::default() }
    }
}

/// Why there is no sender.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for webhooks cannot be made")]
pub struct InvalidSender(#[source] reqwest::Error);

/// Sends messages over HTTP.
pub struct HttpWebhookSender {
    client: Client,
    guard: GuardedResolver,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl HttpWebhookSender {
    /// A sender with its own connections. The clock serves to read dates in `Retry-After`.
    pub fn new(config: &SenderConfig, clock: Arc<dyn Clock>) -> Result<Self, InvalidSender> {
        let guard = GuardedResolver::new(config.networks.clone());
        Self::guarded_by(guard, config, clock)
    }

    /// The same with a guard of the caller's, which counts in place of the configured networks.
    pub fn guarded_by(
        guard: GuardedResolver,
        config: &SenderConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidSender> {
        let builder = || {
            guard
                .guard(Client::builder())
                .retry(reqwest::retry::never())
                .connect_timeout(config.timeout)
                .pool_max_idle_per_host(4)
                .pool_idle_timeout(Duration::from_secs(4))
        };
        let client = builder().build().or_else(|error| {
            // A machine or image without CA certificates can still call receivers over plain HTTP.
            tracing::warn!(?error, "no TLS trust store: messages to https webhooks will fail");
            builder().tls_certs_only([]).build()
        });
        Ok(Self { client: client.map_err(InvalidSender)?, guard, timeout: config.timeout, clock })
    }

    async fn exchange(&self, to: &WebhookUrl, message: &SignedMessage) -> Result<Answer, NotSent> {
        let url = Url::parse(to.as_str()).map_err(|_| NotSent("the URL cannot be called".to_owned()))?;
        self.guard.check(&url).map_err(|refused| NotSent(refused.to_string()))?;
        let until = Instant::now() + self.timeout;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, NAME)
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", message.sent_at.timestamp())
            .header("webhook-signature", &message.signatures)
            .body(message.body.clone());
        let response = timeout_at(until, request.send()).await.map_err(|_| self.too_slow())?;
        let response = response.map_err(|error| self.not_sent(&error))?;
        Ok(self.answer(response, until).await)
    }

    async fn answer(&self, response: Response, until: Instant) -> Answer {
        let status = response.status();
        let asks_to_wait = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let header = response.headers().get(RETRY_AFTER).filter(|_| asks_to_wait).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|header| retry_after::parse(header, self.clock.now()));
        let mut start = Vec::new();
        let patience = until.min(Instant::now() + BODY_PATIENCE);
        // What has come by then is kept.
        let _ = timeout_at(patience, body::read_start(response, MOST_BYTES, &mut start)).await;
        let body = body::excerpt(&String::from_utf8_lossy(&start), MOST_CHARS);
        Answer::Status { status: status.as_u16(), retry_after, body }
    }

    fn too_slow(&self) -> NotSent {
        NotSent(format!("no answer within {} ms", self.timeout.as_millis()))
    }

    /// Without the URL, whose query may hold secrets.
    fn not_sent(&self, error: &reqwest::Error) -> NotSent {
        if let Some(refused) = failure::refused(error) {
            return NotSent(refused.to_string());
        }
        if error.is_timeout() {
            return self.too_slow();
        }
        if failure::chain(error).any(|cause| cause.to_string().starts_with("dns error")) {
            return NotSent("the host name cannot be resolved".to_owned());
        }
        match failure::io_error(error) {
            Some(ErrorKind::ConnectionRefused) => NotSent("connection refused".to_owned()),
            Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
                NotSent("the connection was reset".to_owned())
            }
            _ if error.is_connect() => NotSent(format!("no connection: {}", failure::innermost(error))),
            _ => NotSent(format!("no answer: {}", failure::innermost(error))),
        }
    }
}

#[async_trait]
impl WebhookSender for HttpWebhookSender {
    async fn send(&self, to: &WebhookUrl, message: &SignedMessage) -> Answer {
        self.exchange(to, message).await.unwrap_or_else(Answer::Nothing)
    }
}
