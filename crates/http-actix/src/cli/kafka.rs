//! Where Kafka is, and how it is used. Names of variables that the existing system knows are taken over from it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Kafka.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Kafka {
    /// The brokers to begin with: host:port, separated by commas. Needs a database.
    #[arg(long = "kafka-brokers", env = "KAFKA_BROKERS")]
    pub(crate) brokers: Option<String>,
    /// How brokers are reached.
    #[arg(long = "kafka-security-protocol", env = "KAFKA_SECURITY_PROTOCOL", value_enum, ignore_case = true)]
    pub(crate) security_protocol: Option<Protocol>,
    /// The certificates of trusted authorities (PEM); by default those of the machine.
    #[arg(long = "kafka-ca-file", env = "KAFKA_SSL_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The certificate by which this process shows who it is (PEM).
    #[arg(long = "kafka-certificate-file", env = "KAFKA_SSL_CERTIFICATE_FILE", requires = "key_file")]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long = "kafka-key-file", env = "KAFKA_SSL_KEY_FILE", requires = "certificate_file")]
    pub(crate) key_file: Option<PathBuf>,
    /// What the key is encrypted with. Rather use the variable: others can read arguments.
    #[arg(long = "kafka-key-password", env = "KAFKA_SSL_KEY_PASSWORD", hide_env_values = true)]
    pub(crate) key_password: Option<String>,
    /// What is checked of a broker's certificate.
    #[arg(long = "kafka-verification", env = "KAFKA_SSL_VERIFICATION", value_enum)]
    pub(crate) verification: Option<Verify>,
    /// How the password is proved: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    #[arg(long = "kafka-sasl-mechanism", env = "KAFKA_SASL_MECHANISM")]
    pub(crate) sasl_mechanism: Option<String>,
    /// The name to log in with.
    #[arg(long = "kafka-sasl-username", env = "KAFKA_SASL_USERNAME")]
    pub(crate) sasl_username: Option<String>,
    /// The password to log in with. Rather use the variable: others can read arguments.
    #[arg(long = "kafka-sasl-password", env = "KAFKA_SASL_PASSWORD", hide_env_values = true)]
    pub(crate) sasl_password: Option<String>,
    /// The topic of execution requests.
    #[arg(long = "kafka-execution-topic", env = "KAFKA_EXECUTION_TOPIC")]
    pub(crate) execution_topic: Option<String>,
    /// The topic of cancellation requests.
    #[arg(long = "kafka-cancellation-topic", env = "KAFKA_CANCELLATION_TOPIC")]
    pub(crate) cancellation_topic: Option<String>,
    /// The topic of events that runs may wait for.
    #[arg(long = "kafka-events-topic", env = "KAFKA_EVENTS_TOPIC")]
    pub(crate) events_topic: Option<String>,
    /// The topic of tasks for the bridge.
    #[arg(long = "kafka-tasks-topic", env = "TASKS_TOPIC")]
    pub(crate) tasks_topic: Option<String>,
    /// The topic of results from the bridge.
    #[arg(long = "kafka-results-topic", env = "RESULTS_TOPIC")]
    pub(crate) results_topic: Option<String>,
    /// The topic that tells how runs are getting on.
    #[arg(long = "kafka-monitoring-topic", env = "KAFKA_MONITORING_TOPIC")]
    pub(crate) monitoring_topic: Option<String>,
    /// The topic that tells which runs have ended.
    #[arg(long = "kafka-run-events-topic", env = "KAFKA_RUN_EVENTS_TOPIC")]
    pub(crate) run_events_topic: Option<String>,
    /// The topic that tells which steps have failed for good.
    #[arg(long = "kafka-dlq-topic", env = "KAFKA_DLQ_TOPIC")]
    pub(crate) dlq_topic: Option<String>,
    /// The topic of what could not be understood or sent.
    #[arg(long = "kafka-dead-letter-topic", env = "KAFKA_DEAD_LETTER_TOPIC")]
    pub(crate) dead_letter_topic: Option<String>,
    /// The consumer group of requests.
    #[arg(long = "kafka-group", env = "KAFKA_GROUP_ID")]
    pub(crate) group: Option<String>,
    /// The consumer group of events.
    #[arg(long = "kafka-events-group", env = "KAFKA_EVENTS_GROUP_ID")]
    pub(crate) events_group: Option<String>,
    /// The consumer group of the bridge.
    #[arg(long = "kafka-bridge-group", env = "CONSUMER_GROUP_ID")]
    pub(crate) bridge_group: Option<String>,
    /// Whether topics are made that do not exist.
    #[arg(long = "kafka-create-topics", env = "KAFKA_CREATE_TOPICS")]
    pub(crate) create_topics: Option<bool>,
    /// How many partitions such topics get.
    #[arg(long = "kafka-partitions", env = "KAFKA_PARTITIONS")]
    pub(crate) partitions: Option<u16>,
    /// How many copies of them are kept; by default as many as the brokers keep.
    #[arg(long = "kafka-replication", env = "KAFKA_REPLICATION")]
    pub(crate) replication: Option<u16>,
    /// Another setting of librdkafka, as name=value; may be given several times. Values are not shown: some are secrets.
    #[arg(long = "kafka-property", hide_env_values = true, value_parser = property)]
    pub(crate) properties: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    #[value(name = "plaintext")]
    Plaintext,
    #[value(name = "ssl")]
    Ssl,
    #[value(name = "sasl_plaintext")]
    SaslPlaintext,
    #[value(name = "sasl_ssl")]
    SaslSsl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    /// That an authority vouches for it, and that it names the host.
    Full,
    /// That an authority vouches for it.
    Authority,
    /// Nothing: anybody can read along.
    None,
}

impl Kafka {
    /// Whether brokers are given.
    pub(crate) fn is_given(&self) -> bool {
        self.brokers.as_ref().is_some_and(|brokers| !brokers.trim().is_empty())
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a property is written as name=value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
