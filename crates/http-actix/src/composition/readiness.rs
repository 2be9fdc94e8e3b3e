//! Whether the store answers.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use domain::{ids::RunId, ports::Runs};
use executor::CommitQueue;
use http_actix::{ComponentCheck, Readiness};

/// Asks the store a question that it can answer from an index.
pub(super) struct StoreReadiness {
    runs: Arc<dyn Runs>,
    writer: CommitQueue,
}

impl StoreReadiness {
    pub(super) fn new(runs: Arc<dyn Runs>, writer: CommitQueue) -> Self {
        Self { runs, writer }
    }
}

#[async_trait]
impl Readiness for StoreReadiness {
    async fn check(&self) -> Vec<ComponentCheck> {
        let started = Instant::now();
        let answer = match RunId::parse("run-readiness") {
            Ok(_) if self.writer.is_failing() => Err("the store cannot write; see the log".to_owned()),
            Ok(run) => self.runs.get(&run).await.map(drop).map_err(|e| e.to_string()),
            Err(invalid) => Err(invalid.to_string()),
        };
        let message = answer.as_ref().err().cloned().unwrap_or_else(|| "the store answers".to_owned());
        vec![ComponentCheck { name: "database", ready: answer.is_ok(), message, response_time: started.elapsed() }]
    }
}
