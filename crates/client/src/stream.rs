//! Server-Sent Events, gone on with after a connection has broken.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use crate::{
    patience::patiently,
    server::{Asked, Server},
    trouble::{Problem, Trouble},
};

/// What is waited before a stream is opened again.
const PAUSE: Duration = Duration::from_millis(500);
/// How many times in a row it may come to nothing.
const PATIENCE: u32 = 20;

/// What comes to whoever follows a stream.
pub(crate) enum News<'a> {
    /// The data of an event.
    Event(&'a Value),
    /// The server is away, and asked again.
    Away,
}

/// Reads a stream to its end, which comes with that of the run; `tell` gets the data of each event once. `after` is the number of
/// the last event that is known already. A server that is away is waited for.
pub(crate) async fn follow(
    server: &Server,
    path: &[&str],
    query: &[(&str, &str)],
    after: u64,
    tell: &mut dyn FnMut(News<'_>),
) -> Result<(), Trouble> {
    let (mut last, mut failures) = (after.to_string(), 0);
    loop {
        let asked =
            Asked::get(path, query).header("accept", "text/event-stream").header("last-event-id", last.as_str());
        let opened = patiently(async || open(server, &asked).await, &mut || tell(News::Away)).await?;
        let Some(mut answer) = opened else { return Ok(()) };
        let mut parser = Parser::default();
        let broken = loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => {
                    for event in parser.take(&bytes) {
                        failures = 0;
                        last = event.id.unwrap_or(last);
                        if let Ok(data) = serde_json::from_str(&event.data) {
                            tell(News::Event(&data));
                        }
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        failures += 1;
        if failures > PATIENCE {
            return Err(broken.map_or_else(
                || Trouble::Here("the stream ends again and again, although the run does not".to_owned()),
                |error| server.unreachable(&error),
            ));
        }
        // The first time at once: after the run's end, the next answer says so.
        if failures > 1 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A stream as it begins; none where nothing more will come.
async fn open(server: &Server, asked: &Asked<'_>) -> Result<Option<Response>, Trouble> {
    let answer = server.send(asked).await?;
    let status = answer.status().as_u16();
    match status {
        204 => return Ok(None),
        200 => return Ok(Some(answer)),
        _ => {}
    }
    let body = answer.bytes().await.map_err(|error| server.unreachable(&error))?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Err(Problem::read(status, &body).map_or_else(
        || Trouble::Strange { request: asked.title(), status, what: "where a stream was expected".to_owned() },
        Trouble::Refused,
    ))
}

/// An event of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    id: Option<String>,
    data: String,
}

/// Takes a stream apart (HTML standard, section 9.2.6), as far as it is used here.
#[derive(Debug, Default)]
struct Parser {
    rest: Vec<u8>,
    id: Option<String>,
    data: Vec<String>,
}

impl Parser {
    fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.id = Some(value.to_owned()),
                "data" => self.data.push(value.to_owned()),
                "" if line.is_empty() && !self.data.is_empty() => {
                    events.push(Event { id: self.id.clone(), data: std::mem::take(&mut self.data).join("\n") });
                }
                _ => {}
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        "retry: 1000\n\nid: 1\nevent: log\ndata: {\"seq\":1}\n\n: pulse\n\nid: 2\r\ndata: a\r\ndata: b\r\n\r\n";

    #[test]
    fn events_come_out_whole_however_they_are_cut() {
        let event = |id: &str, data: &str| Event { id: Some(id.to_owned()), data: data.to_owned() };
        let expected = vec![event("1", "{\"seq\":1}"), event("2", "a\nb")];
        for size in 1..STREAM.len() {
            let mut parser = Parser::default();
            let events: Vec<Event> = STREAM.as_bytes().chunks(size).flat_map(|chunk| parser.take(chunk)).collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_that_is_cut_off_is_none() {
        assert!(Parser::default().take(b"id: 1\ndata: x\n").is_empty());
    }
}
