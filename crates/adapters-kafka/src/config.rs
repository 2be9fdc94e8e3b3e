//! What can be set. The composition root fills it in; [`KafkaConfig::check`] says which setting is wrong.

use std::{collections::BTreeSet, fmt, time::Duration};

use crate::{
    properties,
    security::{Security, Verification},
};

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct InvalidKafkaConfig {
    /// The setting: the path of its field in [`KafkaConfig`], such as `security.sasl.user`.
    pub setting: String,
    /// What is wrong with it; follows its name in a sentence. Never shows a secret.
    pub problem: String,
}

impl InvalidKafkaConfig {
    pub(crate) fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }
}

/// Where the brokers are, and how they are used.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// The brokers to begin with: `host:port`, separated by commas.
    pub brokers: String,
    /// What brokers call us in their logs and quotas.
    pub client_id: String,
    /// The names of the topics.
    pub topics: Topics,
    /// The names of the consumer groups.
    pub groups: Groups,
    /// Transport and login.
    pub security: Security,
    /// How topics are made that do not exist.
    pub topic_shape: TopicShape,
    /// How records are compressed.
    pub compression: Compression,
    /// The largest record that is sent, key and value together, before compression. Not above the brokers'
    /// `message.max.bytes`, which is 1,048,588 unless somebody changed it.
    pub max_sent_bytes: usize,
    /// The largest value that is taken from foreign producers.
    pub max_received_bytes: usize,
    /// How many requests are handled at once, and how many tasks of the bridge.
    pub max_in_flight: usize,
    /// How many monitoring updates wait to be sent at most.
    pub max_monitoring_queue: usize,
    /// How long a record is tried to be sent, at most 20 s: the ports promise to end within a minute, and a dead letter may
    /// have to follow.
    pub send_timeout: Duration,
    /// How long a consumer that is told to stop waits for what it has begun.
    pub drain_timeout: Duration,
    /// How long an answer over the bus may take beyond what the bridge's calls may take.
    pub bridge_margin: Duration,
    /// How often topics and partitions that are new are looked for.
    pub refresh_interval: Duration,
    /// Further settings of librdkafka, for all its clients. Those that this crate depends on are refused.
    pub properties: Vec<(String, String)>,
}

/// Topics (contract 3.1, and four of ours).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// Execution requests.
    pub execution_requests: String,
    /// Cancellation requests.
    pub cancellation_requests: String,
    /// Events that runs may wait for.
    pub events: String,
    /// Tasks for agents.
    pub tasks: String,
    /// What came of tasks.
    pub results: String,
    /// How runs are getting on.
    pub monitoring: String,
    /// Runs that have ended; the outbox goes there.
    pub run_events: String,
    /// Steps that have failed for good; the outbox goes there too.
    pub dlq: String,
    /// What could not be understood, or not be sent.
    pub dead_letters: String,
}

impl Default for Topics {
    /// The names of the old system, `workflow.events`, `workflow.run.events`, `workflow.dlq` and `workflow.dead.letters`.
    fn default() -> Self {
        Self {
            execution_requests: "workflow.execution.requests".into(),
            cancellation_requests: "workflow.cancellation.requests".into(),
            events: "workflow.events".into(),
            tasks: "orchestrator.tasks.http".into(),
            results: "results.topic".into(),
            monitoring: "workflow.monitoring.updates".into(),
            run_events: "workflow.run.events".into(),
            dlq: "workflow.dlq".into(),
            dead_letters: "workflow.dead.letters".into(),
        }
    }
}

impl Topics {
    pub(crate) fn all(&self) -> [(&'static str, &str); 9] {
        [
            ("topics.execution_requests", &self.execution_requests),
            ("topics.cancellation_requests", &self.cancellation_requests),
            ("topics.events", &self.events),
            ("topics.tasks", &self.tasks),
            ("topics.results", &self.results),
            ("topics.monitoring", &self.monitoring),
            ("topics.run_events", &self.run_events),
            ("topics.dlq", &self.dlq),
            ("topics.dead_letters", &self.dead_letters),
        ]
    }
}

/// Consumer groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Consumes execution and cancellation requests.
    pub requests: String,
    /// Consumes events.
    pub events: String,
    /// Consumes tasks for agents.
    pub bridge: String,
    /// Reads results. Nothing is committed for it; brokers with access control may want to know its name.
    pub results: String,
}

