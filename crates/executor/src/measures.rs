//! The measurements of this crate, described for whoever records them.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes every metric of the engine; called once, after a recorder was installed.
pub fn describe_metrics() {
    describe_counter!("orrery_runs_started_total", "Runs that were started.");
    describe_counter!("orrery_runs_finished_total", "Runs that became terminal, by status.");
    describe_counter!("orrery_step_attempts_total", "Attempts of steps that ended, by outcome.");
    describe_counter!("orrery_commits_total", "Commits of runs that were written.");
    describe_counter!(
        "orrery_commits_refused_total",
        "Commits of runs that the store refused, by outcome; none of them changed anything."
    );
    describe_counter!("orrery_commit_errors_total", "Batches whose outcome was unknown and that were sent again.");
    describe_counter!("orrery_journal_transactions_total", "Transactions that held those commits.");
    describe_histogram!(
        "orrery_commit_duration_seconds",
        Unit::Seconds,
        "Time from handing a batch to the store until it was durable."
    );
    describe_histogram!("orrery_agent_call_duration_seconds", Unit::Seconds, "Time of agent calls.");
    describe_gauge!("orrery_runs_owned", "Runs that this process looks after.");
}
