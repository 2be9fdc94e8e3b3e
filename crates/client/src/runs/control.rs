//! `orrery cancel` and `orrery retry`.

use serde_json::{Value, json};

use super::{log::tip, watching::Following};
use crate::{
    console::{Console, Exit, told},
    server::Server,
    trouble::Trouble,
};

/// Runs to be cancelled.
#[derive(Debug, Clone, Default)]
pub struct CancelRuns {
    /// The runs.
    pub runs: Vec<String>,
    /// Why.
    pub reason: Option<String>,
}

impl CancelRuns {
    /// Cancels them, each whatever becomes of the others.
    pub async fn run(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        let body = self.reason.as_ref().map_or_else(|| json!({}), |reason| json!({"reason": reason}));
        let (mut exit, mut results) = (Exit::DONE, Vec::new());
        for run in &self.runs {
            match server.post(&["runs", run, "cancel"], &body).await {
                Ok(answer) => {
                    console.note(format!("Run {run} is cancelled."));
                    results.push(answer.body);
                }
                Err(trouble) => {
                    exit = Exit::FAILED;
                    console.note(format!("orrery: {run}: {trouble}"));
                    results.push(json!({"run_id": run, "error": told(&trouble)}));
                    if trouble.is_for_all() {
                        break;
                    }
                }
            }
        }
        if console.json {
            console.document(&Value::Array(results));
        }
        Ok(exit)
    }
}

/// A run to be gone on with.
#[derive(Debug, Clone, Default)]
pub struct RetryRun {
    /// The run.
    pub run: String,
    /// Whether and how its end is waited for.
    pub following: Following,
}

impl RetryRun {
    /// Has it go on where it stopped.
    pub async fn run(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        let after = tip(server, &self.run, self.following).await?;
        let answer = server.post(&["runs", &self.run, "retry"], &json!({})).await?;
        if self.following.waits() {
            console.note(format!("Run {} goes on.", self.run));
            return self.following.see(server, console, &self.run, after).await;
        }
        if console.json {
            console.document(&answer.body);
        } else {
            console.note("The run goes on:");
            console.line(&self.run);
        }
        Ok(Exit::DONE)
    }
}
