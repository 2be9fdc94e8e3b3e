//! A reader of Server-Sent Events, as strict as the HTML standard.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::credentials::as_admin;

/// How long something is waited for on a stream.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// What to say when coming back.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// What it says.
    pub data: Value,
}

/// What comes on a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// An event.
    Event(StreamEvent),
    /// A comment, without its colon.
    Comment(String),
}

/// Somebody who follows a stream. Dropping it hangs up.
pub struct Follower {
    response: Response,
    buffer: Vec<u8>,
}

impl Follower {
    /// Opens a stream at a server (`http://host:port`), as the administrator; where it cannot be opened, answers the status and the
    /// body.
    pub async fn try_open(base: &str, path: &str, last: Option<&str>) -> Result<Self, (StatusCode, String)> {
        let http = as_admin().build().expect("a client can be made");
        let mut request = http.get(format!("{base}/api/v1{path}")).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
        Self::of(response).await
    }

    /// Opens a stream that can be opened.
    pub async fn open(base: &str, path: &str, last: Option<&str>) -> Self {
        Self::try_open(base, path, last).await.unwrap_or_else(|refused| panic!("{path} was refused: {refused:?}"))
    }

    /// The stream that an answer is.
    pub async fn of(response: Response) -> Result<Self, (StatusCode, String)> {
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        if response.status() != StatusCode::OK || kind != Some("text/event-stream") {
            let status = response.status();
            return Err((status, response.text().await.unwrap_or_default()));
        }
        Ok(Self { response, buffer: Vec::new() })
    }

    /// The next piece; nothing once the stream has ended, or broken off.
    pub async fn piece(&mut self) -> Option<Piece> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("a stream is UTF-8");
                match read(block.trim_end_matches('\n')) {
                    Some(piece) => return Some(piece),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.unwrap_or_else(|_| panic!("nothing came for {PATIENCE:?}")) {
                Ok(Some(bytes)) => self.buffer.extend_from_slice(&bytes),
                // What is not followed by an empty line does not count.
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next event; nothing once the stream has ended.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            match self.piece().await? {
                Piece::Event(event) => return Some(event),
                Piece::Comment(_) => {}
            }
        }
    }

    /// All events to the end of the stream.
    pub async fn rest(mut self) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// A block of lines; nothing where it only says how long to wait before coming back.
fn read(block: &str) -> Option<Piece> {
    let (mut id, mut kind, mut data) = (None, None, None);
    for line in block.lines() {
        if let Some(comment) = line.strip_prefix(':') {
            return Some(Piece::Comment(comment.trim().to_owned()));
        }
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line}"));
        match name {
            "id" => id = Some(value.to_owned()),
            "event" => kind = Some(value.to_owned()),
            "data" => assert!(data.replace(value.to_owned()).is_none(), "an event has one line of data"),
            "retry" => return None,
            other => panic!("an unknown field {other}"),
        }
    }
    // An id without data is no event: it says where the stream has come to, for whoever comes back.
    let data = serde_json::from_str(&data?).expect("data is JSON");
    Some(Piece::Event(StreamEvent { id: id.expect("an id"), kind: kind.expect("a kind"), data }))
}
