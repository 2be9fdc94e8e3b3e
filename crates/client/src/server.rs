//! A server, as it is asked over its REST API. A request that may not have arrived is sent again: a `POST` under the same
//! `Idempotency-Key`, so that it is carried out once.

use std::time::Duration;

use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue},
};
use serde_json::Value;

use crate::trouble::{Problem, Trouble};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may be silent: longer than the longest `Prefer: wait`, and than the pulse of a stream.
const SILENCE: Duration = Duration::from_secs(75);
/// What is waited before a request is sent again.
const WAITS_MS: [u64; 4] = [200, 500, 1_000, 2_000];
/// The longest `Retry-After` that is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// By what the server knows who asks.
#[derive(Clone)]
pub enum Credential {
    /// An API key.
    ApiKey(String),
    /// A token.
    Bearer(String),
}

/// Why there is no such server.
#[derive(Debug, thiserror::Error)]
pub enum InvalidServer {
    /// The address is none.
    #[error("the server's address must be like http://127.0.0.1:8000, not '{0}'")]
    Address(String),
    /// The credential cannot be sent.
    #[error("the credential contains characters that no HTTP header can carry")]
    Credential(#[from] InvalidHeaderValue),
    /// There is no HTTP client.
    #[error("there is no HTTP client")]
    Client(#[from] reqwest::Error),
}

/// A server of Orrery.
pub struct Server {
    http: reqwest::Client,
    base: Url,
    new_key: Box<dyn Fn() -> String>,
}

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) etag: Option<String>,
    pub(crate) warning: Option<String>,
}

/// A request that can be sent again.
pub(crate) struct Asked<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Option<&'a Value>,
    headers: Vec<(HeaderName, String)>,
}

impl<'a> Asked<'a> {
    pub(crate) fn get(path: &'a [&'a str], query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: Method::GET, path, query, body: None, headers: Vec::new() }
    }

    /// The same with a header field.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    /// Whether it may be sent again although it may have arrived.
    fn is_repeatable(&self) -> bool {
        self.method == Method::GET
            || self.method == Method::DELETE
            || self.headers.iter().any(|(name, _)| name == "idempotency-key")
    }

    pub(crate) fn title(&self) -> String {
        format!("{} /{}", self.method, self.path.join("/"))
    }
}

