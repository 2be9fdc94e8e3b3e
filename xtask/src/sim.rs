//! `cargo xtask sim`: runs the simulation of the run engine, which is a program of its own (package `sim`).

use crate::workspace::{cargo, must};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// Replays this one seed and prints its trace.
    #[arg(long)]
    seed: Option<u64>,
}

impl Options {
    /// So many seeds, from the first.
    pub(crate) fn seeds(seeds: u64) -> Self {
        Self { seeds, seed: None }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut sim = cargo();
    sim.args(["run", "--quiet", "-p", "sim", "--", "--seeds", &options.seeds.to_string()]);
    if let Some(seed) = options.seed {
        sim.args(["--seed", &seed.to_string()]);
    }
    must(&mut sim)
}
