//! Which measurement is asked for.

use super::runs;

/// What can be measured.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Starts, runs and steps per second, overhead per step, memory and CPU of an otherwise idle machine.
    Runs(runs::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Runs(options) => runs::run(options),
    }
}
