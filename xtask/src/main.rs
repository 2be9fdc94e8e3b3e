//! The project's own commands, run as `cargo xtask <command>`: what CI checks, what is generated, what is measured.
//!
//! It runs tools and reads files. It holds no product code, and nothing depends on it.

mod bench;
mod chaos;
mod chart;
mod ci;
mod contract;
mod deny;
mod docs;
mod generated;
mod libraries;
mod migrate;
mod process;
mod services;
mod sim;
mod source;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that CI checks, cheap stages first; stops at the first that fails.
    Ci(ci::Options),
    /// Builds the server, then runs every test of the workspace against it.
    Test(test::Options),
    /// PostgreSQL and Kafka for development.
    #[command(subcommand)]
    Services(services::Services),
    /// The schema of a PostgreSQL database, forth and back.
    Migrate(migrate::Options),
    /// Checks the walls between crates and the rules for files; reports all findings at once.
    Tidy,
    /// Writes docs/reference/openapi.json and openapi-3.0.json from the server's own output.
    Openapi(generated::OpenapiOptions),
    /// Writes docs/reference/errors.md from the server's own output.
    Errors(generated::Options),
    /// Writes docs/reference/metrics.md from the server's own output.
    Metrics(generated::Options),
    /// Writes docs/reference/rights.md from the server's own output.
    Rights(generated::Options),
    /// Holds the API's description against the server (Schemathesis, generated clients) and against what it promised before.
    Contract(contract::Options),
    /// Renders the Helm chart with several files of values, and looks at what comes out.
    Chart,
    /// Makes the documentation's site, and checks that links in the documentation resolve.
    Docs(docs::Options),
    /// Runs the simulation of the run engine over many seeds, or replays one.
    Sim(sim::Options),
    /// Kills, freezes and stops real processes under load, and checks what became of the guarantees.
    Chaos(chaos::Options),
    /// Measures.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain in one line, never a backtrace: a failed check is no bug of this program.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Ci(options) => ci::run(&options),
        Command::Test(options) => test::run(&options).map(drop),
        Command::Services(services) => services::run(&services),
        Command::Migrate(options) => migrate::run(&options),
        Command::Tidy => tidy::run(),
        Command::Openapi(options) => generated::run_openapi(&options),
        Command::Errors(options) => generated::run(&generated::ERRORS, &options),
        Command::Metrics(options) => generated::run(&generated::METRICS, &options),
        Command::Rights(options) => generated::run(&generated::RIGHTS, &options),
        Command::Contract(options) => contract::run(&options).map(|report| println!("contract: {report}")),
        Command::Chart => chart::run().map(drop),
        Command::Docs(options) => docs::run(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::Bench(bench) => bench::run(&bench),
    }
}
