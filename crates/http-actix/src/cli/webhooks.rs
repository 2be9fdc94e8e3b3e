//! How webhooks are looked after.

use std::time::Duration;

use clap::{Args, value_parser};
use domain::webhooks::{Patience, RetrySchedule};
use executor::WebhookSettings;

/// Times and bounds of webhooks. Receivers are where agents may be (`--agent-networks`).
#[derive(Args, Clone, Debug)]
pub(crate) struct WebhookTimes {
    /// How many seconds the receiver of a webhook may take.
    #[arg(long, env = "ORRERY_WEBHOOK_TIMEOUT_SECONDS", default_value_t = default().timeout.as_secs(), value_parser = value_parser!(u64).range(1..=60))]
    webhook_timeout_seconds: u64,
    /// After how many milliseconds a message that has not arrived is sent again; later pauses are 60, 360, 1440, 3600, 7200, 10080,
    /// 14400 and 17280 times as long.
    #[arg(long, env = "ORRERY_WEBHOOK_FIRST_RETRY_MS", default_value_t = FIRST_RETRY_MS, value_parser = value_parser!(u64).range(1..=60_000))]
    webhook_first_retry_ms: u64,
    /// After how many seconds in which nothing has arrived a webhook is disabled.
    #[arg(long, env = "ORRERY_WEBHOOK_DISABLE_AFTER_SECONDS", default_value_t = Patience::default().disable_after.as_secs(), value_parser = value_parser!(u64).range(1..=31_536_000))]
    webhook_disable_after_seconds: u64,
    /// For how many days the deliveries of webhooks are kept, with the logs of their attempts.
    #[arg(long, env = "ORRERY_KEEP_WEBHOOK_DELIVERIES_DAYS", default_value_t = default().keep_deliveries.as_secs() / 86_400, value_parser = value_parser!(u64).range(4..=3_650))]
    keep_webhook_deliveries_days: u64,
    /// For how many hours changes of runs are kept for those who follow all runs.
    #[arg(long, env = "ORRERY_KEEP_RUN_CHANGES_HOURS", default_value_t = default().keep_changes.as_secs() / 3_600, value_parser = value_parser!(u64).range(1..=87_600))]
    keep_run_changes_hours: u64,
}

/// The first pause, in milliseconds.
const FIRST_RETRY_MS: u64 = 5_000;

fn default() -> WebhookSettings {
    WebhookSettings::default()
}

impl Default for WebhookTimes {
    /// Whatever the environment says.
    fn default() -> Self {
        Self {
            webhook_timeout_seconds: default().timeout.as_secs(),
            webhook_first_retry_ms: FIRST_RETRY_MS,
            webhook_disable_after_seconds: Patience::default().disable_after.as_secs(),
            keep_webhook_deliveries_days: default().keep_deliveries.as_secs() / 86_400,
            keep_run_changes_hours: default().keep_changes.as_secs() / 3_600,
        }
    }
}

impl WebhookTimes {
    /// As the parts of the process need them.
    pub(crate) fn settings(&self) -> WebhookSettings {
        let schedule = RetrySchedule { first: Duration::from_millis(self.webhook_first_retry_ms) };
        let disable_after = Duration::from_secs(self.webhook_disable_after_seconds);
        WebhookSettings {
            patience: Patience { schedule, disable_after },
            timeout: Duration::from_secs(self.webhook_timeout_seconds),
            keep_deliveries: Duration::from_hours(self.keep_webhook_deliveries_days * 24),
            keep_changes: Duration::from_hours(self.keep_run_changes_hours),
            ..default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        times: WebhookTimes,
    }

    #[test]
    fn what_is_not_set_is_as_documented() {
        let line = Line::try_parse_from(["orrery"]).expect("nothing is needed");
        assert_eq!(format!("{:?}", line.times), format!("{:?}", WebhookTimes::default()));
        assert_eq!(line.times.settings().patience, Patience::default());
        let (set, usual) = (line.times.settings(), WebhookSettings::default());
        assert_eq!(
            (set.timeout, set.keep_deliveries, set.keep_changes),
            (usual.timeout, usual.keep_deliveries, usual.keep_changes)
        );
    }
}
