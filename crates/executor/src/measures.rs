//! The measurements of this crate, declared for whoever records them.

use domain::runs::RunStatus;
use measures::Measure;

/// Counts what was removed because it was old enough.
pub(crate) fn removed(what: &'static str, rows: u64) {
    metrics::counter!("orrery_removed_total", "what" => what).increment(rows);
}

/// Every metric of the engine and of what runs beside it.
pub const MEASURES: &[Measure] = &[
    Measure::counter("orrery_runs_started_total", "Runs that were started."),
    Measure::counter("orrery_runs_adopted_total", "Runs that others asked for or began, and that are done here."),
    Measure::counter("orrery_runs_finished_total", "Runs that became terminal, by status.").by(&["status"]),
    Measure::counter("orrery_step_attempts_total", "Attempts of steps that ended, by outcome.").by(&["outcome"]),
    Measure::counter("orrery_commits_total", "Commits of runs that were written."),
    Measure::counter(
        "orrery_commits_refused_total",
        "Commits of runs that the store refused, by outcome; none of them changed anything.",
    )
    .by(&["outcome"]),
    Measure::counter("orrery_commit_errors_total", "Batches whose outcome was unknown and that were sent again."),
    Measure::counter("orrery_journal_transactions_total", "Transactions that held those commits."),
    Measure::histogram(
        "orrery_commit_duration_seconds",
        "Time from handing a batch to the store until it was durable.",
    ),
    Measure::histogram("orrery_agent_call_duration_seconds", "Time of agent calls."),
    Measure::counter("orrery_leases_lost_total", "How often others took this process for dead."),
    Measure::counter("orrery_runs_taken_over_total", "Runs of processes that are gone, made claimable by this one."),
    Measure::counter("orrery_messages_relayed_total", "Messages of the outbox that were acknowledged."),
    Measure::gauge(
        "orrery_outbox_waiting",
        "Messages that wait in the outbox, at most 10,000 of them counted; every process that works with runs tells \
         the same.",
    ),
    Measure::gauge(
        "orrery_outbox_oldest_seconds",
        "For how long the oldest message of the outbox has waited; 0 where none does.",
    ),
    Measure::gauge(
        "orrery_dead_letters",
        "Steps that have failed for good and are kept, by status, at most 10,000 of each counted; every executor \
         tells the same.",
    )
    .by(&["status"]),
    Measure::counter("orrery_audit_sealed_total", "Rows of the audit log that this process has sealed."),
    Measure::gauge(
        "orrery_audit_chain_broken",
        "1 where this process refuses to seal the audit log because its chain was tampered with or its key is \
         missing, else 0.",
    ),
    Measure::counter(
        "orrery_webhook_attempts_total",
        "Messages that were sent to webhooks from here, by outcome: delivered, retried, or failed for good.",
    )
    .by(&["outcome"]),
    Measure::histogram("orrery_webhook_delivery_duration_seconds", "Time that receivers of webhooks took."),
    Measure::gauge(
        "orrery_webhook_deliveries_pending",
        "Messages that wait for their webhooks, at most 10,000 of them counted; looked at about twice a minute.",
    ),
    Measure::counter("orrery_webhooks_disabled_total", "Webhooks that were given up, by reason.").by(&["reason"]),
    Measure::counter(
        "orrery_schedule_ticks_total",
        "Ticks of schedules that this process has decided about, by what became of them.",
    )
    .by(&["outcome"]),
    Measure::histogram(
        "orrery_schedule_lag_seconds",
        "Time from a tick of a schedule until its run was started, but for ticks that people asked for.",
    ),
    Measure::counter("orrery_external_requests_total", "Requests that were sent to the existing executor."),
    Measure::gauge(
        "orrery_runs_unexplained",
        "Live runs that do not move and have no reason not to, by kind: unattended (no executor takes them) or idle \
         (nothing is under way in them here). Anything but zero is a fault; looked at every ten seconds.",
    )
    .by(&["kind"]),
    Measure::gauge(
        "orrery_breaker_state",
        "Circuit breakers in a state (closed, half_open, open) by agent, as this process sees them; without recent \
         calls none.",
    )
    .by(&["agent", "state"]),
    Measure::counter(
        "orrery_breaker_transitions_total",
        "Circuit breakers that came into a state, by agent, where this process decided it.",
    )
    .by(&["agent", "to"]),
    Measure::counter("orrery_agent_calls_rejected_total", "Calls that an open circuit breaker refused, by agent.")
        .by(&["agent"]),
    Measure::gauge(
        "orrery_agent_calls_waiting",
        "Calls that wait here for a share of their agent's limit or for its circuit breaker, by agent.",
    )
    .by(&["agent"]),
    Measure::gauge(
        "orrery_agent_calls_in_flight",
        "Calls under way from here to agents with a limit or a circuit breaker, by agent.",
    )
    .by(&["agent"]),
    Measure::counter(
        "orrery_removed_total",
        "What this process has removed because it was old enough, by what it was: runs, dead_letters, answers, audit_rows, \
         schedule_ticks, webhook_deliveries or run_changes.",
    )
    .by(&["what"]),
    Measure::gauge("orrery_runs_owned", "Runs that this process looks after."),
    Measure::gauge(
        "orrery_runs_waiting",
        "Runs that could be gone on with and that nobody has claimed, at most 10,000 of them counted; every process \
         that works with runs tells the same.",
    ),
    Measure::gauge(
        "orrery_runs_oldest_waiting_seconds",
        "For how long the first of these has waited; 0 where none does.",
    ),
];

/// Describes every metric of this crate; called once, after a recorder was installed.
pub fn describe_metrics() {
    MEASURES.iter().for_each(Measure::describe);
    // As counters without labels: what appears with its first value shows no increase to it.
    for status in [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled] {
        metrics::counter!("orrery_runs_finished_total", "status" => status.as_str()).increment(0);
    }
}
