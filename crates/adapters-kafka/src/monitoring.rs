//! Tells whoever listens how runs are getting on.

use domain::{agents::BreakerNews, ports::Monitoring, runs::MonitoringUpdate};
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

    fn send(&self, record: BaseRecord<'_, str, Vec<u8>>) {
        let key = record.key;
        if let Err((error, _)) = self.producer.send(record) {
            tracing::debug!(key, %error, "a monitoring update is dropped");
            metrics::counter!(measures::MONITORING_DROPPED).increment(1);
        }
    }
}

impl Monitoring for KafkaMonitoring {
    fn report(&self, update: MonitoringUpdate) {
        let value = wire::monitoring(&update);
        let run = update.run.as_str();
        let parent = trace::parent_of(&update.run, update.from, &wire::span_of(&update));
        let headers = OwnedHeaders::new_with_capacity(1).insert(Header { key: trace::HEADER, value: Some(&parent) });
        self.send(BaseRecord::to(&self.topic).key(run).payload(&value).headers(headers));
    }

    fn breaker_changed(&self, news: BreakerNews) {
        // By agent, so that its changes stay in their order.
        self.send(BaseRecord::to(&self.topic).key(news.agent.as_str()).payload(&wire::breaker(&news)));
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
