//! The few requests that the driver makes of the server, in the words of the REST API.

use anyhow::{Context, anyhow, bail};
use chrono::DateTime;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// How many steps a measured run has.
pub(super) const STEPS: usize = 10;

/// The server, as a client sees it.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    base: String,
}

/// What became of a request to start a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Started {
    /// The run is durable.
    Accepted,
    /// The server is full and asks to come again.
    Refused,
}

/// What follows on a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// The run fails.
    NeverTriesAgain,
    /// The run is parked meanwhile.
    TriesAgainInAnHour,
}

/// The counters that the measurement reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counters {
    /// Runs that ended, in whatever way.
    pub(super) finished: f64,
    /// Runs that completed.
    pub(super) completed: f64,
    /// Steps that completed.
    pub(super) steps: f64,
    /// Commits of runs.
    pub(super) run_commits: f64,
    /// Transactions of the store that the former were grouped into.
    pub(super) transactions: f64,
}

/// What the agents' process says about its calls so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct AgentWork {
    /// How many there were.
    pub(super) calls: f64,
    /// How long the agents worked on them, in microseconds.
    pub(super) handler_us: f64,
}

impl Api {
    pub(super) fn new(client: Client, base: &str) -> Self {
        Self { client, base: base.to_owned() }
    }

    /// Registers an agent. Its calls may take long.
    pub(super) async fn register_agent(&self, name: &str, url: &str, patience: Patience) -> anyhow::Result<()> {
        let retries = match patience {
            Patience::NeverTriesAgain => json!({"max_retries": 1}),
            Patience::TriesAgainInAnHour => {
                json!({"max_retries": 10, "initial_delay_ms": 3_600_000, "max_delay_ms": 3_600_000})
            }
        };
        let agent = json!({"name": name, "url": url, "timeout_ms": 300_000, "retry_config": retries});
        self.post("/agents", &agent).await.map(drop)
    }

    /// Creates a workflow of [`STEPS`] steps in sequence, each with the output of the former, and answers its id.
    pub(super) async fn create_workflow(&self, name: &str, agent: &str) -> anyhow::Result<String> {
        let steps: serde_json::Map<String, Value> = (1..=STEPS)
            .map(|number| {
                let id = format!("s{number}");
                let next = (number < STEPS).then(|| format!("s{}", number + 1));
                let text = match number {
                    1 => "${workflow.input.text}".to_owned(),
                    _ => format!("${{s{}.output.text}}", number - 1),
                };
                let step = json!({
                    "id": &id, "type": "agent", "agent_name": agent, "next_step": next, "input_mapping": {"text": text},
                });
                (id, step)
            })
            .collect();
        let workflow = json!({"name": name, "start_step": "s1", "steps": steps});
        self.create(&workflow).await
    }

    /// Creates a workflow and answers its id.
    pub(super) async fn create(&self, workflow: &Value) -> anyhow::Result<String> {
        let created = self.post("/workflows", workflow).await?;
        Ok(created["id"].as_str().context("the workflow has no id")?.to_owned())
    }

    /// Checks a document without saving it.
    pub(super) async fn validate(&self, workflow: &Value) -> anyhow::Result<()> {
        let said = self.post("/workflows/validate", workflow).await?;
        anyhow::ensure!(said["valid"] == true, "the document is not valid: {said}");
        Ok(())
    }

