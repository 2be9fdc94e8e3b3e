//! Which measurement is asked for.

use super::{language, runs};

/// What can be measured.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Starts, runs and steps per second, overhead per step, memory and CPU of an otherwise idle machine.
    Runs(runs::Options),
    /// What a step of a long loop costs, and what runs cost that wait.
    Language(language::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Runs(options) => runs::run(options),
        Bench::Language(options) => language::run(options),
    }
}
