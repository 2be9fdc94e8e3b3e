//! `chaos --minutes M [--seed S]`: real servers on a PostgreSQL and a Kafka of their own, under load, while a seeded scheduler
//! kills, freezes and stops them and the services; afterwards a checker holds what the database, the agents and the topic
//! say against what is guaranteed. Started by `cargo xtask chaos`.

mod api;
mod checker;
mod documents;
mod evidence;
mod faults;
mod ledger;
mod load;
mod message_ids;
mod moment;
mod people;
mod reading;
mod recovery;
mod schedule;
mod site;
mod slot;
mod summary;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use ledger::Ledger;
use site::Site;
use summary::Summary;
use tokio::task::JoinSet;

/// How long everything may take to come to rest when the faults have stopped: a parked wait, attempts that are still due, and
/// a take-over, with room to spare.
const REST: Duration = Duration::from_mins(3);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(500);

/// How often a line says how far it is.
const PROGRESS: Duration = Duration::from_secs(15);

/// What a shell takes for "ended by Ctrl-C".
const INTERRUPTED: u8 = 130;

/// Faults on real processes, and what became of the guarantees.
#[derive(Parser)]
struct Options {
    /// How long faults happen.
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Which faults; by default any, and it is said which.
    #[arg(long)]
    seed: Option<u64>,
    /// How many runs are started each second.
    #[arg(long, default_value_t = 6.0)]
    rate: f64,
    /// The lease of the executors and relays; the default is that of `orrery serve`.
    #[arg(long, default_value_t = 4)]
    lease_seconds: u64,
    /// Where the summary is written to, as Markdown.
    #[arg(long)]
    section: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(1..1_000_000));
    let folder = folder(seed);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into(), &folder),
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            summary = chaos(seed, &options, &folder) => Some(summary),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    // Whoever is at a server finishes that; then all of them end.
    drop(runtime);
    match ended {
        None => {
            println!("interrupted; nothing was checked");
            remove(&folder);
            ExitCode::from(INTERRUPTED)
        }
        Some(Err(error)) => failed(&error, &folder),
        Some(Ok(summary)) => {
            println!("{}", summary.text().trim_end());
            if summary.is_clean() {
                remove(&folder);
                return ExitCode::SUCCESS;
            }
            if let Err(error) = std::fs::write(folder.join("violations.txt"), summary.violations()) {
                return failed(&error.into(), &folder);
            }
            println!("all violations, logs and data are in {}", folder.display());
            println!("another run like it: cargo xtask chaos --minutes {} --seed {seed}", options.minutes);
            ExitCode::FAILURE
        }
    }
}

fn failed(error: &anyhow::Error, folder: &Path) -> ExitCode {
    eprintln!("error: {error:#}; logs and data are in {}", folder.display());
    ExitCode::FAILURE
}

/// Where a run keeps its files.
fn folder(seed: u64) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).join("target").join("chaos").join(format!("seed-{seed}"))
}

fn remove(folder: &Path) {
    for result in [std::fs::remove_dir_all(folder), std::fs::remove_file(folder.with_extension("lock"))] {
        if let Err(error) = result {
            eprintln!("warning: {} stays: {error}", folder.display());
        }
    }
}

async fn chaos(seed: u64, options: &Options, folder: &Path) -> anyhow::Result<Summary> {
    let length = Duration::try_from_secs_f64(options.minutes * 60.0).context("--minutes")?;
    let lease = Duration::from_secs(options.lease_seconds);
    let pace = Duration::try_from_secs_f64(1.0 / options.rate).ok().filter(|pace| !pace.is_zero()).context("--rate")?;
    println!("seed {seed}: starting PostgreSQL, Kafka and the servers in {}", folder.display());
    let site = Arc::new(Site::start(folder, lease).await?);
    let ledger = Arc::new(Ledger::default());
    let workflows = load::prepare(&site).await?;

    let mut around = JoinSet::new();
    around.spawn(load::start_runs(Arc::clone(&site), Arc::clone(&ledger), workflows, pace, seed));
    around.spawn(people::meddle(Arc::clone(&site), Arc::clone(&ledger), seed));
    around.spawn(progress(Arc::clone(&ledger), length));
    let planned = schedule::schedule(seed, length, lease);
    println!("{} faults are planned for {:.0} s", planned.len(), length.as_secs_f64());
    faults::happen(&site, &ledger, planned, length).await?;
    around.shutdown().await;

    println!("the faults have stopped");
    rest(&site, &ledger).await?;
    let entries = ledger.entries();
    anyhow::ensure!(!entries.accepted.is_empty(), "no run was accepted: there is nothing to check");
    let evidence = reading::collect(&site, &entries).await?;
    let summary = Summary::of(seed, options.minutes, lease, &entries, &evidence);
    if let Some(section) = &options.section {
        std::fs::write(section, summary.markdown())?;
    }
    Ok(summary)
}

async fn progress(ledger: Arc<Ledger>, length: Duration) {
    let begin = Instant::now();
    loop {
        tokio::time::sleep(PROGRESS).await;
        let (accepted, faults) = ledger.note(|entries| (entries.accepted.len(), entries.faults.values().sum::<u64>()));
        let (now, all) = (begin.elapsed().as_secs(), length.as_secs());
        println!("{now} of {all} s: {accepted} runs accepted, {faults} faults");
    }
}

/// Waits until every run has ended and every message is sent, or for as long as that may take: the checker names the rest.
async fn rest(site: &Site, ledger: &Ledger) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        site.mend(ledger)?;
        let (live, unsent) = reading::unfinished(&site.database_url).await?;
        let waited = begin.elapsed();
        if (live, unsent) == (0, 0) {
            println!("everything came to rest within {:.1} s", waited.as_secs_f64());
            return Ok(());
        }
        if waited > REST {
            println!("after {} s, {live} runs are alive and {unsent} messages wait", waited.as_secs());
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
