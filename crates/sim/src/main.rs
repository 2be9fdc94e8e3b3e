//! `sim --seeds N [--seed S]`: runs seeds, or replays one with its trace.

use std::process::ExitCode;

use clap::Parser;

/// Deterministic simulation of the run engine.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run, from `--first`.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Replays this one seed and prints its trace.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => replay(seed),
        None => sweep(arguments.first, arguments.seeds),
    }
}

fn replay(seed: u64) -> ExitCode {
    match sim::run_seed(seed) {
        Ok(report) => {
            report.trace.iter().for_each(|line| println!("{line}"));
            println!("seed {seed}: no violation");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            fail(seed, &violation);
            ExitCode::FAILURE
        }
    }
}

fn sweep(first: u64, seeds: u64) -> ExitCode {
    let started = std::time::Instant::now();
    let mut total = sim::Report::default();
    for seed in first..first + seeds {
        match sim::run_seed(seed) {
            Ok(report) => total.add(&report),
            Err(violation) => {
                fail(seed, &violation);
                return ExitCode::FAILURE;
            }
        }
    }
    let rate = f64::from(u32::try_from(seeds).unwrap_or(u32::MAX)) / started.elapsed().as_secs_f64();
    println!("{seeds} seeds, no violation, {rate:.0} seeds/s: {total}");
    ExitCode::SUCCESS
}

fn fail(seed: u64, violation: &sim::Violation) {
    violation.trace.iter().for_each(|line| println!("{line}"));
    println!("VIOLATION with seed {seed}: {}", violation.what);
    println!("replay: cargo xtask sim --seed {seed}");
}
