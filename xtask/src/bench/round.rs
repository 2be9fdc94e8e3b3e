//! One round: floors first, then the server, so that every ratio compares values measured within the same minute.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail};
use reqwest::Client;
use serde_json::Value;

use super::{
    api::Api,
    bare,
    closed_loop::{self, Watched, Window},
    figures::{Figure, Figures},
    process::Process,
    run_times, starts,
};

/// How many runs or calls are in flight.
pub(super) const LEVELS: [usize; 3] = [1, 16, 256];

/// How long the server is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(1);

/// What is measured, and for how long.
pub(super) struct Plan {
    /// The server's release binary.
    pub(super) binary: PathBuf,
    /// Where the data folders of all rounds are made.
    pub(super) folder: PathBuf,
    /// How long each figure is measured.
    pub(super) window: Duration,
}

/// Measures everything once.
pub(super) async fn measure(plan: &Plan, figures: &mut Figures) -> anyhow::Result<()> {
    let round = tempfile::Builder::new().prefix("round-").tempdir_in(&plan.folder)?;
    let client = Client::builder().no_proxy().tcp_nodelay(true).pool_max_idle_per_host(1024).build()?;
    let agents = Process::agents(&plan.binary, round.path(), &client).await?;
    floors(plan, round.path(), &client, &agents, figures).await?;
    runs(plan, round.path(), &client, &agents, figures).await?;
    starts_while_executing(plan, round.path(), &client, &agents, figures).await?;
    starts_only(plan, round.path(), &client, &agents, figures).await?;
    ratios(figures);
    Ok(())
}

async fn floors(
    plan: &Plan,
    round: &Path,
    client: &Client,
    agents: &Process,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (binary, data, window) = (plan.binary.clone(), round.join("floor"), plan.window);
    let floor = tokio::task::spawn_blocking(move || commit_floor(&binary, &data, window)).await??;
    let member = |name: &str| floor[name].as_f64().with_context(|| format!("bench-floor printed no {name}: {floor}"));
    figures.add(Figure::FloorCommitsPerSecond, member("commits_per_second")?);
    figures.add(Figure::FloorCommitP50, member("p50_us")? / 1000.0);
    figures.add(Figure::FloorCommitP99, member("p99_us")? / 1000.0);
    for level in LEVELS {
        let calls = bare::measure(client, &format!("{}/echo", agents.url), level, plan.window).await?;
        figures.add(Figure::BareCallsPerSecond(level), calls.per_second);
        figures.add(Figure::BareP50(level), calls.p50_ms);
        figures.add(Figure::BareP99(level), calls.p99_ms);
    }
    Ok(())
}

