//! `orrery logs`: what has happened in a run, in sentences.

use serde_json::Value;

use super::watching::Following;
use crate::{
    console::{Console, Exit, plain},
    patience::{AWAY, patiently},
    server::Server,
    stream::{self, News},
    trouble::Trouble,
};

/// Which part of a log is wanted.
#[derive(Debug, Clone, Default)]
pub struct ReadLog {
    /// The run.
    pub run: String,
    /// Only entries that matter at least as much: debug, info, warn or error.
    pub level: Option<String>,
    /// Only what is about this step.
    pub step: Option<String>,
    /// Whether to go on with entries as they come, to the end of the run; the exit code then tells how it ended.
    pub follow: bool,
}

impl ReadLog {
    /// Shows it.
    pub async fn run(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(self.level.as_deref().map(|level| ("level", level)));
        query.extend(self.step.as_deref().map(|step| ("step", step)));
        let path = ["runs", self.run.as_str(), "logs"];
        let json = console.json;
        let shown = |entry: &Value| if json { entry.to_string() } else { entry_line(entry) };
        if self.follow {
            let about = ["runs", self.run.as_str()];
            // A wrong address is told at once: only a server that has been there is waited for.
            server.get(&about, &[]).await?;
            let mut tell = |news: News<'_>| match news {
                News::Event(entry) => console.line(shown(entry)),
                News::Away => console.note(AWAY),
            };
            stream::follow(server, &path, &query, 0, &mut tell)
                .await
                .map_err(|trouble| trouble.of_following(&self.run))?;
            let run = patiently(async || server.get(&about, &[]).await, &mut || console.note(AWAY))
                .await
                .map_err(|trouble| trouble.of_following(&self.run))?
                .body;
            if !json {
                console.note(super::watching::sentence(&run));
            }
            return Ok(Exit::of_run(run["status"].as_str().unwrap_or_default()));
        }
        let mut tell = |entry: &Value| console.line(shown(entry));
        pages(server, &self.run, &query, &mut tell).await?;
        Ok(Exit::DONE)
    }
}

/// Reads a log to where it is now, and answers the number of the last event.
async fn pages(
    server: &Server,
    run: &str,
    query: &[(&str, &str)],
    tell: &mut dyn FnMut(&Value),
) -> Result<u64, Trouble> {
    let mut after = 0_u64;
    loop {
        let place = after.to_string();
        let mut asked = query.to_vec();
        asked.extend([("after", place.as_str()), ("limit", "1000")]);
        let page = server.get(&["runs", run, "logs"], &asked).await?.body;
        page["items"].as_array().into_iter().flatten().for_each(&mut *tell);
        let next = page["next_after"].as_u64().unwrap_or(after);
        if page["has_more"] != true || next <= after {
            return Ok(next.max(after));
        }
        after = next;
    }
}

/// The number of a run's last event: what follows it is new.
pub(super) async fn tip(server: &Server, run: &str, following: Following) -> Result<u64, Trouble> {
    if following.waits() { pages(server, run, &[], &mut |_| {}).await } else { Ok(0) }
}

/// An entry in a line.
pub(super) fn entry_line(entry: &Value) -> String {
    let text = |member: &str| plain(entry[member].as_str().unwrap_or_default());
    let at = text("at");
    let time = at.get(11..23).unwrap_or(&at);
    let attempt = entry["attempt"].as_u64().filter(|attempt| *attempt > 1);
    let path = match (text("path"), attempt) {
        (path, Some(attempt)) => format!("{path} (attempt {attempt})"),
        (path, None) => path,
    };
    let path = if path.is_empty() { path } else { format!("[{path}] ") };
    let detail = entry["detail"].as_str().map(|detail| format!(": {}", plain(detail))).unwrap_or_default();
    format!("{time} {:<5} {path}{}{detail}", text("level").to_uppercase(), text("message"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_a_line() {
        let entry = json!({
            "seq": 3, "at": "2026-01-31T12:00:00.412310Z", "level": "warn", "path": "fetch", "attempt": 2,
            "message": "Step 'fetch' has failed", "detail": "no route\nto host",
        });
        assert_eq!(
            entry_line(&entry),
            "12:00:00.412 WARN  [fetch (attempt 2)] Step 'fetch' has failed: no route to host"
        );
    }
}