impl Server {
    /// A server at an address, like `http://127.0.0.1:8000`. `new_key` makes texts that are never the same.
    pub fn new(
        address: &str,
        credential: Option<&Credential>,
        new_key: Box<dyn Fn() -> String>,
    ) -> Result<Self, InvalidServer> {
        let invalid = || InvalidServer::Address(address.to_owned());
        let base = Url::parse(address).map_err(|_| invalid())?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() || base.query().is_some() {
            return Err(invalid());
        }
        let mut headers = HeaderMap::new();
        if let Some(credential) = credential {
            let (name, text) = match credential {
                Credential::ApiKey(key) => ("x-api-key", key.clone()),
                Credential::Bearer(token) => ("authorization", format!("Bearer {token}")),
            };
            let mut value = HeaderValue::from_str(&text)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("orrery/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            // A credential must not follow to where somebody else points.
            .redirect(reqwest::redirect::Policy::none());
        if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        Ok(Self { http: builder.build()?, base, new_key })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Reads something below `/api/v1`.
    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Answer, Trouble> {
        self.ask(&Asked::get(path, query)).await
    }

    /// Posts a document, under a key of its own.
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Answer, Trouble> {
        self.ask(&self.posting(path, body, None)).await
    }

    /// A `POST` that can be sent again.
    pub(crate) fn posting<'a>(&self, path: &'a [&'a str], body: &'a Value, key: Option<String>) -> Asked<'a> {
        let key = key.unwrap_or_else(|| (self.new_key)());
        let asked = Asked { method: Method::POST, path, query: &[], body: Some(body), headers: Vec::new() };
        asked.header("idempotency-key", key)
    }

    /// Asks for something to be checked, which changes nothing and so needs no key.
    pub(crate) async fn check(&self, path: &[&str], body: &Value) -> Result<Answer, Trouble> {
        self.ask(&Asked { method: Method::POST, path, query: &[], body: Some(body), headers: Vec::new() }).await
    }

    /// Changes what is still as the tag says.
    pub(crate) async fn put(&self, path: &[&str], body: &Value, etag: Option<&str>) -> Result<Answer, Trouble> {
        let asked = Asked { method: Method::PUT, path, query: &[], body: Some(body), headers: Vec::new() };
        self.ask(&if_match(asked, etag)).await
    }

    /// Deletes what is still as the tag says.
    pub(crate) async fn delete(&self, path: &[&str], etag: Option<&str>) -> Result<Answer, Trouble> {
        let asked = Asked { method: Method::DELETE, path, query: &[], body: None, headers: Vec::new() };
        self.ask(&if_match(asked, etag)).await
    }

    /// All items of a list, page by page.
    pub(crate) async fn list(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>, Trouble> {
        self.list_up_to(path, query, usize::MAX).await
    }

    /// The first items of a list.
    pub(crate) async fn list_up_to(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<Vec<Value>, Trouble> {
        let size = most.clamp(1, 100).to_string();
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut asked: Vec<(&str, &str)> = query.to_vec();
            asked.push(("page_size", &size));
            if let Some(cursor) = &cursor {
                asked.push(("cursor", cursor));
            }
            let page = self.get(path, &asked).await?.body;
            items.extend(page["items"].as_array().into_iter().flatten().cloned());
            let next = page["next_cursor"].as_str().map(str::to_owned);
            if items.len() >= most || next.is_none() || next == cursor {
                items.truncate(most);
                return Ok(items);
            }
            cursor = next;
        }
    }

    /// Reads something that is not below `/api/v1`; nothing where it is not there.
    pub(crate) async fn get_root(&self, path: &str) -> Option<Value> {
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push(path);
        let answer = self.http.get(url).send().await.ok()?;
        if answer.status() != 200 {
            return None;
        }
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    pub(crate) async fn ask(&self, asked: &Asked<'_>) -> Result<Answer, Trouble> {
        let response = self.send(asked).await?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, warning) = (header("etag"), header("warning"));
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        match body {
            Ok(body) if (200..300).contains(&status) => Ok(Answer { body, etag, warning }),
            Ok(body) => Err(match Problem::read(status, &body) {
                Some(problem) => Trouble::Refused(problem),
                None => strange(asked, status),
            }),
            Err(_) => Err(strange(asked, status)),
        }
    }

    /// The answer as it begins, whatever its status; the request is sent again where that is safe and may help.
    pub(crate) async fn send(&self, asked: &Asked<'_>) -> Result<Response, Trouble> {
        let mut waits = WAITS_MS.into_iter().map(Duration::from_millis);
        loop {
            let sent = self.request(asked)?.send().await;
            let wait = match &sent {
                Ok(answer) => match answer.status().as_u16() {
                    429 => Some(retry_after(answer)),
                    502..=504 if asked.is_repeatable() => Some(retry_after(answer)),
                    409 if asked.is_repeatable() && answer.headers().contains_key("retry-after") => {
                        Some(retry_after(answer))
                    }
                    _ => None,
                },
                Err(error) if error.is_builder() => None,
                Err(error) if error.is_connect() || asked.is_repeatable() => Some(None),
                Err(_) => None,
            };
            let Some(told) = wait else { return sent.map_err(|error| self.unreachable(&error)) };
            let Some(ours) = waits.next() else { return sent.map_err(|error| self.unreachable(&error)) };
            tokio::time::sleep(told.map_or(ours, |told| told.clamp(ours, LONGEST_WAIT))).await;
        }
    }

    fn request(&self, asked: &Asked<'_>) -> Result<RequestBuilder, Trouble> {
        let mut url = self.base.clone();
        {
            let invalid = || Trouble::Here(format!("{} is no address of a server", self.base));
            let mut segments = url.path_segments_mut().map_err(|()| invalid())?;
            segments.pop_if_empty().extend(["api", "v1"]).extend(asked.path);
        }
        if !asked.query.is_empty() {
            url.query_pairs_mut().extend_pairs(asked.query);
        }
        let mut request = self.http.request(asked.method.clone(), url);
        for (name, value) in &asked.headers {
            request = request.header(name, value);
        }
        Ok(match asked.body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        })
    }

    /// What a person can do about a connection that fails.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Trouble {
        let causes: Vec<String> = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect();
        let all = causes.join(": ");
        let last = causes.last().map_or("", String::as_str);
        let what = if all.contains("refused") {
            "refuses the connection: is the server running, and is this its address? (--server or ORRERY_SERVER)"
                .to_owned()
        } else if all.contains("dns") || all.contains("lookup") {
            format!("cannot be found: is the name of the host right? ({last})")
        } else if all.contains("certificate") || all.contains("InvalidContentType") || all.contains("corrupt message") {
            format!("speaks TLS that is not trusted, or none: is it http or https? ({last})")
        } else if error.is_timeout() {
            format!("does not answer in time ({last})")
        } else {
            format!("cannot be reached, or broke the connection off ({last})")
        };
        Trouble::Unreachable { server: self.address().to_owned(), what }
    }
}

fn if_match<'a>(asked: Asked<'a>, etag: Option<&str>) -> Asked<'a> {
    match etag {
        Some(etag) => asked.header("if-match", etag),
        None => asked,
    }
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn strange(asked: &Asked<'_>, status: u16) -> Trouble {
    let what = match status {
        300..=399 => "and points elsewhere: give the address that it points to".to_owned(),
        404 => "by something that does not know it: is this the address of an Orrery?".to_owned(),
        _ => "with something that is no JSON: is this the address of an Orrery?".to_owned(),
    };
    Trouble::Strange { request: asked.title(), status, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str) -> Result<Server, InvalidServer> {
        Server::new(address, None, Box::new(|| "k".to_owned()))
    }

    #[test]
    fn an_address_is_an_http_url() {
        for wrong in ["", "localhost:8000", "ftp://h", "http://", "http://h?x=1"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            server("http://h:1/orrery/").map(|s| s.address().to_owned()).ok().as_deref(),
            Some("http://h:1/orrery")
        );
    }

    #[test]
    fn names_in_paths_and_queries_are_escaped() {
        let server = server("http://h/x").expect("a server");
        let asked = Asked::get(&["runs", "a/b ?"], &[("name", "a&b")]);
        let request = server.request(&asked).ok().and_then(|request| request.build().ok()).expect("a request");
        assert_eq!(request.url().as_str(), "http://h/x/api/v1/runs/a%2Fb%20%3F?name=a%26b");
    }

    #[test]
    fn a_credential_that_no_header_can_carry_is_refused() {
        let credential = Credential::ApiKey("a\nb".to_owned());
        assert!(Server::new("http://h", Some(&credential), Box::new(String::new)).is_err());
    }
}