impl Default for Groups {
    /// Those of the old executor and bridge, `orrery-events` and `orrery-results`.
    fn default() -> Self {
        Self {
            requests: "execution-consumer-group".into(),
            events: "orrery-events".into(),
            bridge: "external-agent-executor-group".into(),
            results: "orrery-results".into(),
        }
    }
}

/// How topics are made that do not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicShape {
    /// Whether they are made at all; otherwise, their absence is logged and waited out.
    pub create: bool,
    /// How many partitions each gets. If one of the two topics of requests exists, the other gets as many as it has.
    pub partitions: u16,
    /// How many copies are kept; none means as many as the brokers keep by default.
    pub replication: Option<u16>,
}

impl Default for TopicShape {
    /// They are made, with 12 partitions and as many copies as the brokers keep by default.
    fn default() -> Self {
        Self { create: true, partitions: 12, replication: None }
    }
}

/// How records are compressed. Old consumers know no other ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
}

impl KafkaConfig {
    /// These brokers, and defaults for everything else.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: "orrery".into(),
            topics: Topics::default(),
            groups: Groups::default(),
            security: Security::default(),
            topic_shape: TopicShape::default(),
            compression: Compression::default(),
            max_sent_bytes: 1_000_000,
            max_received_bytes: 4 * 1024 * 1024,
            max_in_flight: 256,
            max_monitoring_queue: 10_000,
            send_timeout: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(20),
            bridge_margin: Duration::from_secs(15),
            refresh_interval: Duration::from_secs(10),
            properties: Vec::new(),
        }
    }

    /// The first setting that cannot be.
    pub fn check(&self) -> Result<(), InvalidKafkaConfig> {
        let refuse = |setting: &str, problem: &str| Err(InvalidKafkaConfig::new(setting, problem));
        if !self.brokers.split(',').all(is_address) {
            return refuse("brokers", "must be host:port, or several separated by commas");
        }
        let mut names = BTreeSet::new();
        for (setting, name) in self.topics.all() {
            if !is_topic(name) {
                return refuse(setting, "must have 1 to 249 letters, digits, '.', '_' or '-', and not be '.' or '..'");
            }
            if !names.insert(name) {
                return refuse(setting, "names a topic that has another purpose");
            }
        }
        let Groups { requests, events, bridge, results } = &self.groups;
        let groups = [requests, events, bridge, results];
        let settings = ["groups.requests", "groups.events", "groups.bridge", "groups.results"];
        for (setting, group) in settings.into_iter().zip(groups) {
            if group.is_empty() {
                return refuse(setting, "is empty");
            }
        }
        if groups.into_iter().collect::<BTreeSet<_>>().len() < groups.len() {
            return refuse("groups", "must differ: each reads other topics");
        }
        self.check_numbers()?;
        self.security.check()?;
        match self.properties.iter().find(|(name, _)| properties::is_ours(name)) {
            Some((name, _)) => Err(InvalidKafkaConfig::new(format!("properties.{name}"), "is set by other settings")),
            None => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<(), InvalidKafkaConfig> {
        let seconds = |s| Duration::from_secs(s);
        let bounds = [
            ("topic_shape.partitions", (1..=10_000).contains(&self.topic_shape.partitions), "must be 1 to 10,000"),
            (
                "topic_shape.replication",
                self.topic_shape.replication.is_none_or(|n| (1..=100).contains(&n)),
                "must be 1 to 100",
            ),
            ("max_sent_bytes", (1000..=1_000_000_000).contains(&self.max_sent_bytes), "must be 1,000 to 1,000,000,000"),
            (
                "max_received_bytes",
                (1000..=1_000_000_000).contains(&self.max_received_bytes),
                "must be 1,000 to 1,000,000,000",
            ),
            ("max_in_flight", (1..=100_000).contains(&self.max_in_flight), "must be 1 to 100,000"),
            ("max_monitoring_queue", (1..=1_000_000).contains(&self.max_monitoring_queue), "must be 1 to 1,000,000"),
            ("send_timeout", (seconds(1)..=seconds(20)).contains(&self.send_timeout), "must be 1 s to 20 s"),
            ("drain_timeout", self.drain_timeout <= seconds(600), "must be at most 600 s"),
            ("refresh_interval", (seconds(1)..=seconds(600)).contains(&self.refresh_interval), "must be 1 s to 600 s"),
            ("bridge_margin", self.bridge_margin <= seconds(3600), "must be at most an hour"),
        ];
        match bounds.into_iter().find(|(_, holds, _)| !holds) {
            Some((setting, _, problem)) => Err(InvalidKafkaConfig::new(setting, problem)),
            None => Ok(()),
        }
    }

    /// Whether anybody on the way can read passwords or records; for a warning at the start.
    pub fn is_open_to_eavesdroppers(&self) -> bool {
        self.security.tls.as_ref().is_none_or(|tls| tls.verification == Verification::None)
    }
}

impl fmt::Debug for KafkaConfig {
    /// Shows no value of `properties`: they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties: Vec<_> = self.properties.iter().map(|(name, _)| name).collect();
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("topics", &self.topics)
            .field("groups", &self.groups)
            .field("security", &self.security)
            .field("topic_shape", &self.topic_shape)
            .field("compression", &self.compression)
            .field("properties", &properties)
            .finish_non_exhaustive()
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.trim().rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_topic(name: &str) -> bool {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=249).contains(&name.len()) && name.chars().all(is_sound) && !matches!(name, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sasl, SaslMechanism, Secret};

    fn refused(change: impl FnOnce(&mut KafkaConfig)) -> String {
        let mut config = KafkaConfig::new("kafka:9092");
        change(&mut config);
        config.check().expect_err("it is wrong").setting
    }

    #[test]
    fn the_defaults_are_those_of_the_old_system() {
        let config = KafkaConfig::new("a:9092, b:9092");
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.topics.tasks, "orchestrator.tasks.http");
        assert_eq!(config.groups.requests, "execution-consumer-group");
    }

    #[test]
    fn the_wrong_setting_is_named() {
        assert_eq!(refused(|c| c.brokers = "kafka".into()), "brokers");
        assert_eq!(refused(|c| c.brokers = "a:9092,,b:9092".into()), "brokers");
        assert_eq!(refused(|c| c.topics.tasks = "a b".into()), "topics.tasks");
        assert_eq!(refused(|c| c.topics.dead_letters = c.topics.tasks.clone()), "topics.dead_letters");
        assert_eq!(refused(|c| c.groups.bridge = String::new()), "groups.bridge");
        assert_eq!(refused(|c| c.groups.bridge = c.groups.requests.clone()), "groups");
        assert_eq!(refused(|c| c.groups.events = c.groups.requests.clone()), "groups");
        assert_eq!(refused(|c| c.topics.events = c.topics.run_events.clone()), "topics.run_events");
        assert_eq!(refused(|c| c.topic_shape.partitions = 0), "topic_shape.partitions");
        assert_eq!(refused(|c| c.send_timeout = Duration::from_mins(1)), "send_timeout");
        assert_eq!(refused(|c| c.max_in_flight = 0), "max_in_flight");
        let property = ("enable.idempotence".to_owned(), "false".to_owned());
        assert_eq!(refused(|c| c.properties = vec![property]), "properties.enable.idempotence");
        let sasl = Sasl { mechanism: SaslMechanism::Plain, user: String::new(), password: Secret::new("x") };
        assert_eq!(refused(|c| c.security.sasl = Some(sasl)), "security.sasl.user");
    }

    #[test]
    fn nothing_secret_is_shown() {
        let mut config = KafkaConfig::new("kafka:9092");
        config.properties = vec![("ssl.keystore.password".into(), "hunter2".into())];
        let sasl = Sasl { mechanism: SaslMechanism::Plain, user: "u".into(), password: Secret::new("hunter3") };
        config.security.sasl = Some(sasl);
        let shown = format!("{config:?}");
        assert!(shown.contains("ssl.keystore.password") && !shown.contains("hunter"), "{shown}");
    }
}
