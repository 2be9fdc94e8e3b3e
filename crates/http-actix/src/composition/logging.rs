//! Logs on standard error: readable text for people, JSON lines for programs.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// A format of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Readable lines.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is left out of every log unless the filter names it: errors of the HTTP library are requests that nobody could read, so
/// anybody could fill the log with them.
const LEFT_OUT: &str = "actix_http=off";

/// A directive of the filter for the same target takes the place of the one before it.
fn with_defaults(filter: &str) -> String {
    format!("{LEFT_OUT},{filter}")
}

/// Whether the filter can be read.
pub(super) fn check(filter: &str) -> anyhow::Result<()> {
    EnvFilter::try_new(with_defaults(filter)).map(drop).context("the log filter cannot be read")
}

/// Starts logging; `filter` has the syntax of `RUST_LOG`.
pub(crate) fn init(format: Option<LogFormat>, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(with_defaults(filter)).context("the log filter cannot be read")?;
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(terminal)).try_init(),
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
    }
    .context("logging cannot be started")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_nobody_can_read_are_no_errors_unless_somebody_asks_for_them() {
        let of = |filter: &str| EnvFilter::try_new(with_defaults(filter)).expect("a filter").to_string();
        assert!(of("info").contains("actix_http=off"), "{}", of("info"));
        let asked = of("info,actix_http=debug");
        assert!(asked.contains("actix_http=debug") && !asked.contains("actix_http=off"), "{asked}");
        assert_eq!(EnvFilter::try_new(with_defaults("")).expect("a filter").to_string(), LEFT_OUT);
    }
}
