//! The one connection point: everything else of this crate is made here.

use std::{sync::Arc, time::Duration};

use domain::ports::{AgentGateway, Clock, NoSpans, Spans};
use rdkafka::error::KafkaError;

use crate::checkup::TopicFacts;
use crate::{
    bridge::KafkaBridge,
    client::Listening,
    config::{InvalidKafkaConfig, KafkaConfig},
    consumer::{self, Consumption, Order},
    events::KafkaEvents,
    executor::KafkaExternalExecutor,
    gateway::{self, KafkaAgentGateway, KafkaResults, Parts},
    monitoring::KafkaMonitoring,
    producer::{Producer, SharedProducer},
    properties,
    publisher::KafkaPublisher,
    questions::Questions,
    requests::KafkaRequests,
    status::BusProblem,
    topics,
    trace::Receiving,
};

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
pub enum CannotConnect {
    /// A setting cannot be.
    #[error(transparent)]
    Invalid(#[from] InvalidKafkaConfig),
    /// librdkafka refuses the settings. Shows no value of any.
    #[error("Kafka's client refuses its settings: {0}")]
    Refused(String),
}

impl CannotConnect {
    fn refused(error: &KafkaError) -> Self {
        Self::Refused(consumer::without_value(error))
    }
}

/// A cluster, and how it is used. Cheap to clone.
#[derive(Clone)]
pub struct KafkaBus {
    config: Arc<KafkaConfig>,
    producer: SharedProducer,
    questions: Arc<Questions>,
    listening: Listening,
    clock: Arc<dyn Clock>,
    spans: Arc<dyn Spans>,
}

impl KafkaBus {
    /// Checks the settings and begins to connect. Does not wait for a broker: one that is down is found when it is back.
    pub fn connect(config: KafkaConfig, clock: Arc<dyn Clock>) -> Result<Self, CannotConnect> {
        config.check()?;
        let listening = Listening::default();
        let producer = Producer::new(properties::producer(&config), listening.clone());
        let producer = Arc::new(producer.map_err(|e| CannotConnect::refused(&e))?);
        let questions = Questions::new(&properties::plain(&config), listening.clone());
        let questions = Arc::new(questions.map_err(|e| CannotConnect::refused(&e))?);
        Ok(Self { config: Arc::new(config), producer, questions, listening, clock, spans: Arc::new(NoSpans) })
    }

    /// The same; whoever follows traces is told of what is taken from the cluster.
    #[must_use]
    pub fn telling(self, spans: Arc<dyn Spans>) -> Self {
        Self { spans, ..self }
    }

    /// Whether a broker answers, found out within three seconds.
    pub async fn status(&self) -> Result<(), BusProblem> {
        self.questions.partitions(&self.config.topics.run_events).await.map(drop)
    }

    /// What brokers say of each of our topics, or why none does.
    pub async fn examine(&self) -> Result<Vec<TopicFacts>, BusProblem> {
        let mut facts = Vec::new();
        for (setting, name) in self.config.topics.all() {
            let state = self.questions.topic(name).await?;
            facts.push(TopicFacts { setting, name: name.to_owned(), state });
        }
        Ok(facts)
    }

    /// Makes the topics that do not exist, as [`TopicShape`](crate::TopicShape) says. Those that cannot be made are logged
    /// and not an error: consumers wait for them. To be called before anything is sent, and again after an error: brokers
    /// may make a topic for its first record, of their own shape.
    pub async fn prepare_topics(&self) -> Result<(), BusProblem> {
        topics::prepare(&properties::plain(&self.config), &self.questions, self.listening.clone(), &self.config).await
    }

    /// Sends the messages of the outbox.
    pub fn publisher(&self) -> KafkaPublisher {
        KafkaPublisher::new(Arc::clone(&self.producer), self.config.topics.clone())
    }

    /// Asks the executor of the old system.
    pub fn external_executor(&self) -> KafkaExternalExecutor {
        KafkaExternalExecutor::new(Arc::clone(&self.producer), self.config.topics.clone())
    }

    /// Tells whoever listens how runs are getting on.
    pub fn monitoring(&self) -> Result<KafkaMonitoring, CannotConnect> {
        let topic = self.config.topics.monitoring.clone();
        KafkaMonitoring::new(&properties::monitoring(&self.config), self.listening.clone(), topic)
            .map_err(|e| CannotConnect::refused(&e))
    }

    /// Consumes requests of foreign producers, once it is run.
    pub fn requests(&self) -> KafkaRequests {
        let topics = &self.config.topics;
        let consumed = vec![topics.execution_requests.clone(), topics.cancellation_requests.clone()];
        let consumption = self.consumption(&self.config.groups.requests, consumed, Order::OfKeys);
        KafkaRequests::new(consumption, self.config.max_received_bytes, self.receiving())
    }

    /// Consumes events of foreign producers, once it is run.
    pub fn events(&self) -> KafkaEvents {
        let consumed = vec![self.config.topics.events.clone()];
        let consumption = self.consumption(&self.config.groups.events, consumed, Order::OfKeys);
        KafkaEvents::new(consumption, self.config.max_received_bytes)
    }

    fn receiving(&self) -> Receiving {
        Receiving { spans: Arc::clone(&self.spans), clock: Arc::clone(&self.clock) }
    }

    /// Has tasks of the old executor performed, once it is run.
    pub fn bridge(&self) -> KafkaBridge {
        let topics = &self.config.topics;
        // Steps that run side by side have the same key.
        let consumption = self.consumption(&self.config.groups.bridge, vec![topics.tasks.clone()], Order::None);
        KafkaBridge::new(consumption, topics.results.clone(), self.config.max_received_bytes, self.receiving())
    }

    /// Calls agents through the bridge of the old system, while the results are run. `cards` answers for their health.
    pub fn agent_gateway(&self, cards: Arc<dyn AgentGateway>) -> (KafkaAgentGateway, KafkaResults) {
        let parts = Parts {
            properties: properties::reader(&self.config),
            tasks: self.config.topics.tasks.clone(),
            results: self.config.topics.results.clone(),
            margin: self.config.bridge_margin,
            max_bytes: self.config.max_received_bytes,
            refresh_interval: self.config.refresh_interval,
            producer: Arc::clone(&self.producer),
            listening: self.listening.clone(),
            clock: Arc::clone(&self.clock),
        };
        gateway::gateway(parts, cards)
    }

    /// Waits until everything that was begun to be sent is acknowledged or given up, at most ten seconds. To be called at the
    /// end, when nothing else is sent.
    pub async fn close(&self) {
        let producer = Arc::clone(&self.producer);
        if tokio::task::spawn_blocking(move || producer.flush(Duration::from_secs(10))).await.is_err() {
            tracing::error!("the Kafka producer could not be flushed");
        }
    }

    fn consumption(&self, group: &str, topics: Vec<String>, order: Order) -> Consumption {
        Consumption {
            properties: properties::group_consumer(&self.config, group),
            topics,
            order,
            max_in_flight: self.config.max_in_flight,
            drain_timeout: self.config.drain_timeout,
            producer: Arc::clone(&self.producer),
            dead_letters: self.config.topics.dead_letters.clone(),
            listening: self.listening.clone(),
        }
    }
}
