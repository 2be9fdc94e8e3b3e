//! How to serve.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use domain::workflows::MAX_NESTING;

use super::{
    door::DoorSettings, kafka::Kafka, limits::LimitSettings, secrets::SecretKeys, traces::TraceSettings,
    webhooks::WebhookTimes,
};
use crate::composition::LogFormat;

/// How many days dead letters are kept unless somebody says otherwise.
const KEEP_DEAD_LETTERS_DAYS: u64 = 30;

/// How many days it is kept what became of ticks unless somebody says otherwise.
const KEEP_SCHEDULE_TICKS_DAYS: u64 = 30;

/// How many days the audit log is kept unless somebody says otherwise, and how many at least.
const KEEP_AUDIT_DAYS: u64 = 365;
const KEEP_AUDIT_DAYS_AT_LEAST: u64 = 90;

/// How many hours answers are kept unless somebody says otherwise.
const KEEP_ANSWERS_HOURS: u64 = application::once::KEEP_ANSWERS.as_secs() / 3_600;

/// How long the database is waited for unless somebody says otherwise.
const DATABASE_WAIT_SECONDS: u64 = 60;

/// How to serve.
#[derive(Args, Clone, Debug)]
pub(crate) struct Serve {
    /// The file of settings, in TOML; `orrery config default` prints one. Flags and variables count more.
    #[arg(long, env = "ORRERY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Which parts run in this process. Everything but `all` needs a database, which any number of processes share.
    #[arg(long, env = "ORRERY_ROLE", value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
    /// The address to listen on; port 0 takes a free one. Roles without an API answer `/health`, `/health/ready` and `/metrics`.
    #[arg(long, env = "ORRERY_LISTEN", default_value = "127.0.0.1:8000")]
    pub(crate) listen: SocketAddr,
    /// The folder that holds everything this server keeps, where no database is given.
    #[arg(long, env = "ORRERY_DATA", default_value = "orrery-data")]
    pub(crate) data: PathBuf,
    /// The PostgreSQL database that holds everything instead: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Do not bring the database's schema up to date at the start; a schema that is not the program's own is an error then.
    #[arg(long, env = "ORRERY_NO_MIGRATE")]
    pub(crate) no_migrate: bool,
    /// Start also on a schema that a newer program has extended, during an upgrade or after it was taken back. A schema that lacks
    /// something is an error all the same.
    #[arg(long, env = "ORRERY_ACCEPT_NEWER_SCHEMA")]
    pub(crate) accept_newer_schema: bool,
    /// How many seconds the start waits for a database that is not there yet; 0 gives up at once.
    #[arg(long, env = "ORRERY_DATABASE_WAIT_SECONDS", default_value_t = DATABASE_WAIT_SECONDS, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub(crate) database_wait_seconds: u64,
    #[command(flatten)]
    pub(crate) door: DoorSettings,
    #[command(flatten)]
    pub(crate) secret_keys: SecretKeys,
    /// Who executes new runs: Orrery, or the executor of the existing system, asked over Kafka.
    #[arg(long, env = "ORRERY_ENGINE", value_enum, default_value_t = EngineKind::Orrery)]
    pub(crate) engine: EngineKind,
    /// How agents are called: over HTTP, or through the bridge of the existing system, over Kafka.
    #[arg(long, env = "ORRERY_AGENT_CALLS", value_enum, default_value_t = AgentCalls::Http)]
    pub(crate) agent_calls: AgentCalls,
    /// Whether each call over HTTP carries a token with which its agent may report about it. Without `--auth required` none does:
    /// tokens are looked at nowhere then.
    #[arg(long, env = "ORRERY_AGENT_TOKENS", value_enum, default_value_t = AgentTokens::On)]
    pub(crate) agent_tokens: AgentTokens,
    /// Whether executors take requests of foreign producers from Kafka; by default they do where Kafka is given, unless new
    /// runs are the existing executor's.
    #[arg(long, env = "ORRERY_ACCEPT_REQUESTS")]
    pub(crate) accept_requests: Option<bool>,
    /// The address for the look-ups of the existing executor and bridge. It answers with the agents' credentials and asks
    /// nobody who they are: only they may reach it.
    #[arg(long, env = "ORRERY_REGISTRY_LISTEN")]
    pub(crate) registry_listen: Option<SocketAddr>,
    /// After how many seconds of silence the runs of an executor are given to others.
    #[arg(long, env = "ORRERY_LEASE_SECONDS", default_value_t = executor::LEASE.as_secs(), value_parser = clap::value_parser!(u64).range(2..=300))]
    pub(crate) lease_seconds: u64,
    /// The most runs that are looked after at once; more wait their turn in the store.
    #[arg(long, env = "ORRERY_CAPACITY", default_value_t = 10_000, value_parser = super::at_least_one)]
    pub(crate) capacity: usize,
    /// How deep blocks may lie in each other in workflows that are saved.
    #[arg(long, env = "ORRERY_MAX_NESTING", default_value_t = MAX_NESTING, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10))]
    pub(crate) max_nesting: usize,
    /// For how many seconds a process with an API goes on answering requests after it was told to stop, while its readiness says
    /// 503 already: as long as whoever distributes requests takes to notice.
    #[arg(long, env = "ORRERY_DRAIN_DELAY_SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=300))]
    pub(crate) drain_delay_seconds: u64,
    /// How many seconds a shutdown waits for agent calls under way.
    #[arg(long, env = "ORRERY_DRAIN_SECONDS", default_value_t = 10)]
    pub(crate) drain_seconds: u64,
    /// For how many days runs are kept after they have ended, with their steps and events; 0 keeps them for ever. Runs that are not
    /// over, or that others refer to, stay: relatives, dead letters, the last run of a schedule.
    #[arg(long, env = "ORRERY_KEEP_RUNS_DAYS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=36_500))]
    pub(crate) keep_runs_days: u64,
    /// For how many days after their last failure dead letters are kept; 0 keeps them until somebody deletes them.
    #[arg(long, env = "ORRERY_KEEP_DEAD_LETTERS_DAYS", default_value_t = KEEP_DEAD_LETTERS_DAYS, value_parser = clap::value_parser!(u64).range(0..=36_500))]
    pub(crate) keep_dead_letters_days: u64,
    /// For how many days rows of the audit log are kept; what is older is removed.
    #[arg(long, env = "ORRERY_KEEP_AUDIT_DAYS", default_value_t = KEEP_AUDIT_DAYS, value_parser = clap::value_parser!(u64).range(KEEP_AUDIT_DAYS_AT_LEAST..=36_500))]
    pub(crate) keep_audit_days: u64,
    /// For how many hours the answers to requests with an `Idempotency-Key` are kept; after that a key may be used anew.
    #[arg(long, env = "ORRERY_KEEP_ANSWERS_HOURS", default_value_t = KEEP_ANSWERS_HOURS, value_parser = clap::value_parser!(u64).range(1..=8_760))]
    pub(crate) keep_answers_hours: u64,
    /// For how many days it is kept what became of the ticks of schedules; what is older is removed.
    #[arg(long, env = "ORRERY_KEEP_SCHEDULE_TICKS_DAYS", default_value_t = KEEP_SCHEDULE_TICKS_DAYS, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub(crate) keep_schedule_ticks_days: u64,
    /// How logs are written to standard error; by default text on a terminal and JSON elsewhere.
    #[arg(long, env = "ORRERY_LOG_FORMAT", value_enum)]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged, in the syntax of `RUST_LOG`.
    #[arg(long, env = "ORRERY_LOG", default_value = "info,actix_server=warn,sea_orm_migration=warn,sqlx=warn")]
    pub(crate) log: String,
    // Groups with a heading are last: what follows one would stand under it.
    #[command(flatten, next_help_heading = "Kafka")]
    pub(crate) kafka: Kafka,
    #[command(flatten, next_help_heading = "Limits")]
    pub(crate) limits: LimitSettings,
    #[command(flatten, next_help_heading = "Webhooks")]
    pub(crate) webhooks: WebhookTimes,
    #[command(flatten, next_help_heading = "Traces")]
    pub(crate) traces: TraceSettings,
}

