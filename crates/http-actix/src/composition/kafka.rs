//! From what was given on the command line to the settings of Kafka.

use adapters_kafka::{
    ClientCertificate, Groups, KafkaConfig, Sasl, SaslMechanism, Secret, Security, Tls, TopicShape, Topics,
    Verification,
};
use anyhow::Context;

use crate::cli::kafka::{Kafka, Protocol, Verify};

/// The settings, checked; none where no brokers are given.
pub(super) fn config(given: &Kafka) -> anyhow::Result<Option<KafkaConfig>> {
    if !given.is_given() {
        return Ok(None);
    }
    let mut config = KafkaConfig::new(given.brokers.clone().unwrap_or_default());
    config.topics = topics(given);
    config.groups = groups(given);
    config.security = Security { tls: tls(given), sasl: sasl(given)? };
    config.topic_shape = topic_shape(given);
    config.properties.clone_from(&given.properties);
    config.check().context("the settings of Kafka are wrong")?;
    Ok(Some(config))
}

fn topics(given: &Kafka) -> Topics {
    let names = Topics::default();
    let or = |given: &Option<String>, name: String| given.clone().unwrap_or(name);
    Topics {
        execution_requests: or(&given.execution_topic, names.execution_requests),
        cancellation_requests: or(&given.cancellation_topic, names.cancellation_requests),
        events: or(&given.events_topic, names.events),
        tasks: or(&given.tasks_topic, names.tasks),
        results: or(&given.results_topic, names.results),
        monitoring: or(&given.monitoring_topic, names.monitoring),
        run_events: or(&given.run_events_topic, names.run_events),
        dlq: or(&given.dlq_topic, names.dlq),
        dead_letters: or(&given.dead_letter_topic, names.dead_letters),
    }
}

fn groups(given: &Kafka) -> Groups {
    let names = Groups::default();
    Groups {
        requests: given.group.clone().unwrap_or(names.requests),
        events: given.events_group.clone().unwrap_or(names.events),
        bridge: given.bridge_group.clone().unwrap_or(names.bridge),
        results: names.results,
    }
}

fn topic_shape(given: &Kafka) -> TopicShape {
    let shape = TopicShape::default();
    TopicShape {
        create: given.create_topics.unwrap_or(shape.create),
        partitions: given.partitions.unwrap_or(shape.partitions),
        replication: given.replication.or(shape.replication),
    }
}

fn tls(given: &Kafka) -> Option<Tls> {
    matches!(given.security_protocol, Some(Protocol::Ssl | Protocol::SaslSsl)).then(|| Tls {
        ca_file: given.ca_file.clone(),
        client: given.certificate_file.clone().zip(given.key_file.clone()).map(|(certificate_file, key_file)| {
            let key_password = given.key_password.clone().map(Secret::new);
            ClientCertificate { certificate_file, key_file, key_password }
        }),
        verification: match given.verification {
            None | Some(Verify::Full) => Verification::Full,
            Some(Verify::Authority) => Verification::Authority,
            Some(Verify::None) => Verification::None,
        },
    })
}

fn sasl(given: &Kafka) -> anyhow::Result<Option<Sasl>> {
    if !matches!(given.security_protocol, Some(Protocol::SaslPlaintext | Protocol::SaslSsl)) {
        return Ok(None);
    }
    let named = given.sasl_mechanism.as_deref().unwrap_or("PLAIN");
    let mechanism = SaslMechanism::parse(&named.to_ascii_uppercase()).with_context(|| {
        format!("--kafka-sasl-mechanism must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, not '{named}'")
    })?;
    let user = given.sasl_username.clone().context("a login to Kafka needs --kafka-sasl-username")?;
    let password = given.sasl_password.clone().context("a login to Kafka needs KAFKA_SASL_PASSWORD")?;
    Ok(Some(Sasl { mechanism, user, password: Secret::new(password) }))
}