fn commit_floor(binary: &Path, data: &Path, window: Duration) -> anyhow::Result<Value> {
    std::fs::create_dir_all(data)?;
    // Whole seconds, because that is what the command takes.
    let seconds = window.as_secs().max(1).to_string();
    let output =
        Command::new(binary).arg("bench-floor").arg("--data").arg(data).args(["--seconds", &seconds]).output()?;
    if !output.status.success() {
        bail!("bench-floor failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().rfind(|line| !line.trim().is_empty()).context("bench-floor printed nothing")?;
    serde_json::from_str(last).with_context(|| format!("bench-floor printed '{last}'"))
}

/// A server of its own on an empty store, with one agent that answers at once and one that does not.
async fn fresh_server(plan: &Plan, data: &Path, client: &Client, agents: &Process) -> anyhow::Result<(Process, Api)> {
    let server = Process::server(&plan.binary, data, client).await?;
    let api = Api::new(client.clone(), &server.url);
    api.register_agent("echo", &format!("{}/echo", agents.url)).await?;
    api.register_agent("slow", &format!("{}/slow?ms=60000", agents.url)).await?;
    Ok((server, api))
}

async fn runs(
    plan: &Plan,
    round: &Path,
    client: &Client,
    agents: &Process,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (server, api) = fresh_server(plan, &round.join("runs"), client, agents).await?;
    figures.add(Figure::ReadyAfter, server.ready_after.as_secs_f64() * 1000.0);
    tokio::time::sleep(IDLE).await;
    figures.add(Figure::IdleMemory, server.memory_mb()?);
    for level in LEVELS {
        // A workflow for each level, so that its runs can be told from those of others.
        let workflow = api.create_workflow(&format!("ten-steps-{level}"), "echo").await?;
        let watched = Watched { api: &api, server: &server, agents };
        let window = closed_loop::measure(&watched, &workflow, level, plan.window).await?;
        add_window(figures, level, &window);
        figures.add(Figure::PeakMemory(level), server.peak_memory_mb()?);
        run_times::add(&api, &workflow, level, window.agent_ms, figures).await?;
        progress(figures, level);
    }
    Ok(())
}

fn add_window(figures: &mut Figures, level: usize, window: &Window) {
    let steps = window.counters.steps;
    figures.add(Figure::RunsPerSecond(level), window.counters.completed / window.seconds);
    figures.add(Figure::StepsPerSecond(level), steps / window.seconds);
    figures.add(Figure::TransactionsPerStep(level), window.counters.transactions / steps);
    figures.add(Figure::RunCommitsPerStep(level), window.counters.run_commits / steps);
    let percent = |cpu_seconds: f64| 100.0 * cpu_seconds / window.seconds;
    figures.add(Figure::ServerCpu(level), percent(window.server_cpu));
    figures.add(Figure::AgentCpu(level), percent(window.agent_cpu));
    figures.add(Figure::DriverCpu(level), percent(window.driver_cpu));
}

fn progress(figures: &Figures, level: usize) {
    let last = |figure| figures.last(figure).unwrap_or(f64::NAN);
    println!(
        "  {level:>3} in flight: {:>7.0} steps/s, wall per step p50 {:.2} ms p99 {:.2} ms, {:.3} transactions per step",
        last(Figure::StepsPerSecond(level)),
        last(Figure::WallP50(level)),
        last(Figure::WallP99(level)),
        last(Figure::TransactionsPerStep(level)),
    );
}

async fn starts_while_executing(
    plan: &Plan,
    round: &Path,
    client: &Client,
    agents: &Process,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (_server, api) = fresh_server(plan, &round.join("starts-while-executing"), client, agents).await?;
    let workflow = api.create_workflow("ten-steps", "echo").await?;
    let measured = starts::measure(&api, &workflow, plan.window).await?;
    println!("  starts while executing: {:>7.0}/s ({} refused)", measured.per_second, measured.refused);
    figures.add(Figure::StartsWhileExecuting, measured.per_second);
    Ok(())
}

async fn starts_only(
    plan: &Plan,
    round: &Path,
    client: &Client,
    agents: &Process,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (_server, api) = fresh_server(plan, &round.join("starts-only"), client, agents).await?;
    let workflow = api.create_workflow("ten-slow-steps", "slow").await?;
    let measured = starts::measure(&api, &workflow, plan.window).await?;
    println!("  starts only:            {:>7.0}/s ({} refused)", measured.per_second, measured.refused);
    figures.add(Figure::StartsOnly, measured.per_second);
    figures.add(Figure::StartP50, measured.p50_ms);
    figures.add(Figure::StartP99, measured.p99_ms);
    Ok(())
}

fn ratios(figures: &mut Figures) {
    figures.add_ratio(Figure::StartsByFloor, Figure::StartsOnly, Figure::FloorCommitsPerSecond);
    let executing = Figure::StartsWhileExecutingByFloor;
    figures.add_ratio(executing, Figure::StartsWhileExecuting, Figure::FloorCommitsPerSecond);
    for level in LEVELS {
        let bare = Figure::BareCallsPerSecond(level);
        figures.add_ratio(Figure::StepsByBareCalls(level), Figure::StepsPerSecond(level), bare);
        figures.add_ratio(Figure::OverheadByCommit(level), Figure::OverheadP99(level), Figure::FloorCommitP50);
    }
}
