//! One round: floors first, then the server, so that every ratio compares values measured within the same minute.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::Client;

use super::{
    api::{Api, Patience},
    closed_loop::{self, Watched, Window},
    database::{Database, Table},
    figures::{Figure, Figures},
    floors,
    parked::ParkedRuns,
    run_times, starts,
    store::{Home, Store},
};
use crate::process::{self, Process};

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
    /// Where servers keep everything.
    pub(super) store: Store,
    /// How long each figure is measured.
    pub(super) window: Duration,
    /// Beside how many parked runs everything that could suffer from them is measured a second time.
    pub(super) parked: Option<usize>,
}

/// What the rounds say.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) figures: Figures,
    /// The same beside parked runs.
    pub(super) beside_parked: Figures,
}

/// Measures everything once.
pub(super) async fn measure(plan: &Plan, measured: &mut Measured) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("round-").tempdir_in(&plan.folder)?;
    let client = process::client()?;
    let agents = Process::agents(&plan.binary, folder.path(), &client).await?;
    let round = Round { plan, folder: folder.path(), client: &client, agents: &agents };
    let figures = &mut measured.figures;
    floors::add(plan, folder.path(), &client, &agents, figures).await?;
    round.runs(0, figures).await?;
    round.starts_while_executing(figures).await?;
    round.starts_only(0, figures).await?;
    ratios(figures, plan.store.kind().floor_of_starts());
    if let Some(parked) = plan.parked {
        println!("  with {parked} parked runs:");
        // The agents still hold thousands of calls of the last server, which would be charged to the parked runs.
        drop(agents);
        let agents = Process::agents(&plan.binary, folder.path(), &client).await?;
        let round = Round { plan, folder: folder.path(), client: &client, agents: &agents };
        round.runs(parked, &mut measured.beside_parked).await?;
        round.starts_only(parked, &mut measured.beside_parked).await?;
    }
    Ok(())
}

struct Round<'a> {
    plan: &'a Plan,
    folder: &'a Path,
    client: &'a Client,
    agents: &'a Process,
}

/// A server of its own, with one agent that answers at once and one that does not.
struct Fresh {
    server: Process,
    api: Api,
    database: Option<Database>,
}

impl Round<'_> {
    /// On an empty store, or on one that holds nothing but parked runs.
    async fn fresh_server(&self, name: &str, parked: usize) -> anyhow::Result<Fresh> {
        let home = self.plan.store.fresh(&self.folder.join(name)).await?;
        let database = home.url().map(Database::open).transpose()?;
        if let (Some(database), 1..) = (&database, parked) {
            // The server that is measured finds them when it starts.
            let server = self.server(&home, &format!("{name}-parking")).await?;
            let api = Api::new(self.client.clone(), &server.url);
            ParkedRuns::template("parked", &api, database, &self.agents.url).await?.park(parked).await?;
            server.stop().await?;
        }
        let server = self.server(&home, name).await?;
        let api = Api::new(self.client.clone(), &server.url);
        let agents = &self.agents.url;
        api.register_agent("echo", &format!("{agents}/echo"), Patience::NeverTriesAgain).await?;
        api.register_agent("slow", &format!("{agents}/slow?ms=60000"), Patience::NeverTriesAgain).await?;
        Ok(Fresh { server, api, database })
    }

    async fn server(&self, home: &Home, name: &str) -> anyhow::Result<Process> {
        let log = self.folder.join(name).with_extension("log");
        Process::server(&self.plan.binary, &home.arguments(), &log, self.client).await
    }

    async fn runs(&self, parked: usize, figures: &mut Figures) -> anyhow::Result<()> {
        let Fresh { server, api, database } = &self.fresh_server("runs", parked).await?;
        figures.add(Figure::ReadyAfter, server.ready_after.as_secs_f64() * 1000.0);
        tokio::time::sleep(IDLE).await;
        figures.add(Figure::IdleMemory, server.memory_mb()?);
        for level in LEVELS {
            // A workflow for each level, so that its runs can be told from those of others.
            let workflow = api.create_workflow(&format!("ten-steps-{level}"), "echo").await?;
            let watched = Watched { api, server, agents: self.agents, database: database.as_ref() };
            let window = closed_loop::measure(&watched, &workflow, level, self.plan.window).await?;
            add_window(figures, level, &window);
            figures.add(Figure::PeakMemory(level), server.peak_memory_mb()?);
            run_times::add(api, &workflow, level, window.agent_ms, figures).await?;
            progress(figures, level);
        }
        if let (Some(database), Some(_)) = (database, self.plan.parked) {
            ParkedRuns::template("woken", api, database, &self.agents.url).await?.add_claims(figures).await?;
        }
        Ok(())
    }

    async fn starts_while_executing(&self, figures: &mut Figures) -> anyhow::Result<()> {
        let fresh = self.fresh_server("starts-while-executing", 0).await?;
        let workflow = fresh.api.create_workflow("ten-steps", "echo").await?;
        let measured = starts::measure(&fresh.api, &workflow, self.plan.window).await?;
        println!("  starts while executing: {:>7.0}/s ({} refused)", measured.per_second, measured.refused);
        figures.add(Figure::StartsWhileExecuting, measured.per_second);
        Ok(())
    }

    async fn starts_only(&self, parked: usize, figures: &mut Figures) -> anyhow::Result<()> {
        let fresh = self.fresh_server("starts-only", parked).await?;
        let workflow = fresh.api.create_workflow("ten-slow-steps", "slow").await?;
        let measured = starts::measure(&fresh.api, &workflow, self.plan.window).await?;
        println!("  starts only:            {:>7.0}/s ({} refused)", measured.per_second, measured.refused);
        figures.add(Figure::StartsOnly, measured.per_second);
        figures.add(Figure::StartP50, measured.p50_ms);
        figures.add(Figure::StartP99, measured.p99_ms);
        Ok(())
    }
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
    let Some(activity) = window.activity else { return };
    figures.add(Figure::WalPerStep(level), activity.wal_bytes / steps);
    figures.add(Figure::ServerTransactionsPerStep(level), activity.transactions / steps);
    for table in Table::ALL {
        if let Some(percent) = activity.hot_percent(table) {
            figures.add(Figure::HotUpdates(table, level), percent);
        }
    }
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

