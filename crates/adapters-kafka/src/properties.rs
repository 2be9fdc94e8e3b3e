//! The settings of librdkafka that each kind of client gets.

use rdkafka::ClientConfig;

use crate::{
    config::{Compression, KafkaConfig},
    consumer::COUNT_EVERY,
};

/// Those that other settings or the guarantees of this crate decide.
const OURS: [&str; 27] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "batch.size",
    "bootstrap.servers",
    "client.id",
    "compression.codec",
    "compression.type",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "linger.ms",
    "log.queue",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "partitioner",
    "request.required.acks",
    "sasl.mechanism",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "transactional.id",
];

/// Whether a setting is not for others to set.
pub(crate) fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// What all clients have in common.
fn common(config: &KafkaConfig) -> ClientConfig {
    let mut properties = ClientConfig::new();
    properties
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", &config.client_id)
        // A broker that is back is found within seconds.
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true")
        .set("topic.metadata.refresh.interval.ms", config.refresh_interval.as_millis().to_string());
    for (name, value) in config.security.properties() {
        properties.set(name, value);
    }
    properties
}

/// What somebody has set comes last: it wins where it may.
fn finished(config: &KafkaConfig, mut properties: ClientConfig) -> ClientConfig {
    for (name, value) in &config.properties {
        properties.set(name, value);
    }
    properties
}

/// Sends what must arrive: acknowledged by all copies in sync, once, in order.
pub(crate) fn producer(config: &KafkaConfig) -> ClientConfig {
    let mut properties = sender(config);
    properties.set("message.timeout.ms", config.send_timeout.as_millis().to_string());
    finished(config, properties)
}

/// Sends what may be lost: as good as [`producer`], with a queue that is soon full and given up soon.
pub(crate) fn monitoring(config: &KafkaConfig) -> ClientConfig {
    let mut properties = sender(config);
    properties
        .set("message.timeout.ms", config.send_timeout.as_millis().min(10_000).to_string())
        .set("queue.buffering.max.messages", config.max_monitoring_queue.to_string())
        // There are two of these for each step: a request to the broker for every few of them would cost more than the step.
        .set("linger.ms", "25");
    finished(config, properties)
}

fn sender(config: &KafkaConfig) -> ClientConfig {
    let mut properties = common(config);
    let compression = match config.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
    };
    properties
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // What the Java client and kafka-python do: equal keys, equal partitions, whoever sends.
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "2")
        .set("compression.type", compression)
        .set("message.max.bytes", config.max_sent_bytes.to_string())
        // A broker refuses whole batches. With small ones, a record that is too large for it stands alone.
        .set("batch.size", "131072")
        .set("request.timeout.ms", "10000")
        .set("retry.backoff.max.ms", "500");
    properties
}

/// Consumes as a member of a group. Offsets are stored when a record is dealt with, and committed from there: each second,
/// before partitions are given back, and at the end.
pub(crate) fn group_consumer(config: &KafkaConfig, group: &str) -> ClientConfig {
    let mut properties = consumer(config, group);
    properties
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("statistics.interval.ms", COUNT_EVERY)
        .set("enable.auto.offset.store", "false")
        // The strategies of kafka-python, which may be a member of the same group. `range` gives equal partitions of the two
        // topics of requests to the same member.
        .set("partition.assignment.strategy", "range,roundrobin")
        // A dead bridge's tasks are not missed for longer.
        .set("session.timeout.ms", "15000");
    finished(config, properties)
}

/// Reads all of a topic, as nobody's member.
pub(crate) fn reader(config: &KafkaConfig) -> ClientConfig {
    let mut properties = consumer(config, &config.groups.results);
    properties.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    finished(config, properties)
}

fn consumer(config: &KafkaConfig, group: &str) -> ClientConfig {
    let mut properties = common(config);
    properties
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("queued.max.messages.kbytes", "16384")
        .set("fetch.error.backoff.ms", "200");
    properties
}

/// Asks and tells brokers about topics.
pub(crate) fn plain(config: &KafkaConfig) -> ClientConfig {
    finished(config, common(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafka_knows_every_setting() {
        let mut config = KafkaConfig::new("127.0.0.1:1");
        config.compression = Compression::Gzip;
        for properties in
            [producer(&config), monitoring(&config), group_consumer(&config, "g"), reader(&config), plain(&config)]
        {
            properties.create_native_config().expect("known settings");
        }
    }

    #[test]
    fn what_must_arrive_is_confirmed_by_all_copies_and_repeated_without_doubles_whatever_else_is_set() {
        let mut config = KafkaConfig::new("127.0.0.1:1");
        for properties in [producer(&config), monitoring(&config)] {
            assert_eq!((properties.get("acks"), properties.get("enable.idempotence")), (Some("all"), Some("true")));
            assert_eq!(properties.get("partitioner"), Some("murmur2_random"));
            let native = properties.create_native_config().expect("known settings");
            // Under the name that librdkafka has for it.
            assert_eq!(native.get("request.required.acks").ok().as_deref(), Some("-1"));
        }
        for name in ["acks", "request.required.acks", "enable.idempotence", "max.in.flight", "transactional.id"] {
            config.properties = vec![(name.to_owned(), "0".to_owned())];
            assert!(config.check().is_err(), "{name} is not for others to set");
        }
    }

    #[test]
    fn further_settings_reach_all_clients_and_win() {
        let mut config = KafkaConfig::new("127.0.0.1:1");
        config.properties = vec![("fetch.wait.max.ms".into(), "5000".into())];
        for properties in [producer(&config), group_consumer(&config, "g"), reader(&config), plain(&config)] {
            assert_eq!(properties.get("fetch.wait.max.ms"), Some("5000"));
        }
    }

    #[test]
    fn a_record_is_given_up_within_what_the_ports_promise() {
        let timeout = producer(&KafkaConfig::new("a:1")).get("message.timeout.ms").map(str::parse);
        assert_eq!(timeout, Some(Ok(20_000)));
    }
}
