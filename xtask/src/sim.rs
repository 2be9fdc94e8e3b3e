//! `cargo xtask sim`: runs the simulation of the run engine, which is a program of its own (package `sim`).

use std::process::Command;

use crate::workspace::{Profile, build, cargo, must};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Runs seeds for so many minutes instead.
    #[arg(long)]
    minutes: Option<u64>,
    /// On how many threads.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Replays this one seed and prints its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Plants bugs in the engine, one after the other, and fails unless each is found.
    #[arg(long, conflicts_with_all = ["seeds", "first", "minutes", "jobs", "seed"])]
    planted: bool,
}

impl Options {
    /// So many seeds, from the first, on every core.
    pub(crate) fn seeds(seeds: u64) -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { seeds, first: 1, minutes: None, jobs, seed: None, planted: false }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.planted {
        return planted();
    }
    let mut sim = Command::new(build("sim", Profile::Dev)?);
    sim.args(["--seeds", &options.seeds.to_string()]);
    sim.args(["--first", &options.first.to_string(), "--jobs", &options.jobs.to_string()]);
    if let Some(minutes) = options.minutes {
        sim.args(["--minutes", &minutes.to_string()]);
    }
    if let Some(seed) = options.seed {
        sim.args(["--seed", &seed.to_string()]);
    }
    must(&mut sim)
}

/// A build of its own, of nothing but this test: no program may ever be built with this feature on.
pub(crate) fn planted() -> anyhow::Result<()> {
    let mut sim = cargo();
    sim.args(["test", "--quiet", "--workspace", "--features", "sim/planted-bugs"]);
    must(sim.args(["--test", "planted", "--", "--nocapture"]))
}
