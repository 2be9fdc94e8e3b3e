//! What a broker is told: `server.properties`.

use std::{fmt::Write, path::Path};

use super::authority::{Authority, PASSWORD};

/// What may differ from test to test.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// How many partitions a topic gets that is made by its first record.
    pub partitions: u32,
    /// Adds a second listener, with SASL over plain text (mechanisms PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512).
    pub sasl: Option<Credentials>,
    /// Adds a listener with TLS, whose certificate an authority of the cluster's own has signed.
    pub tls: bool,
    /// The most memory of a broker for objects, in MiB; it takes about 150 more.
    pub heap_mb: u32,
    /// More settings of the broker; they win over those of this crate.
    pub properties: Vec<(String, String)>,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self { partitions: 3, sasl: None, tls: false, heap_mb: 256, properties: Vec::new() }
    }
}

/// A user that the brokers know. Neither part may hold quotes, commas or brackets.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// The ports of one broker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    pub(crate) controller: u16,
    pub(crate) sasl: u16,
    pub(crate) tls: u16,
}

/// The settings of the broker with an index among brokers with these ports.
pub(super) fn properties(
    index: usize,
    ports: &[Ports],
    options: &KafkaOptions,
    authority: Option<&Authority>,
    data: &Path,
) -> String {
    let own = ports[index];
    let voters: Vec<_> = ports.iter().zip(1..).map(|(p, id)| format!("{id}@127.0.0.1:{}", p.controller)).collect();
    let copies = ports.len();
    let enough_copies = if copies > 1 { 2 } else { 1 };
    let (sasl_listener, sasl_protocol) = match options.sasl {
        Some(_) => (format!(",SASL://127.0.0.1:{}", own.sasl), ",SASL:SASL_PLAINTEXT"),
        None => (String::new(), ""),
    };
    let (tls_listener, tls_protocol) = match authority {
        Some(_) => (format!(",SSL://127.0.0.1:{}", own.tls), ",SSL:SSL"),
        None => (String::new(), ""),
    };
    let mut text = format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{sasl_protocol}{tls_protocol}
listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}{sasl_listener}{tls_listener}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain}{sasl_listener}{tls_listener}
log.dirs={data}
num.partitions={partitions}
default.replication.factor={copies}
min.insync.replicas={enough_copies}
offsets.topic.replication.factor={copies}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={enough_copies}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={enough_copies}
",
        id = index + 1,
        voters = voters.join(","),
        plain = own.plain,
        controller = own.controller,
        data = data.display(),
        partitions = options.partitions,
    );
    text.push_str(SMALL_AND_QUICK);
    if let Some(Credentials { user, password }) = &options.sasl {
        let login = "org.apache.kafka.common.security";
        let _infallible = write!(
            text,
            "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{user}=\"{password}\";
listener.name.sasl.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
"
        );
    }
    if let Some(authority) = authority {
        let _infallible = write!(
            text,
            "listener.name.ssl.ssl.keystore.type=PKCS12
listener.name.ssl.ssl.keystore.location={}
listener.name.ssl.ssl.keystore.password={PASSWORD}
listener.name.ssl.ssl.key.password={PASSWORD}
",
            authority.keystore().display()
        );
    }
    for (name, value) in &options.properties {
        let _infallible = writeln!(text, "{name}={value}");
    }
    text
}

/// Kafka's defaults are for large machines and patient people: 128 MiB for compaction, 50 partitions in each inner topic,
/// nine seconds until a dead broker is missed, three until a group begins.
const SMALL_AND_QUICK: &str = "auto.create.topics.enable=true
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=6000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
log.cleaner.dedupe.buffer.size=4194304
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=4
num.network.threads=2
num.io.threads=4
background.threads=2
";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(brokers: u16, options: &KafkaOptions) -> String {
        let ports = (0..brokers).map(|n| Ports { plain: 100 + n, controller: 200 + n, sasl: 300 + n, tls: 400 + n });
        properties(0, &ports.collect::<Vec<_>>(), options, None, Path::new("/data"))
    }

    #[test]
    fn three_brokers_keep_three_copies_and_want_two() {
        let text = of(3, &KafkaOptions::default());
        for line in ["default.replication.factor=3", "min.insync.replicas=2", "transaction.state.log.min.isr=2"] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(text.contains("controller.quorum.voters=1@127.0.0.1:200,2@127.0.0.1:201,3@127.0.0.1:202\n"), "{text}");
        assert!(!of(1, &KafkaOptions::default()).contains("SASL"));
    }

    #[test]
    fn what_a_test_asks_for_comes_last() {
        let properties = vec![("num.io.threads".to_owned(), "8".to_owned())];
        let text = of(1, &KafkaOptions { properties, ..KafkaOptions::default() });
        assert!(text.ends_with("num.io.threads=8\n"), "{text}");
    }
}
