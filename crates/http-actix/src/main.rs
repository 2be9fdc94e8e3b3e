//! The `orrery` binary: the command line, and the composition root behind it.

mod cli;
mod composition;
mod demo;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let command = cli::Cli::parse();
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes on one line: what failed, and why.
            eprintln!("orrery: {error:#}");
            ExitCode::FAILURE
        }
    }
}
