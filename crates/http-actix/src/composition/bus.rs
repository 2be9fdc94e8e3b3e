//! Kafka behind the ports of the bus.

use std::{sync::Arc, time::Duration};

use adapters_kafka::{KafkaBus, KafkaConfig};
use anyhow::Context;
use domain::ports::{AgentGateway, Clock, ExternalExecutor, Monitoring, Publisher, Spans};
use tokio_util::sync::CancellationToken;

/// How long to wait before topics that could not be looked after are looked after again.
const AGAIN: Duration = Duration::from_secs(5);

/// The bus of this process.
pub(super) struct Bus(Arc<KafkaBus>);

impl Bus {
    /// Checks the settings and begins to connect. Brokers that are down are no error: starts are durable without them.
    pub(super) fn connect(config: KafkaConfig, clock: Arc<dyn Clock>, spans: Arc<dyn Spans>) -> anyhow::Result<Self> {
        if config.is_open_to_eavesdroppers() {
            tracing::info!(
                "the connection to Kafka is not encrypted; set --kafka-security-protocol for networks that others share"
            );
        }
        let bus = KafkaBus::connect(config, clock).context("Kafka cannot be used")?;
        Ok(Self(Arc::new(bus.telling(spans))))
    }

    /// Waits until everything that was begun to be sent is acknowledged or given up.
    pub(super) async fn close(&self) {
        self.0.close().await;
    }

    /// For the readiness of the process.
    pub(super) fn shared(&self) -> Arc<KafkaBus> {
        Arc::clone(&self.0)
    }

    /// Makes the topics that do not exist, as soon as a broker answers.
    pub(super) fn prepare(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        let bus = self.shared();
        async move {
            let mut told = false;
            while let Err(problem) = bus.prepare_topics().await {
                if !told {
                    tracing::warn!(%problem, "Kafka cannot be used yet; runs go on without it, and what is for others waits");
                    told = true;
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
            // A part of the process ends only when it is told to.
            stop.cancelled().await;
        }
    }

    pub(super) fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::new(self.0.publisher())
    }

    pub(super) fn external_executor(&self) -> Arc<dyn ExternalExecutor> {
        Arc::new(self.0.external_executor())
    }

    pub(super) fn monitoring(&self) -> anyhow::Result<Arc<dyn Monitoring>> {
        Ok(Arc::new(self.0.monitoring().context("Kafka cannot be used")?))
    }

    pub(super) fn requests(&self) -> adapters_kafka::KafkaRequests {
        self.0.requests()
    }

    pub(super) fn events(&self) -> adapters_kafka::KafkaEvents {
        self.0.events()
    }

    pub(super) fn bridge(&self) -> adapters_kafka::KafkaBridge {
        self.0.bridge()
    }

    /// Calls through the existing bridge, and what has to run for their answers to be heard.
    pub(super) fn agent_gateway(
        &self,
        cards: Arc<dyn AgentGateway>,
    ) -> (Arc<dyn AgentGateway>, adapters_kafka::KafkaResults) {
        let (gateway, results) = self.0.agent_gateway(cards);
        (Arc::new(gateway), results)
    }
}
