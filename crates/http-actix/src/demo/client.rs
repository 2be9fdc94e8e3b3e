//! A client of the REST API, as small as the demo needs.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use serde_json::Value;

pub(super) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub(super) fn new(server: SocketAddr) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build().context("cannot make an HTTP client")?;
        Ok(Self { http, base: format!("http://{server}/api/v1") })
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.base));
        self.send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.put(format!("{}{path}", self.base));
        self.send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await.context("the server does not answer")?;
        let status = answer.status();
        let body = answer.bytes().await.context("the server's answer broke off")?;
        let body: Value = serde_json::from_slice(&body).context("the server's answer is not JSON")?;
        if !status.is_success() {
            bail!("the server answered {status}: {}", body["detail"].as_str().unwrap_or_default());
        }
        Ok(body)
    }
}
