//! The registry client of contract 7.2: form 1 (the API's list), then form 2 (the registry's own), kept for 300 s on success.
//! Used by the stand-ins of the executor and of the bridge.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

/// What the old programs take of an agent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OldAgent {
    pub(crate) url: String,
    /// Texts only: another value is a type error, and the answer counts for nothing.
    pub(crate) auth: HashMap<String, String>,
    pub(crate) timeout: Duration,
    /// The number of attempts.
    pub(crate) max_retries: u32,
    initial_delay_ms: u64,
    max_delay_ms: u64,
    multiplier: f64,
}

impl OldAgent {
    /// The wait before attempt `k + 2` (contract 6, 7.5).
    pub(crate) fn delay(&self, k: u32) -> Duration {
        let mut delay = self.initial_delay_ms;
        for _ in 0..k {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "milliseconds of a test"
            )]
            let longer = (delay as f64 * self.multiplier) as u64;
            delay = longer.min(self.max_delay_ms);
        }
        Duration::from_millis(delay.min(self.max_delay_ms))
    }
}

/// Why there is no agent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoAgent(pub(crate) String);

/// Looks agents up by name.
pub(crate) struct RegistryClient {
    http: reqwest::Client,
    base: String,
    known: Mutex<HashMap<String, OldAgent>>,
}

impl RegistryClient {
    pub(crate) fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Self { http: http.expect("a client can be made"), base: base.to_owned(), known: Mutex::default() }
    }

    pub(crate) async fn find(&self, name: &str) -> Result<OldAgent, NoAgent> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(agent) = known {
            return Ok(agent);
        }
        let agent = match self.form_1(name).await {
            Some(agent) => agent,
            None => self.form_2(name).await?,
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), agent.clone());
        Ok(agent)
    }

    /// `GET …/api/v1/agents?name=N`; anything unexpected falls through.
    pub(crate) async fn form_1(&self, name: &str) -> Option<OldAgent> {
        let answer = self.http.get(format!("{}/api/v1/agents?name={}", self.base, escaped(name))).send().await.ok()?;
        if answer.status().as_u16() != 200 {
            return None;
        }
        let page: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        agent(page["items"].get(0)?, "timeout_ms")
    }

    /// `GET …/agents/N`.
    pub(crate) async fn form_2(&self, name: &str) -> Result<OldAgent, NoAgent> {
        let failed = |e: &dyn std::fmt::Display| NoAgent(e.to_string());
        let answer = self.http.get(format!("{}/agents/{}", self.base, escaped(name))).send().await;
        let answer = answer.map_err(|e| failed(&e))?;
        match answer.status().as_u16() {
            200 => {
                let form: Value =
                    serde_json::from_str(&answer.text().await.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
                agent(&form, "timeout").ok_or_else(|| NoAgent(format!("a validation error: {form}")))
            }
            404 => Err(NoAgent(format!("Agent '{name}' not found in API database or registry"))),
            status => Err(NoAgent(format!("HTTP {status}"))),
        }
    }
}

/// Blanks and what is not ASCII; nothing else is escaped.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte == b' ' || !byte.is_ascii() {
            write!(escaped, "%{byte:02X}").expect("a String can be written to");
        } else {
            escaped.push(byte.into());
        }
    }
    escaped
}

/// None for a type error.
fn agent(form: &Value, timeout: &str) -> Option<OldAgent> {
    form["name"].as_str()?;
    let auth = match &form["auth_config"] {
        Value::Null => HashMap::new(),
        Value::Object(members) => {
            let texts = members.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            texts.collect::<Option<_>>()?
        }
        _ => return None,
    };
    let number = |value: &Value, default: u64| if value.is_null() { Some(default) } else { value.as_u64() };
    let retry = &form["retry_config"];
    Some(OldAgent {
        url: form["url"].as_str()?.to_owned(),
        auth,
        timeout: Duration::from_millis(number(&form[timeout], 30_000)?),
        max_retries: u32::try_from(number(&retry["max_retries"], 3)?).ok()?,
        initial_delay_ms: number(&retry["initial_delay_ms"], 1000)?,
        max_delay_ms: number(&retry["max_delay_ms"], 30_000)?,
        multiplier: retry["backoff_multiplier"].as_f64().unwrap_or(2.0),
    })
}
