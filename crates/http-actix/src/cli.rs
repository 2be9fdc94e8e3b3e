//! The command line.

pub(crate) mod access;
mod audit;
mod config;
mod doctor;
mod door;
mod health;
pub(crate) mod kafka;
mod limits;
mod migrate;
mod moving;
mod remote;
mod runs;
mod secrets;
mod serve;
mod token;
mod traces;
mod webhooks;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{ArgGroup, Args, Parser, Subcommand};

pub(crate) use audit::Verify;
pub(crate) use config::{Effective, Refused, read};
pub(crate) use door::{Auth, DoorSettings};
pub(crate) use migrate::Migrate;
pub(crate) use secrets::{SecretKeys, SecretsPlace};
pub(crate) use serve::{AgentCalls, AgentTokens, EngineKind, Role, Serve};

use crate::{composition, demo};

/// Orrery runs workflows of agents, durably.
///
/// Without a command it serves: API, engine and store in this one process.
#[derive(Parser)]
#[command(name = "orrery", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Any>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Any {
    #[command(flatten)]
    Here(Command),
    #[command(flatten)]
    Remote(remote::Remote),
}

#[derive(Subcommand)]
enum Command {
    /// Serve: everything in one process on a local folder, or one of several processes on PostgreSQL and Kafka.
    Serve(Box<Serve>),
    /// Print, check and explain the configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Look at everything that a server with these settings needs, and say what mends what is wrong. Nothing is changed.
    ///
    /// Ends with 1 if anything is wrong; warnings are not.
    Doctor(Box<doctor::Doctor>),
    /// Bring a database's schema up to date, take migrations back, or list them.
    Migrate(migrate::MigrateCommand),
    /// Start everything on free ports with three built-in agents, and show a workflow run.
    Demo(Demo),
    /// Serve the built-in demo agents alone, for tests and benchmarks.
    DemoAgents(DemoAgents),
    /// Ask a server of this machine how it is; fails unless it is well.
    Health(health::Health),
    /// Look after the audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The server's own keys, and what is kept encrypted with them.
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Look into a token, or narrow it; no server is asked.
    #[command(subcommand)]
    Token(token::Token),
    /// Make, list, rotate and revoke API keys, on the store itself.
    Keys(access::KeysCommand),
    /// Let people log in, on the store itself.
    Users(access::UsersCommand),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the OpenAPI document in OpenAPI 3.0.3.
    #[command(name = "openapi-3.0")]
    Openapi30,
    /// Print the reference of problem codes, as Markdown.
    Errors,
    /// Print which right each operation needs and which role has it, as Markdown.
    Rights,
    /// Print what is measured and told at `/metrics`, as Markdown.
    Metrics(Metrics),
    /// Measure single-row commits per second of the store's file system or database: the floor of a benchmark.
    BenchFloor(BenchFloor),
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
struct Metrics {
    /// As JSON, for programs: names, kinds, labels and series.
    #[arg(long)]
    json: bool,
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
#[command(group(ArgGroup::new("place").required(true).args(["data", "database_url"])))]
struct BenchFloor {
    /// The folder to measure in.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The PostgreSQL database to measure in.
    #[arg(long)]
    database_url: Option<String>,
    /// How many connections to the database commit at the same time.
    #[arg(long, default_value_t = 1, conflicts_with = "data", value_parser = at_least_one)]
    connections: usize,
    /// Measure the commits of runs in batches of this size instead, in a database that has the schema and serves nothing else.
    #[arg(long, conflicts_with_all = ["data", "connections"], value_parser = at_least_one)]
    journal_batch: Option<usize>,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
}

impl Cli {
    /// Runs the command, and says how the process ends; the settings are those that it was read with.
    pub(crate) fn run(self, settings: &[Effective]) -> anyhow::Result<ExitCode> {
        match self.command.unwrap_or(Any::Here(Command::Serve(Box::new(self.serve)))) {
            Any::Here(command) => command.run(settings).map(|()| ExitCode::SUCCESS),
            Any::Remote(remote) => composition::block_on(remote.run()),
        }
    }
}

impl Command {
    fn run(self, settings: &[Effective]) -> anyhow::Result<()> {
        match self {
            Command::Serve(serve) => composition::block_on(composition::serve(*serve)),
            Command::Config(config) => print(&config.run(settings)?),
            Command::Doctor(doctor) => {
                let (told, healthy) = doctor.run()?;
                print(&told)?;
                anyhow::ensure!(healthy, "something is wrong, as told above");
                Ok(())
            }
            Command::Migrate(migrate) => print(&migrate.run()?),
            Command::Demo(demo) => composition::block_on(demo::run(demo)),
            Command::DemoAgents(agents) => {
                let delay = Duration::from_millis(agents.delay_ms);
                composition::block_on(demo::serve_agents(agents.listen, !agents.no_record, delay))
            }
            Command::Health(health) => print(health.ask()?.trim_end()),
            Command::Audit(audit::Audit::Verify(verify)) => {
                print(&composition::block_on(composition::verify_audit(&verify))?)
            }
            Command::Secrets(secrets) => print(&secrets.run()?),
            Command::Token(token) => print(&token.run()?),
            Command::Keys(command) => {
                say(&composition::block_on(composition::manage_keys(&command.place, command.what))?)
            }
            Command::Users(command) => {
                say(&composition::block_on(composition::manage_users(&command.place, command.what))?)
            }
            Command::Openapi => print(&serde_json::to_string_pretty(&http_actix::openapi_document())?),
            Command::Openapi30 => print(&serde_json::to_string_pretty(&http_actix::openapi_document_3_0())?),
            Command::Errors => print(http_actix::problem::errors_markdown().trim_end()),
            Command::Rights => print(composition::rights().trim_end()),
            Command::Metrics(Metrics { json: true }) => print(&composition::list_of_metrics()),
            Command::Metrics(_) => print(composition::reference_of_metrics().trim_end()),
            Command::BenchFloor(floor) => print(&floor.measure()?),
        }
    }
}

impl BenchFloor {
    fn measure(&self) -> anyhow::Result<String> {
        let duration = Duration::from_secs(self.seconds);
        match (&self.database_url, &self.data) {
            (Some(url), _) if let Some(batch) = self.journal_batch => {
                composition::block_on(composition::bench_journal_of_database(url, batch, duration))
            }
            (Some(url), _) => {
                composition::block_on(composition::bench_floor_of_database(url, self.connections, duration))
            }
            (None, Some(folder)) => composition::bench_floor(folder, duration),
            (None, None) => anyhow::bail!("--data or --database-url is needed"),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| "a number of at least 1 is needed".to_owned())
}

/// What is for people goes to standard error, so that a program gets nothing but what it asked for.
fn say(said: &composition::Said) -> anyhow::Result<()> {
    eprintln!("{}", said.about);
    said.result.as_deref().map_or(Ok(()), print)
}

/// Writes to standard output; a closed pipe is no error.
#[expect(clippy::unnecessary_wraps, reason = "so that every command is one expression")]
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}
