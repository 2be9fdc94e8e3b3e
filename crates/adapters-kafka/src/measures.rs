//! The measurements of this crate, described for whoever records them.

use metrics::describe_counter;

pub(crate) const SENT: &str = "orrery_kafka_sent_total";
pub(crate) const NOT_SENT: &str = "orrery_kafka_not_sent_total";
pub(crate) const RECEIVED: &str = "orrery_kafka_received_total";
pub(crate) const POSTPONED: &str = "orrery_kafka_postponed_total";
pub(crate) const DEAD_LETTERS: &str = "orrery_kafka_dead_letters_total";
pub(crate) const MONITORING_DROPPED: &str = "orrery_kafka_monitoring_dropped_total";
pub(crate) const RESULTS_IGNORED: &str = "orrery_kafka_results_ignored_total";

/// Describes every metric of this crate; called once, after a recorder was installed.
pub fn describe_metrics() {
    describe_counter!(SENT, "Records that brokers have acknowledged, by topic.");
    describe_counter!(
        NOT_SENT,
        "Records that were not acknowledged, by topic and outcome: unavailable (tried again) or refused (dead letter)."
    );
    describe_counter!(RECEIVED, "Records that were taken from consumed topics, by topic.");
    describe_counter!(POSTPONED, "Times that a record could not be dealt with and was kept for later, by topic.");
    describe_counter!(
        DEAD_LETTERS,
        "Records kept as dead letters, by the topic that they came from or were meant for."
    );
    describe_counter!(MONITORING_DROPPED, "Monitoring updates that were dropped or not delivered.");
    describe_counter!(RESULTS_IGNORED, "Results of agent tasks that nobody here waits for.");
}
