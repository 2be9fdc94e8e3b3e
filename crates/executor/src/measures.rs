//! The measurements of this crate, described for whoever records them.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counts what was removed because it was old enough.
pub(crate) fn removed(what: &'static str, rows: u64) {
    metrics::counter!("orrery_removed_total", "what" => what).increment(rows);
}

/// Describes every metric of the engine; called once, after a recorder was installed.
pub fn describe_metrics() {
    describe_counter!("orrery_runs_started_total", "Runs that were started.");
    describe_counter!("orrery_runs_adopted_total", "Runs that others asked for or began, and that are done here.");
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
    describe_counter!("orrery_leases_lost_total", "How often others took this process for dead.");
    describe_counter!("orrery_runs_taken_over_total", "Runs of processes that are gone, made claimable by this one.");
    describe_counter!("orrery_messages_relayed_total", "Messages of the outbox that were acknowledged.");
    describe_gauge!("orrery_outbox_waiting", "Messages that wait in the outbox, at most 10,000 of them counted.");
    describe_gauge!(
        "orrery_dead_letters",
        "Steps that have failed for good and are kept, by status, at most 10,000 of each counted; every executor tells the same."
    );
    describe_counter!("orrery_audit_sealed_total", "Rows of the audit log that this process has sealed.");
    describe_gauge!(
        "orrery_audit_chain_broken",
        "1 where this process refuses to seal the audit log because its chain was tampered with or its key is missing, else 0."
    );
    describe_counter!(
        "orrery_webhook_attempts_total",
        "Messages that were sent to webhooks from here, by outcome: delivered, retried, or failed for good."
    );
    describe_histogram!(
        "orrery_webhook_delivery_duration_seconds",
        Unit::Seconds,
        "Time that receivers of webhooks took."
    );
    describe_gauge!(
        "orrery_webhook_deliveries_pending",
        "Messages that wait for their webhooks, at most 10,000 of them counted; looked at about twice a minute."
    );
    describe_counter!("orrery_webhooks_disabled_total", "Webhooks that were given up, by reason.");
    describe_counter!(
        "orrery_schedule_ticks_total",
        "Ticks of schedules that this process has decided about, by what became of them."
    );
    describe_histogram!(
        "orrery_schedule_lag_seconds",
        Unit::Seconds,
        "Time from a tick of a schedule until its run was started, but for ticks that people asked for."
    );
    describe_counter!("orrery_external_requests_total", "Requests that were sent to the existing executor.");
    describe_gauge!(
        "orrery_runs_unexplained",
        "Live runs that do not move and have no reason not to, by kind: unattended (no executor takes them) or idle (nothing is \
         under way in them here). Anything but zero is a fault; looked at every ten seconds."
    );
    describe_gauge!(
        "orrery_breaker_state",
        "Circuit breakers in a state (closed, half_open, open) by agent, as this process sees them; without recent calls none."
    );
    describe_counter!(
        "orrery_breaker_transitions_total",
        "Circuit breakers that came into a state, by agent, where this process decided it."
    );
    describe_counter!("orrery_agent_calls_rejected_total", "Calls that an open circuit breaker refused, by agent.");
    describe_gauge!(
        "orrery_agent_calls_waiting",
        "Calls that wait here for a share of their agent's limit or for its circuit breaker, by agent."
    );
    describe_gauge!(
        "orrery_agent_calls_in_flight",
        "Calls under way from here to agents with a limit or a circuit breaker, by agent."
    );
    describe_counter!(
        "orrery_removed_total",
        "What this process has removed because it was old enough, by what it was: runs, dead_letters, answers, audit_rows, \
         schedule_ticks, webhook_deliveries or run_changes."
    );
    describe_gauge!("orrery_runs_owned", "Runs that this process looks after.");
}
