//! Tells whoever listens how runs are getting on.

use domain::{ports::Monitoring, runs::MonitoringUpdate};
use rdkafka::{
    ClientConfig, ClientContext,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    message::{DeliveryResult, Header, OwnedHeaders},
    producer::{BaseRecord, ProducerContext, ThreadedProducer},
    statistics::Statistics,
};

use crate::{client::Listening, measures, trace, wire};

/// Sends monitoring updates through a producer of its own, whose queue is bounded: what finds it full is dropped and counted.
/// So updates never wait, and never take the room of what must arrive.
pub struct KafkaMonitoring {
    producer: ThreadedProducer<Counting>,
    topic: String,
}

impl KafkaMonitoring {
    pub(crate) fn new(properties: &ClientConfig, listening: Listening, topic: String) -> Result<Self, KafkaError> {
        let producer = ThreadedProducer::from_config_and_context(properties, Counting(listening))?;
        Ok(Self { producer, topic })
    }
}

impl Monitoring for KafkaMonitoring {
    fn report(&self, update: MonitoringUpdate) {
        let value = wire::monitoring(&update);
        let run = update.run.as_str();
        let parent = trace::parent(run, &wire::span_of(&update));
        let headers = OwnedHeaders::new_with_capacity(1).insert(Header { key: trace::HEADER, value: Some(&parent) });
        let record = BaseRecord::to(&self.topic).key(run).payload(&value).headers(headers);
        if let Err((error, _)) = self.producer.send(record) {
            tracing::debug!(run.id = run, %error, "a monitoring update is dropped");
            metrics::counter!(measures::MONITORING_DROPPED).increment(1);
        }
    }
}

/// Counts what is lost after it was queued.
struct Counting(Listening);

impl ClientContext for Counting {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for Counting {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            metrics::counter!(measures::MONITORING_DROPPED).increment(1);
        }
    }
}