fn ratios(figures: &mut Figures, floor_of_starts: usize) {
    let floor = Figure::FloorCommitsPerSecond(floor_of_starts);
    figures.add_ratio(Figure::StartsByFloor, Figure::StartsOnly, floor);
    figures.add_ratio(Figure::StartsWhileExecutingByFloor, Figure::StartsWhileExecuting, floor);
    if let (Some(starts), Some(steps), Some(calls)) = (
        figures.last(Figure::JournalStarts),
        figures.last(Figure::JournalSteps),
        figures.last(Figure::BareCallsPerSecond(LEVELS[2])),
    ) {
        // One after the other on the same processors: their times add up.
        figures.add(Figure::StartsAtMost, 1.0 / (1.0 / starts + 1.0 / calls));
        figures.add(Figure::StepsAtMost, 1.0 / (1.0 / steps + 1.0 / calls));
    }
    figures.add_ratio(Figure::StartsAtMostByFloor, Figure::StartsAtMost, floor);
    figures.add_ratio(Figure::StepsAtMostByBareCalls, Figure::StepsAtMost, Figure::BareCallsPerSecond(LEVELS[2]));
    figures.add_ratio(Figure::OverheadAtLeast, Figure::FloorCommitP99(LEVELS[1]), Figure::FloorCommitP50(1));
    figures.add_ratio(Figure::StartsByJournal, Figure::StartsOnly, Figure::JournalStarts);
    figures.add_ratio(Figure::StepsByJournal, Figure::StepsPerSecond(LEVELS[2]), Figure::JournalSteps);
    for level in LEVELS {
        let (bare, overhead) = (Figure::BareCallsPerSecond(level), Figure::OverheadP99(level));
        figures.add_ratio(Figure::StepsByBareCalls(level), Figure::StepsPerSecond(level), bare);
        figures.add_ratio(Figure::OverheadByCommit(level), overhead, Figure::FloorCommitP50(1));
        figures.add_ratio(Figure::OverheadByCrowdedCommit(level), overhead, Figure::FloorCommitP50(level));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ratio_is_taken_with_the_floor_of_its_concurrency() {
        let mut figures = Figures::default();
        for (figure, value) in [
            (Figure::FloorCommitsPerSecond(1), 500.0),
            (Figure::FloorCommitsPerSecond(64), 4000.0),
            (Figure::FloorCommitP50(1), 0.5),
            (Figure::FloorCommitP50(16), 2.0),
            (Figure::StartsOnly, 6000.0),
            (Figure::OverheadP99(16), 6.0),
        ] {
            figures.add(figure, value);
        }
        ratios(&mut figures, 64);
        assert_eq!(figures.last(Figure::StartsByFloor), Some(1.5));
        assert_eq!(figures.last(Figure::OverheadByCommit(16)), Some(12.0));
        assert_eq!(figures.last(Figure::OverheadByCrowdedCommit(16)), Some(3.0));
    }
}
