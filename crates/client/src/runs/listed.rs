//! `orrery runs`: a table of runs, or one of them with its steps.

use serde_json::Value;

use super::watching::sentence;
use crate::{
    console::{Console, Exit, plain, table},
    server::Server,
    trouble::Trouble,
};

/// Which runs are wanted, in the words of the API.
#[derive(Debug, Clone, Default)]
pub struct RunFilters {
    /// Pairs of parameter and value.
    pub parameters: Vec<(&'static str, String)>,
    /// How many at most.
    pub most: usize,
}

/// What to show.
#[derive(Debug, Clone)]
pub enum ShowRuns {
    /// The newest runs first.
    List(RunFilters),
    /// One run with its steps.
    One(String),
}

impl ShowRuns {
    /// Shows them.
    pub async fn run(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        match self {
            Self::List(filters) => list(filters, server, console).await,
            Self::One(run) => one(run, server, console).await,
        }
    }
}

async fn list(filters: &RunFilters, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
    let query: Vec<(&str, &str)> = filters.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let runs = server.list_up_to(&["runs"], &query, filters.most).await?;
    if console.json {
        console.document(&Value::Array(runs));
        return Ok(Exit::DONE);
    }
    if runs.is_empty() {
        console.note("There are no such runs.");
        return Ok(Exit::DONE);
    }
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    console.line(table(&["RUN", "WORKFLOW", "STATUS", "CREATED", "ENDED", "BY", "WHY"], &rows));
    Ok(Exit::DONE)
}

fn row(run: &Value) -> Vec<String> {
    let version = run["workflow_version"].as_u64().map(|version| format!(" v{version}")).unwrap_or_default();
    let status = if run["paused"] == true { format!("{}, paused", cell(&run["status"])) } else { cell(&run["status"]) };
    let ended =
        [&run["completed_at"], &run["cancelled_at"]].into_iter().find(|at| !at.is_null()).unwrap_or(&Value::Null);
    let why = run["error_message"].as_str().filter(|_| run["status"] != "COMPLETED").unwrap_or_default();
    vec![
        cell(&run["id"]),
        format!("{}{version}", cell(&run["workflow_name"])),
        status,
        moment(&run["created_at"]),
        moment(ended),
        cell(&run["triggered_by"]),
        plain(&why.chars().take(80).collect::<String>()),
    ]
}

fn cell(value: &Value) -> String {
    value.as_str().map_or_else(|| "-".to_owned(), plain)
}

/// A time to the second, in UTC as it is told.
fn moment(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("{}Z", plain(text.get(..19).unwrap_or(text)).replace('T', " ")),
        None => "-".to_owned(),
    }
}

async fn one(run: &str, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
    let mut found = server.get(&["runs", run], &[]).await?.body;
    let steps = server.get(&["runs", run, "steps"], &[]).await?.body;
    if console.json {
        found["steps"] = steps;
        console.document(&found);
        return Ok(Exit::DONE);
    }
    console.line(sentence(&found));
    console.line(format!("created {}, by {}", moment(&found["created_at"]), cell(&found["triggered_by"])));
    for reason in found["waiting_on"].as_array().into_iter().flatten() {
        console.line(format!("it waits: {}", plain(reason["message"].as_str().unwrap_or(&reason.to_string()))));
    }
    let rows: Vec<Vec<String>> = steps.as_array().into_iter().flatten().map(step_row).collect();
    if !rows.is_empty() {
        console.line("");
        console.line(table(&["STEP", "ATTEMPT", "AGENT", "STATUS", "STARTED", "ENDED", "WHY"], &rows));
    }
    if !found["output_data"].is_null() {
        console.line("");
        console.document(&found["output_data"]);
    }
    Ok(Exit::DONE)
}

fn step_row(step: &Value) -> Vec<String> {
    vec![
        cell(if step["path"].is_null() { &step["step_id"] } else { &step["path"] }),
        step["attempt"].as_u64().map_or_else(|| "-".to_owned(), |attempt| attempt.to_string()),
        cell(&step["agent_name"]),
        cell(&step["status"]),
        moment(&step["started_at"]),
        moment(&step["completed_at"]),
        plain(step["error_message"].as_str().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_a_row() {
        let run = json!({
            "id": "run-1", "workflow_name": "w", "workflow_version": 2, "status": "FAILED", "paused": false, "triggered_by": "key:ci",
            "created_at": "2026-01-31T12:00:00.412310Z", "completed_at": null, "cancelled_at": null, "error_message": "the\nagent",
        });
        assert_eq!(row(&run), ["run-1", "w v2", "FAILED", "2026-01-31 12:00:00Z", "-", "key:ci", "the agent"]);
    }
}
