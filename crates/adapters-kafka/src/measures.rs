//! The measurements of this crate, declared for whoever records them.

use measures::Measure;

pub(crate) const SENT: &str = "orrery_kafka_sent_total";
pub(crate) const NOT_SENT: &str = "orrery_kafka_not_sent_total";
pub(crate) const RECEIVED: &str = "orrery_kafka_received_total";
pub(crate) const POSTPONED: &str = "orrery_kafka_postponed_total";
pub(crate) const DEAD_LETTERS: &str = "orrery_kafka_dead_letters_total";
pub(crate) const MONITORING_DROPPED: &str = "orrery_kafka_monitoring_dropped_total";
pub(crate) const RESULTS_IGNORED: &str = "orrery_kafka_results_ignored_total";
pub(crate) const LAG: &str = "orrery_kafka_consumer_lag";

/// Every metric of this crate.
pub const MEASURES: &[Measure] = &[
    Measure::counter(SENT, "Records that brokers have acknowledged, by topic.").by(&["topic"]),
    Measure::counter(
        NOT_SENT,
        "Records that were not acknowledged, by topic and outcome: unavailable (tried again) or refused (dead letter).",
    )
    .by(&["topic", "outcome"]),
    Measure::counter(RECEIVED, "Records that were taken from consumed topics, by topic.").by(&["topic"]),
    Measure::counter(POSTPONED, "Times that a record could not be dealt with and was kept for later, by topic.")
        .by(&["topic"]),
    Measure::counter(
        DEAD_LETTERS,
        "Records kept as dead letters, by the topic that they came from or were meant for.",
    )
    .by(&["topic"]),
    Measure::counter(MONITORING_DROPPED, "Monitoring updates that were dropped or not delivered."),
    Measure::counter(RESULTS_IGNORED, "Results of agent tasks that nobody here waits for."),
    Measure::gauge(
        LAG,
        "Records of a consumed topic that wait in the partitions of this process, by topic; looked at every ten seconds.",
    )
    .by(&["topic"]),
];

/// Describes every metric of this crate; called once, after a recorder was installed.
pub fn describe_metrics() {
    MEASURES.iter().for_each(Measure::describe);
}
