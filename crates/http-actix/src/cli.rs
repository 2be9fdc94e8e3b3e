//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    composition::{self, LogFormat},
    demo,
};

/// Orrery runs workflows of agents, durably.
///
/// Without a command it serves: API, engine and store in this one process.
#[derive(Parser)]
#[command(name = "orrery", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and run workflows, on a SQLite store in a local folder.
    Serve(Serve),
    /// Start everything on free ports with three built-in agents, and show a workflow run.
    Demo(Demo),
    /// Serve the built-in demo agents alone, for tests and benchmarks.
    DemoAgents(DemoAgents),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the reference of problem codes, as Markdown.
    Errors,
    /// Measure single-row commits per second of the store's file system: the floor of a benchmark.
    BenchFloor(BenchFloor),
}

/// How to serve.
#[derive(Args, Clone)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "ORRERY_LISTEN", default_value = "127.0.0.1:8000")]
    pub(crate) listen: SocketAddr,
    /// The folder that holds everything this server keeps.
    #[arg(long, env = "ORRERY_DATA", default_value = "orrery-data")]
    pub(crate) data: PathBuf,
    /// The most runs that are looked after at once; more wait their turn in the store.
    #[arg(long, env = "ORRERY_CAPACITY", default_value_t = 10_000, value_parser = at_least_one)]
    pub(crate) capacity: usize,
    /// How many seconds a shutdown waits for agent calls under way.
    #[arg(long, env = "ORRERY_DRAIN_SECONDS", default_value_t = 10)]
    pub(crate) drain_seconds: u64,
    /// How logs are written to standard error; by default text on a terminal and JSON elsewhere.
    #[arg(long, env = "ORRERY_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged, in the syntax of `RUST_LOG`.
    #[arg(long, env = "ORRERY_LOG", default_value = "info")]
    pub(crate) log: String,
}

/// How to show the demo.
#[derive(Args)]
pub(crate) struct Demo {
    /// Stay up after the run, until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print lines of JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// What the agents work on.
    #[arg(long, default_value = "orreries")]
    pub(crate) topic: String,
    /// The folder for the store; by default a temporary one, which is removed afterwards.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Args)]
struct DemoAgents {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Do not record calls: for benchmarks.
    #[arg(long)]
    no_record: bool,
    /// How long the agents of the story take, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

#[derive(Args)]
struct BenchFloor {
    /// The folder to measure in.
    #[arg(long)]
    data: PathBuf,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.command.unwrap_or(Command::Serve(self.serve)) {
            Command::Serve(serve) => composition::block_on(composition::serve(serve)),
            Command::Demo(demo) => composition::block_on(demo::run(demo)),
            Command::DemoAgents(agents) => {
                let delay = Duration::from_millis(agents.delay_ms);
                composition::block_on(demo::serve_agents(agents.listen, !agents.no_record, delay))
            }
            Command::Openapi => print(&serde_json::to_string_pretty(&http_actix::openapi_document())?),
            Command::Errors => print(http_actix::problem::errors_markdown().trim_end()),
            Command::BenchFloor(floor) => {
                print(&composition::bench_floor(&floor.data, Duration::from_secs(floor.seconds))?)
            }
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| "a number of at least 1 is needed".to_owned())
}

/// Writes to standard output; a closed pipe is no error.
#[expect(clippy::unnecessary_wraps, reason = "so that every command is one expression")]
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}