    /// Starts a run with an input and answers its id; asks again while the server is full.
    pub(super) async fn start(&self, workflow: &str, input: &Value) -> anyhow::Result<String> {
        let url = format!("{}/api/v1/workflows/{workflow}/execute", self.base);
        let body = json!({"input_data": input}).to_string();
        loop {
            let request = self.client.post(&url).header("content-type", "application/json").body(body.clone());
            let answer = request.send().await?;
            let (status, text) = (answer.status(), answer.text().await?);
            if status == StatusCode::SERVICE_UNAVAILABLE {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
            anyhow::ensure!(status == StatusCode::ACCEPTED, "execute answered {status}: {text}");
            let started: Value = serde_json::from_str(&text)?;
            return Ok(started["run_id"].as_str().with_context(|| format!("no run_id in {text}"))?.to_owned());
        }
    }

    /// A run, or what stands below it.
    pub(super) async fn run(&self, run: &str, below: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(format!("{}/api/v1/runs/{run}{below}", self.base)).send().await?;
        Ok(serde_json::from_str(&answer.error_for_status()?.text().await?)?)
    }

    /// A page of runs.
    pub(super) async fn runs(&self, query: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.runs_text(query).await?)?)
    }

    /// The same as it was sent.
    pub(super) async fn runs_text(&self, query: &str) -> anyhow::Result<String> {
        let answer = self.client.get(format!("{}/api/v1/runs?{query}", self.base)).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "GET /runs?{query} answered {status}: {text}");
        Ok(text)
    }

    /// Starts a run.
    pub(super) async fn execute(&self, workflow: &str) -> anyhow::Result<Started> {
        let url = format!("{}/api/v1/workflows/{workflow}/execute", self.base);
        let body = r#"{"input_data":{"text":"a short text to hand on"}}"#;
        let answer = self.client.post(url).header("content-type", "application/json").body(body).send().await?;
        let status = answer.status();
        // The body is read to its end, otherwise the connection cannot be used again.
        let text = answer.text().await?;
        match status {
            StatusCode::ACCEPTED => Ok(Started::Accepted),
            StatusCode::SERVICE_UNAVAILABLE => Ok(Started::Refused),
            _ => bail!("execute answered {status}: {text}"),
        }
    }

    /// Reads the counters from `/metrics`.
    pub(super) async fn counters(&self) -> anyhow::Result<Counters> {
        let text = self.client.get(format!("{}/metrics", self.base)).send().await?.error_for_status()?.text().await?;
        Ok(Counters::parse(&text))
    }

    /// Asks the agents' process.
    pub(super) async fn agent_work(&self, agents: &str) -> anyhow::Result<AgentWork> {
        let text = self.client.get(format!("{agents}/calls")).send().await?.error_for_status()?.text().await?;
        let report: Value = serde_json::from_str(&text)?;
        let member = |name: &str| report[name].as_f64().with_context(|| format!("/calls tells no {name}"));
        Ok(AgentWork { calls: member("total")?, handler_us: member("handler_us")? })
    }

    /// The wall times, in milliseconds, of the newest completed runs of a workflow, without the very newest.
    pub(super) async fn wall_times(&self, workflow: &str, skip: usize, most: usize) -> anyhow::Result<Vec<f64>> {
        const PAGE: usize = 100;
        let mut times = Vec::new();
        for page in (skip / PAGE + 1).. {
            let query = format!(
                "workflow_id={workflow}&status=COMPLETED&sort_by=created_at&sort_order=desc&page={page}&page_size={PAGE}"
            );
            let answer = self.client.get(format!("{}/api/v1/runs?{query}", self.base)).send().await?;
            let runs: Value = serde_json::from_str(&answer.error_for_status()?.text().await?)?;
            let items = runs["items"].as_array().context("a page of runs has no items")?;
            for (index, run) in items.iter().enumerate() {
                if (page - 1) * PAGE + index >= skip {
                    times.push(wall_time_ms(run)?);
                }
            }
            if items.len() < PAGE || times.len() >= most {
                break;
            }
        }
        times.truncate(most);
        Ok(times)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1{path}", self.base);
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "POST {path} answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }
}

/// From `created_at` to `completed_at`.
pub(super) fn wall_time_ms(run: &Value) -> anyhow::Result<f64> {
    let time = |member: &str| {
        let text = run[member].as_str().with_context(|| format!("the run has no {member}: {run}"))?;
        DateTime::parse_from_rfc3339(text).map_err(|error| anyhow!("{member} is '{text}': {error}"))
    };
    let took = time("completed_at")? - time("created_at")?;
    let micros = took.num_microseconds().context("a run of centuries")?;
    Ok(super::figures::number(u64::try_from(micros).unwrap_or(0)) / 1000.0)
}

impl Counters {
    /// Sums over all labels (Prometheus text format: `name{labels} value`).
    fn parse(text: &str) -> Self {
        let sum = |name: &str, label: &str| {
            text.lines()
                .filter(|line| {
                    let rest = line.strip_prefix(name);
                    rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
                })
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum()
        };
        Self {
            finished: sum("orrery_runs_finished_total", ""),
            completed: sum("orrery_runs_finished_total", "COMPLETED"),
            steps: sum("orrery_step_attempts_total", "\"completed\""),
            run_commits: sum("orrery_commits_total", ""),
            transactions: sum("orrery_journal_transactions_total", ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_their_labels() {
        let text = "# HELP orrery_runs_finished_total runs\n\
                    orrery_runs_finished_total{status=\"COMPLETED\"} 7\n\
                    orrery_runs_finished_total{status=\"FAILED\"} 1\n\
                    orrery_step_attempts_total{outcome=\"completed\"} 70\n\
                    orrery_step_attempts_total{outcome=\"failed\"} 3\n\
                    orrery_commits_total{outcome=\"committed\"} 30\n\
                    orrery_journal_transactions_total 12\n\
                    orrery_journal_transactions_total_other 99\n";
        let counters = Counters::parse(text);
        assert!((counters.finished - 8.0).abs() < 1e-9 && (counters.completed - 7.0).abs() < 1e-9);
        assert!((counters.steps - 70.0).abs() < 1e-9);
        assert!((counters.run_commits - 30.0).abs() < 1e-9 && (counters.transactions - 12.0).abs() < 1e-9);
    }

    #[test]
    fn the_wall_time_of_a_run_is_exact_to_the_microsecond() {
        let run = json!({"created_at": "2026-01-01T00:00:00.000250Z", "completed_at": "2026-01-01T00:00:01.001500Z"});
        assert!((wall_time_ms(&run).expect("both times") - 1001.25).abs() < 1e-9);
    }
}
