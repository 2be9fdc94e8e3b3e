//! What runs cost that wait for a time, and how late they go on when many are due at once.

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    api::Api,
    figures::{number, percentile},
    starts::CLIENTS,
};
use crate::process::Process;

/// How many runs are due at the same time.
const DUE: usize = 1_000;

/// How far ahead that time is: far enough that the runs are given back to the store before.
const AHEAD: &str = "+40 seconds";

/// How long the server is left alone before its memory is read, and watched while it only waits.
const SETTLED: Duration = Duration::from_secs(10);

/// How long it may take until all that were due have ended.
const WITHIN: Duration = Duration::from_mins(2);

/// What it came to.
pub(super) struct Delays {
    count: usize,
    starts_per_second: f64,
    before_mb: f64,
    after_mb: f64,
    /// CPU of the server while nothing was due, in percent of a core.
    waiting_cpu: f64,
    late_p50_ms: f64,
    late_p99_ms: f64,
    late_most_ms: f64,
}

/// Starts so many runs that wait for an hour, then more that are due at once.
pub(super) async fn measure(server: &Process, api: &Api, count: usize) -> anyhow::Result<Delays> {
    let workflow = |name: &str, delay: Value| {
        json!({"name": name, "start_step": "wait", "steps": {
            "wait": {"id": "wait", "type": "delay", "delay_config": delay, "next_step": "after"},
            "after": {"id": "after", "type": "agent", "agent_name": "echo", "input_mapping": {}},
        }})
    };
    let hour = api.create(&workflow("hour", json!({"seconds": 3600}))).await?;
    let until = api.create(&workflow("until", json!({"until": "${workflow.input.until}"}))).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before_mb = server.memory_mb()?;
    let begin = Instant::now();
    start_all(api, &hour, json!({}), count).await?;
    let starts_per_second = number(count as u64) / begin.elapsed().as_secs_f64();
    println!("  started {count} runs that wait for an hour, {starts_per_second:.0}/s");
    tokio::time::sleep(SETTLED).await;
    let after_mb = server.memory_mb()?;
    let busy = server.cpu_seconds()?;
    tokio::time::sleep(SETTLED).await;
    let waiting_cpu = (server.cpu_seconds()? - busy) / SETTLED.as_secs_f64() * 100.0;
    let due = time(AHEAD)?;
    let runs = start_all(api, &until, json!({"until": due.to_rfc3339()}), DUE).await?;
    let mut late = lateness(api, &runs, due).await?;
    let of = |late: &mut Vec<f64>, percent| percentile(late, percent).context("nothing was due");
    let (late_p50_ms, late_p99_ms) = (of(&mut late, 50)?, of(&mut late, 99)?);
    let late_most_ms = of(&mut late, 100)?;
    println!("  {DUE} due at once begin their next step after {late_p50_ms:.0} ms (p50), {late_p99_ms:.0} ms (p99)");
    Ok(Delays { count, starts_per_second, before_mb, after_mb, waiting_cpu, late_p50_ms, late_p99_ms, late_most_ms })
}

async fn start_all(api: &Api, workflow: &str, input: Value, count: usize) -> anyhow::Result<Vec<String>> {
    let input = Arc::new(input);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (api, workflow, input) = (api.clone(), workflow.to_owned(), input.clone());
        let share = count / CLIENTS + usize::from(client < count % CLIENTS);
        clients.spawn(async move {
            let mut runs = Vec::with_capacity(share);
            for _ in 0..share {
                runs.push(api.start(&workflow, &input).await?);
            }
            anyhow::Ok(runs)
        });
    }
    let mut runs = Vec::with_capacity(count);
    while let Some(started) = clients.join_next().await {
        runs.extend(started??);
    }
    Ok(runs)
}

/// How many milliseconds after the time the step after the delay was begun, of each run.
async fn lateness(api: &Api, runs: &[String], due: DateTime<FixedOffset>) -> anyhow::Result<Vec<f64>> {
    // Nobody asks before: it would be another load.
    let wait = (due - time("now")?).to_std().context("the time has passed before all runs were started")?;
    tokio::time::sleep(wait + Duration::from_secs(10)).await;
    let begin = Instant::now();
    let mut late = Vec::with_capacity(runs.len());
    for run in runs {
        while late.len() < runs.len() {
            let steps = api.run(run, "/steps").await?;
            let steps = steps.as_array().or_else(|| steps["items"].as_array()).context("steps are no list")?;
            if let Some(after) = steps.iter().find(|step| step["step_id"] == "after") {
                let started = after["started_at"].as_str().context("the step has no started_at")?;
                let took = DateTime::parse_from_rfc3339(started)? - due;
                late.push(took.as_seconds_f64() * 1000.0);
                break;
            }
            if begin.elapsed() > WITHIN {
                bail!("{run} has not gone on");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(late)
}

/// By the `date` program: the clock of this program belongs to nobody here.
fn time(when: &str) -> anyhow::Result<DateTime<FixedOffset>> {
    let output = Command::new("date").args(["-u", "-d", when, "+%Y-%m-%dT%H:%M:%SZ"]).output()?;
    Ok(DateTime::parse_from_rfc3339(String::from_utf8(output.stdout)?.trim())?)
}

impl Delays {
    pub(super) fn markdown(&self) -> String {
        let Self { count, starts_per_second, before_mb, after_mb, waiting_cpu, .. } = self;
        let Self { late_p50_ms, late_p99_ms, late_most_ms, .. } = self;
        format!(
            "\n### Runs that wait\n\n| | |\n|---|---|\n\
             | runs in a `delay` of an hour | {count} |\n\
             | starts/s of these | {starts_per_second:.0} |\n\
             | memory of the server before, MB | {before_mb:.0} |\n\
             | memory of the server when they wait, MB | {after_mb:.0} |\n\
             | CPU of the server while they wait, % of a core | {waiting_cpu:.1} |\n\
             | {DUE} more, due at the same time: next step begun after p50, ms | {late_p50_ms:.0} |\n\
             | p99, ms | {late_p99_ms:.0} |\n\
             | the last, ms | {late_most_ms:.0} |\n\n\
             The memory is that of the process with SQLite's page cache, which is limited and fills with whatever is written: three \
             times as many runs leave it as large.\n"
        )
    }
}
