//! The agent that accepts work, says how it is getting on, and reports later, with the token that came with the call.
//!
//! What it knows of the server that called it stands in two headers and in the guide to agents; it begins the work of a message
//! once, however often it is called for it.

use std::time::Duration;

use actix_web::{HttpRequest, http::header};
use reqwest::Client;
use serde_json::{Value, json};

/// Whom to report to.
pub(crate) struct Desk {
    url: String,
    token: String,
}

impl Desk {
    /// What a call says about it; none where it carries no token, or does not say where that is worth something.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
        let (callback, token) = (header("x-orrery-callback")?, header("x-orrery-token")?);
        Some(Self { url: format!("{callback}/api/v1/tasks/self"), token })
    }

    /// Works for so long on what it fetches, and reports. An error means that nobody wants to know any more.
    pub(crate) async fn work(self, time: Duration) -> reqwest::Result<()> {
        let client = Client::builder().no_proxy().build()?;
        self.report(&client, &json!({"status": "working", "message": "thinking"})).await?;
        tokio::time::sleep(time).await;
        let input = self.input(&client).await?;
        self.report(&client, &json!({"status": "completed", "output": {"returned": input}})).await
    }

    async fn input(&self, client: &Client) -> reqwest::Result<Value> {
        let answer = client.get(format!("{}/input", self.url)).bearer_auth(&self.token).send().await?;
        let bytes = answer.error_for_status()?.bytes().await?;
        Ok(serde_json::from_slice::<Value>(&bytes).map(|mut answer| answer["input"].take()).unwrap_or_default())
    }

    async fn report(&self, client: &Client, said: &Value) -> reqwest::Result<()> {
        let request = client.post(format!("{}/report", self.url)).bearer_auth(&self.token);
        let request = request.header(header::CONTENT_TYPE.as_str(), "application/json").body(said.to_string());
        request.send().await?.error_for_status().map(drop)
    }
}
