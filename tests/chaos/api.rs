//! A client of a REST API that may be gone, frozen or unable to answer at any moment.

use std::time::Duration;

use e2e_tests::as_admin;
use reqwest::Method;
use serde_json::Value;

/// How long people wait: a frozen server is not worth more.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// The whole answer arrived.
    Status(u16, Value),
    /// Nobody knows what became of it.
    None,
}

impl Api {
    /// The one at this address.
    pub(crate) fn at(base: &str) -> anyhow::Result<Self> {
        let http = as_admin().timeout(PATIENCE).build()?;
        Ok(Self { http, base: base.to_owned() })
    }

    /// Whether it says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/health/ready", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Reads something below `/api/v1`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    /// Posts something below `/api/v1`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.base));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let Ok(response) = request.send().await else { return Answer::None };
        let status = response.status().as_u16();
        let Ok(bytes) = response.bytes().await else { return Answer::None };
        Answer::Status(status, serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

impl Answer {
    /// The body of an answer that must have this status.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Value> {
        match self {
            Self::Status(found, body) if found == status => Ok(body),
            other => anyhow::bail!("expected {status}, and got {other:?}"),
        }
    }
}
