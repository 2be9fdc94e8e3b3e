//! Whether the parts of this process can do their work, and whether it should still be given any.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use adapters_kafka::KafkaBus;
use async_trait::async_trait;
use domain::{ids::RunId, ports::Runs};
use executor::{CommitQueue, Membership};
use http_actix::{ComponentCheck, Readiness};

/// How long a component is waited for: an orchestrator waits for the answer.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Whether this process is on its way out: from the beginning of its end on it is not ready, so that nothing new is sent to it while
/// it still answers.
#[derive(Clone, Default)]
pub(super) struct Draining(Arc<AtomicBool>);

impl Draining {
    /// The end begins.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The components of this process.
pub(super) struct Components {
    pub(super) draining: Draining,
    /// What this process does, in words.
    pub(super) parts: String,
    pub(super) runs: Arc<dyn Runs>,
    pub(super) writer: CommitQueue,
    /// Where this process shares its store with others.
    pub(super) membership: Option<Membership>,
    pub(super) bus: Option<Arc<KafkaBus>>,
}

#[async_trait]
impl Readiness for Components {
    async fn check(&self) -> Vec<ComponentCheck> {
        let (database, kafka) = tokio::join!(self.database(), self.kafka());
        [Some(self.process()), Some(database), self.executor(), kafka].into_iter().flatten().collect()
    }
}

impl Components {
    /// Whether anything new should be sent here.
    fn process(&self) -> ComponentCheck {
        let answer = if self.draining.has_begun() {
            Err(format!("it is stopping, and finishes what it has begun ({})", self.parts))
        } else {
            Ok(self.parts.clone())
        };
        component("process", false, answer, Instant::now())
    }

    /// Asks the store a question that it can answer from an index.
    async fn database(&self) -> ComponentCheck {
        let started = Instant::now();
        let answer = match RunId::parse("run-readiness") {
            Ok(_) if self.writer.is_failing() => Err("the store cannot write; see the log".to_owned()),
            Ok(run) => match tokio::time::timeout(PATIENCE, self.runs.get(&run)).await {
                Ok(answer) => answer.map(drop).map_err(|e| e.to_string()),
                Err(_) => Err("the store does not answer in time".to_owned()),
            },
            Err(invalid) => Err(invalid.to_string()),
        };
        component("database", false, answer.map(|()| "the store answers".to_owned()), started)
    }

    /// Whether this process may believe that its runs and shards are its own.
    fn executor(&self) -> Option<ComponentCheck> {
        let membership = self.membership.as_ref()?;
        let answer = if membership.holds() {
            Ok("the lease holds".to_owned())
        } else {
            Err("the lease has run out; nothing is begun until the database has heard of this process again".to_owned())
        };
        Some(component("lease", false, answer, Instant::now()))
    }

    /// Starts are durable and are executed without the bus; what is for others waits in the outbox.
    async fn kafka(&self) -> Option<ComponentCheck> {
        let bus = self.bus.as_ref()?;
        let started = Instant::now();
        let answer = match tokio::time::timeout(PATIENCE, bus.status()).await {
            Ok(answer) => answer.map_err(|problem| problem.to_string()),
            Err(_) => Err("no Kafka broker answers in time".to_owned()),
        };
        Some(component("kafka", true, answer.map(|()| "the brokers answer".to_owned()), started))
    }
}

fn component(name: &'static str, optional: bool, answer: Result<String, String>, started: Instant) -> ComponentCheck {
    let ready = answer.is_ok();
    let message = match answer {
        Ok(message) | Err(message) => message,
    };
    ComponentCheck { name, ready, optional, message, response_time: started.elapsed() }
}