impl Serve {
    /// Everything in one process, on a store in a folder, whatever the environment says.
    pub(crate) fn embedded(listen: SocketAddr, data: PathBuf) -> Self {
        Self {
            config: None,
            role: Role::All,
            listen,
            data,
            database_url: None,
            no_migrate: false,
            accept_newer_schema: false,
            door: DoorSettings::open(),
            database_wait_seconds: DATABASE_WAIT_SECONDS,
            secret_keys: SecretKeys::default(),
            kafka: Kafka::default(),
            limits: LimitSettings::default(),
            webhooks: WebhookTimes::default(),
            traces: TraceSettings::default(),
            engine: EngineKind::Orrery,
            agent_calls: AgentCalls::Http,
            agent_tokens: AgentTokens::On,
            accept_requests: None,
            registry_listen: None,
            lease_seconds: executor::LEASE.as_secs(),
            capacity: 10_000,
            max_nesting: MAX_NESTING,
            drain_delay_seconds: 0,
            drain_seconds: 10,
            keep_runs_days: 0,
            keep_dead_letters_days: KEEP_DEAD_LETTERS_DAYS,
            keep_audit_days: KEEP_AUDIT_DAYS,
            keep_answers_hours: KEEP_ANSWERS_HOURS,
            keep_schedule_ticks_days: KEEP_SCHEDULE_TICKS_DAYS,
            log_format: None,
            log: "warn".to_owned(),
        }
    }

    /// How long answers are kept.
    pub(crate) fn keep_answers(&self) -> Duration {
        Duration::from_hours(self.keep_answers_hours)
    }

    /// How long runs that have ended are kept; none for ever.
    pub(crate) fn keep_runs(&self) -> Option<Duration> {
        (self.keep_runs_days > 0).then(|| Duration::from_hours(self.keep_runs_days * 24))
    }

    /// How long the audit log is kept.
    pub(crate) fn keep_audit(&self) -> Duration {
        Duration::from_hours(self.keep_audit_days * 24)
    }

    /// How long it is kept what became of ticks.
    pub(crate) fn keep_schedule_ticks(&self) -> Duration {
        Duration::from_hours(self.keep_schedule_ticks_days * 24)
    }

    /// How long dead letters are kept; none for ever.
    pub(crate) fn keep_dead_letters(&self) -> Option<Duration> {
        (self.keep_dead_letters_days > 0).then(|| Duration::from_hours(self.keep_dead_letters_days * 24))
    }
}

/// Which parts run in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// API, executor and relay.
    All,
    /// The REST API.
    Api,
    /// Looks after runs.
    Executor,
    /// Sends messages to others over Kafka.
    Relay,
    /// Calls agents for the executor of the existing system, in place of its bridge.
    Bridge,
}

/// Who executes new runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineKind {
    /// Orrery's executors.
    Orrery,
    /// The executor of the existing system.
    External,
}

/// How agents are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgentCalls {
    /// Over HTTP.
    Http,
    /// Through the existing bridge.
    Bridge,
}

/// Whether calls carry tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgentTokens {
    /// Each its own.
    On,
    /// None.
    Off,
}
