//! Which measurement is asked for.

use super::{access, language, lists, runs, streams};

/// What can be measured.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Starts, runs and steps per second, overhead per step, memory and CPU of an otherwise idle machine.
    Runs(runs::Options),
    /// What a step of a long loop costs, and what runs cost that wait.
    Language(language::Options),
    /// What it costs a request that somebody is asked who they are.
    Access(access::Options),
    /// What pages of long lists of runs cost, at both ends.
    Lists(lists::Options),
    /// What open streams of events cost, and how late an event is told.
    Streams(streams::Options),
}

pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    match bench {
        Bench::Runs(options) => runs::run(options),
        Bench::Language(options) => language::run(options),
        Bench::Access(options) => access::run(options),
        Bench::Lists(options) => lists::run(options),
        Bench::Streams(options) => streams::run(options),
    }
}
