//! `sim --seeds N`, `sim --minutes M --jobs J`: runs seeds; `sim --seed S`: replays one with its trace.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use sim::{Sweep, Violation};

/// Deterministic simulation of the run engine.
#[derive(Parser)]
struct Arguments {
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => replay(seed),
        None => sweep(&arguments),
    }
}

fn replay(seed: u64) -> ExitCode {
    let replay = sim::replay(seed);
    replay.trace.iter().for_each(|line| println!("{line}"));
    match replay.outcome {
        Ok(report) => {
            println!("seed {seed}: no violation: {report}");
            ExitCode::SUCCESS
        }
        Err(what) => {
            println!("VIOLATION with seed {seed}: {what}");
            ExitCode::FAILURE
        }
    }
}

fn sweep(arguments: &Arguments) -> ExitCode {
    let lasts = arguments.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    let seeds = if lasts.is_some() { u64::MAX } else { arguments.seeds };
    let swept = Sweep { first: arguments.first, seeds, lasts, jobs: arguments.jobs }.run();
    for Violation { seed, what, trace } in &swept.violations {
        for line in trace {
            println!("{line}");
        }
        println!("VIOLATION with seed {seed}: {what}");
        println!("replay: cargo xtask sim --seed {seed}");
    }
    println!("{}", swept.report.table());
    println!(
        "{} seeds from {} in {:.0} s, {:.0} seeds/s and core, {} violations: {}",
        swept.seeds,
        arguments.first,
        swept.took.as_secs_f64(),
        swept.rate(arguments.jobs),
        swept.violations.len(),
        swept.report
    );
    if swept.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
