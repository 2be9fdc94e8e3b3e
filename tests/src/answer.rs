//! An HTTP answer, read to its end.

use serde_json::Value;

/// Status, content type and body.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The content type without parameters.
    pub content_type: String,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `Warning`.
    pub warning: Option<String>,
    /// Whether it repeats an answer that was given before.
    pub replayed: bool,
    /// The body as text.
    pub text: String,
    request: String,
}

impl Answer {
    pub(crate) async fn read(request: String, response: reqwest::Response) -> Self {
        Self::try_read(request, response).await.expect("the answer is readable")
    }

    /// An answer that may be cut off; none then.
    pub(crate) async fn try_read(request: String, response: reqwest::Response) -> Option<Self> {
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (content_type, location) = (header("content-type").unwrap_or_default(), header("location"));
        let (retry_after, warning) = (header("retry-after"), header("warning"));
        let replayed = header("idempotency-replayed").as_deref() == Some("true");
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let text = response.text().await.ok()?;
        Some(Self { status, content_type, location, retry_after, warning, replayed, text, request })
    }

    /// The body of an answer that must have this status.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} answered {}: {}", self.request, self.status, self.text);
        self.json()
    }

    /// The body as JSON; null if there is none.
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text)
            .unwrap_or_else(|e| panic!("{} answered no JSON ({e}): {}", self.request, self.text))
    }
}
