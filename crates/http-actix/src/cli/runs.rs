//! Runs at the terminal.

use std::time::Duration;

use clap::{Args, ValueEnum};
use client::{CancelRuns, Following, ReadLog, RetryRun, RunFilters, ShowRuns, StartRun};

use super::remote::At;

/// A run to be started. The exit code with --wait or --follow: 0 completed, 3 failed, 4 cancelled, 5 not over in time; 1 if it
/// could not be started or followed.
#[derive(Args)]
pub(crate) struct Execute {
    #[command(flatten)]
    pub(super) at: At,
    /// The workflow's name, or its id.
    workflow: String,
    /// The input: JSON, a file with JSON or YAML, or - for standard input.
    #[arg(long, short)]
    input: Option<String>,
    /// The version; without it, the newest that is active.
    #[arg(long = "workflow-version", value_name = "NUMBER")]
    version: Option<u32>,
    /// A label, like team=blue; several may be given.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// After how many seconds the run begins.
    #[arg(long, value_name = "SECONDS")]
    delay: Option<u32>,
    /// The key under which a second attempt starts no second run; by default one is made.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

/// How to wait.
#[derive(Args)]
struct Wait {
    /// Wait for the end of the run, and print its output.
    #[arg(long = "wait", short = 'w')]
    to_the_end: bool,
    /// The same, with the log as it comes.
    #[arg(long, short = 'F')]
    follow: bool,
    /// For how many seconds at most; the run goes on.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

impl Wait {
    fn following(&self) -> Following {
        let timeout = self.timeout.map(Duration::from_secs);
        Following { wait: self.to_the_end || timeout.is_some(), follow: self.follow, timeout }
    }
}

impl Execute {
    pub(super) fn command(&self) -> StartRun {
        StartRun {
            workflow: self.workflow.clone(),
            input: self.input.clone(),
            version: self.version,
            labels: self.labels.clone(),
            delay_seconds: self.delay,
            key: self.idempotency_key.clone(),
            following: self.wait.following(),
        }
    }
}

fn label(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(['=', ':']).ok_or("a label is like team=blue")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Which runs to show: the newest first, or one with its steps.
#[derive(Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    pub(super) at: At,
    /// A run, to be shown with its steps.
    #[arg(conflicts_with_all = ["status", "workflow", "labels", "since", "until", "by", "error", "limit"])]
    run: Option<String>,
    /// Only runs with this status, or one of these: FAILED,CANCELLED.
    #[arg(long)]
    status: Option<String>,
    /// Only runs of the workflow with this name.
    #[arg(long)]
    workflow: Option<String>,
    /// Only runs with this label, like team=blue; with several, those that have all.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Only runs that were created at this time or later, like 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only runs that were created at this time or earlier.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only runs that this one started, like user:alice or key:ci.
    #[arg(long, value_name = "PRINCIPAL")]
    by: Option<String>,
    /// Only runs with this text in their error.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// How many at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = super::at_least_one)]
    limit: usize,
}

impl Runs {
    pub(super) fn command(&self) -> ShowRuns {
        if let Some(run) = &self.run {
            return ShowRuns::One(run.clone());
        }
        let labels: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        let parameters = [
            ("status", self.status.as_ref().map(|status| status.to_uppercase())),
            ("workflow_name", self.workflow.clone()),
            ("labels", (!labels.is_empty()).then(|| labels.join(","))),
            ("created_after", self.since.clone()),
            ("created_before", self.until.clone()),
            ("triggered_by", self.by.clone()),
            ("error_contains", self.error.clone()),
        ];
        let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        ShowRuns::List(RunFilters { parameters: given.collect(), most: self.limit })
    }
}

/// Which log to show. The exit code with --follow tells how the run ended, as with `orrery run`.
#[derive(Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(super) at: At,
    /// The run.
    run: String,
    /// Go on with entries as they come, to the end of the run.
    #[arg(long, short = 'F', visible_short_alias = 'f')]
    follow: bool,
    /// Only entries that matter at least as much.
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// Only what is about this step.
    #[arg(long)]
    step: Option<String>,
}

/// How much an entry matters.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Logs {
    pub(super) fn command(&self) -> ReadLog {
        let level = self.level.map(|level| match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        });
        ReadLog { run: self.run.clone(), level: level.map(str::to_owned), step: self.step.clone(), follow: self.follow }
    }
}

/// What to cancel.
#[derive(Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(super) at: At,
    /// The runs.
    #[arg(required = true)]
    runs: Vec<String>,
    /// Why.
    #[arg(long)]
    reason: Option<String>,
}

impl Cancel {
    pub(super) fn command(&self) -> CancelRuns {
        CancelRuns { runs: self.runs.clone(), reason: self.reason.clone() }
    }
}

/// What to have go on. The exit code with --wait or --follow tells how the run ended, as with `orrery run`.
#[derive(Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    pub(super) at: At,
    /// The run.
    run: String,
    #[command(flatten)]
    wait: Wait,
}

impl Retry {
    pub(super) fn command(&self) -> RetryRun {
        RetryRun { run: self.run.clone(), following: self.wait.following() }
    }
}
