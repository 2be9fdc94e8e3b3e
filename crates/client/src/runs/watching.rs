//! Waiting for the end of a run, with or without its log, and saying what came of it.

use std::time::Duration;

use serde_json::Value;

use super::log::entry_line;
use crate::{
    console::{Console, Exit, plain},
    patience::{AWAY, patiently},
    server::Server,
    stream::{self, News},
    trouble::Trouble,
};

/// How a run is waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Following {
    /// Whether its end is waited for.
    pub wait: bool,
    /// Whether its log is shown meanwhile; that waits, too.
    pub follow: bool,
    /// How long at most.
    pub timeout: Option<Duration>,
}

impl Following {
    pub(super) fn waits(self) -> bool {
        self.wait || self.follow
    }

    /// Waits for the run's end, says what came of it, and tells by the exit code. `after` is the number of the last event that is
    /// known already. Who gives up because the server stays away is told that the run does not.
    pub(super) async fn see(
        self,
        server: &Server,
        console: &mut Console<'_>,
        run: &str,
        after: u64,
    ) -> Result<Exit, Trouble> {
        self.watch(server, console, run, after).await.map_err(|trouble| trouble.of_following(run))
    }

    async fn watch(self, server: &Server, console: &mut Console<'_>, run: &str, after: u64) -> Result<Exit, Trouble> {
        let in_time = {
            let json = console.json;
            let mut tell = |news: News<'_>| match news {
                News::Event(entry) if self.follow && json => console.line(entry.to_string()),
                News::Event(entry) if self.follow => console.note(entry_line(entry)),
                News::Event(_) => {}
                News::Away => console.note(AWAY),
            };
            let path = ["runs", run, "logs"];
            let ended = stream::follow(server, &path, &[], after, &mut tell);
            match self.timeout {
                Some(most) => tokio::time::timeout(most, ended).await.map_or(Ok(false), |ended| ended.map(|()| true)),
                None => ended.await.map(|()| true),
            }?
        };
        let about = ["runs", run];
        let run = if in_time {
            patiently(async || server.get(&about, &[]).await, &mut || console.note(AWAY)).await?.body
        } else {
            server.get(&about, &[]).await?.body
        };
        let status = run["status"].as_str().unwrap_or_default();
        let exit = Exit::of_run(status);
        if console.json {
            // Behind lines of the log it is a line, too.
            if self.follow {
                console.line(run.to_string());
            } else {
                console.document(&run);
            }
            return Ok(exit);
        }
        console.note(sentence(&run));
        if exit == Exit::RUN_NOT_OVER && !in_time {
            console.note("It is waited for no longer; it goes on.");
            for reason in run["waiting_on"].as_array().into_iter().flatten() {
                console
                    .note(format!("  it waits: {}", plain(reason["message"].as_str().unwrap_or(&reason.to_string()))));
            }
        }
        if status == "COMPLETED" {
            console.document(&run["output_data"]);
        }
        Ok(exit)
    }
}

/// What became of a run.
pub(super) fn sentence(run: &Value) -> String {
    let text = |member: &str| plain(run[member].as_str().unwrap_or_default());
    let why = match run["error_message"].as_str() {
        Some(why) if run["status"] != "COMPLETED" => format!(": {}", plain(why)),
        _ => String::new(),
    };
    format!("Run {} of workflow '{}' is {}{why}", text("id"), text("workflow_name"), text("status"))
}
