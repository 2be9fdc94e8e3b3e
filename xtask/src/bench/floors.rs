//! What the same machine does when it only commits rows, and when it only calls the agent.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use reqwest::Client;
use serde_json::Value;

use super::{
    bare,
    figures::{Figure, Figures},
    round::{LEVELS, Plan},
    store::Home,
};
use crate::process::Process;

/// How many commits the journal's floor takes at once: about as many as gather while 256 runs are in flight.
pub(super) const JOURNAL_BATCH: usize = 128;

/// Adds all floors.
pub(super) async fn add(
    plan: &Plan,
    round: &Path,
    client: &Client,
    agents: &Process,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let home = plan.store.fresh(&round.join("floor")).await?;
    for connections in plan.store.kind().floors().iter().copied() {
        let (binary, home, window) = (plan.binary.clone(), home.clone(), plan.window);
        let measure = move || commits(&binary, &home, connections, window);
        let floor = tokio::task::spawn_blocking(measure).await??;
        let (per_second, p50) = (member(&floor, "commits_per_second")?, member(&floor, "p50_us")? / 1000.0);
        println!("  {connections:>3} committing: {per_second:>8.0} single-row commits/s, p50 {p50:.2} ms");
        figures.add(Figure::FloorCommitsPerSecond(connections), per_second);
        figures.add(Figure::FloorCommitP50(connections), p50);
        figures.add(Figure::FloorCommitP99(connections), member(&floor, "p99_us")? / 1000.0);
    }
    if let Home::Database { url, .. } = &home {
        let window = plan.window.as_secs().max(1).to_string();
        let arguments = ["--seconds", &window, "--database-url", url, "--journal-batch", &JOURNAL_BATCH.to_string()]
            .map(str::to_owned);
        let binary = plan.binary.clone();
        let floor = tokio::task::spawn_blocking(move || bench_floor(&binary, &arguments)).await??;
        let (starts, steps) = (member(&floor, "starts_per_second")?, member(&floor, "steps_per_second")?);
        println!("  the journal alone: {starts:>8.0} starts/s, {steps:.0} steps/s");
        figures.add(Figure::JournalStarts, starts);
        figures.add(Figure::JournalSteps, steps);
    }
    for level in LEVELS {
        let calls = bare::measure(client, &format!("{}/echo", agents.url), level, plan.window).await?;
        figures.add(Figure::BareCallsPerSecond(level), calls.per_second);
        figures.add(Figure::BareP50(level), calls.p50_ms);
        figures.add(Figure::BareP99(level), calls.p99_ms);
    }
    Ok(())
}

fn member(floor: &Value, name: &str) -> anyhow::Result<f64> {
    floor[name].as_f64().with_context(|| format!("bench-floor printed no {name}: {floor}"))
}

fn commits(binary: &Path, home: &Home, connections: usize, window: Duration) -> anyhow::Result<Value> {
    // Whole seconds, because that is what the command takes.
    let mut arguments = vec!["--seconds".to_owned(), window.as_secs().max(1).to_string()];
    match home {
        Home::Folder(folder) => {
            std::fs::create_dir_all(folder)?;
            arguments.extend(["--data".to_owned(), folder.to_string_lossy().into_owned()]);
        }
        Home::Database { url, .. } => {
            arguments.extend(["--database-url", url, "--connections", &connections.to_string()].map(str::to_owned));
        }
    }
    bench_floor(binary, &arguments)
}

fn bench_floor(binary: &Path, arguments: &[String]) -> anyhow::Result<Value> {
    let output = Command::new(binary).arg("bench-floor").args(arguments).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("bench-floor failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().rfind(|line| !line.trim().is_empty()).context("bench-floor printed nothing")?;
    serde_json::from_str(last).with_context(|| format!("bench-floor printed '{last}'"))
}
