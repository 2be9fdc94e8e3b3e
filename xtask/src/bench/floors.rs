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
    process::Process,
    round::{LEVELS, Plan},
    store::Home,
};

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
        let member =
            |name: &str| floor[name].as_f64().with_context(|| format!("bench-floor printed no {name}: {floor}"));
        let (per_second, p50) = (member("commits_per_second")?, member("p50_us")? / 1000.0);
        println!("  {connections:>3} committing: {per_second:>8.0} single-row commits/s, p50 {p50:.2} ms");
        figures.add(Figure::FloorCommitsPerSecond(connections), per_second);
        figures.add(Figure::FloorCommitP50(connections), p50);
        figures.add(Figure::FloorCommitP99(connections), member("p99_us")? / 1000.0);
    }
    for level in LEVELS {
        let calls = bare::measure(client, &format!("{}/echo", agents.url), level, plan.window).await?;
        figures.add(Figure::BareCallsPerSecond(level), calls.per_second);
        figures.add(Figure::BareP50(level), calls.p50_ms);
        figures.add(Figure::BareP99(level), calls.p99_ms);
    }
    Ok(())
}

fn commits(binary: &Path, home: &Home, connections: usize, window: Duration) -> anyhow::Result<Value> {
    let mut floor = Command::new(binary);
    // Whole seconds, because that is what the command takes.
    floor.args(["bench-floor", "--seconds", &window.as_secs().max(1).to_string()]).stdin(Stdio::null());
    match home {
        Home::Folder(folder) => {
            std::fs::create_dir_all(folder)?;
            floor.arg("--data").arg(folder);
        }
        Home::Database { url, .. } => {
            floor.args(["--database-url", url, "--connections", &connections.to_string()]);
        }
    }
    let output = floor.output()?;
    if !output.status.success() {
        bail!("bench-floor failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().rfind(|line| !line.trim().is_empty()).context("bench-floor printed nothing")?;
    serde_json::from_str(last).with_context(|| format!("bench-floor printed '{last}'"))
}
