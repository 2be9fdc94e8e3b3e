//! The bridge: tasks of an executor are done by calling agents, and what came of them is sent back.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    ports::TaskHandler,
    runs::{AgentTask, TaskOutcome},
};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    consumer::{self, Consumption, Record, RecordHandler, Settled},
    dead_letter::{self, DeadLetter},
    producer::{NotSent, Outgoing, SharedProducer},
    trace::{self, Receiving},
    wire,
};

/// Consumes tasks, many at once, and sends their results.
pub struct KafkaBridge {
    consumption: Consumption,
    results: String,
    max_bytes: usize,
    receiving: Receiving,
}

impl KafkaBridge {
    pub(crate) fn new(consumption: Consumption, results: String, max_bytes: usize, receiving: Receiving) -> Self {
        Self { consumption, results, max_bytes, receiving }
    }

    /// Has tasks performed until the shutdown; then it waits for those under way, and leaves the group. A task is
    /// acknowledged when its result is; after a crash it is performed again.
    pub async fn run(self, handler: Arc<dyn TaskHandler>, shutdown: CancellationToken) {
        let tasks = Tasks {
            handler,
            producer: Arc::clone(&self.consumption.producer),
            results: self.results,
            dead_letters: self.consumption.dead_letters.clone(),
            max_bytes: self.max_bytes,
            receiving: self.receiving,
            shutdown: shutdown.clone(),
        };
        consumer::consume(&self.consumption, &tasks, &shutdown).await;
    }
}

struct Tasks {
    handler: Arc<dyn TaskHandler>,
    producer: SharedProducer,
    results: String,
    dead_letters: String,
    max_bytes: usize,
    receiving: Receiving,
    shutdown: CancellationToken,
}

#[async_trait]
impl RecordHandler for Tasks {
    async fn handle(&self, record: &Record) -> Settled {
        let received = self.receiving.begin(record);
        let mut task = match wire::read_task(record.value.as_deref(), self.max_bytes) {
            Ok(task) => task,
            Err(unreadable) => return Settled::Poison(unreadable.to_string()),
        };
        task.trace = received.place;
        let outcome = self.handler.perform(&task).await;
        let error = matches!(outcome, TaskOutcome::Failure(_)).then_some("failed");
        self.receiving.end(&received, "agent task", &task.run, error);
        self.send(record, &task, &outcome).await
    }
}

impl Tasks {
    /// Until it is sent, so that a broker which is away for a while does not have the agent called again.
    async fn send(&self, record: &Record, task: &AgentTask, outcome: &TaskOutcome) -> Settled {
        let (mut backoff, mut is_substitute) = (Backoff::new(), false);
        let own = || trace::parent(task.run.as_str(), &task.correlation).into_bytes();
        let theirs = record.header(trace::HEADER).filter(|header| trace::is_valid(header)).map(<[u8]>::to_vec);
        let headers = vec![(trace::HEADER.to_owned(), theirs.unwrap_or_else(own))];
        let (key, mut value) = (task.correlation.as_bytes(), wire::result(task, outcome, self.receiving.clock.now()));
        loop {
            let result =
                Outgoing { topic: &self.results, key: Some(key), value: Some(&value), headers: headers.clone() };
            let trouble = match self.producer.send(result).await {
                Ok(()) => return Settled::Done,
                Err(NotSent::Unavailable(reason)) => reason,
                Err(NotSent::Refused(reason)) => {
                    let letter = DeadLetter {
                        topic: &self.results,
                        place: None,
                        key: Some(key),
                        value: Some(&value),
                        headers: headers.clone(),
                        reason: &reason,
                    };
                    match dead_letter::keep(&self.producer, &self.dead_letters, &letter).await {
                        // Even this one is refused: nothing that could be sent would arrive.
                        Ok(()) if is_substitute => return Settled::Done,
                        Ok(()) => {
                            is_substitute = true;
                            let failure = TaskOutcome::Failure(format!("the agent's output cannot be sent: {reason}"));
                            value = wire::result(task, &failure, self.receiving.clock.now());
                            continue;
                        }
                        Err(reason) => reason,
                    }
                }
            };
            if backoff.still_grows() {
                tracing::warn!(run.id = %task.run, task.id = task.task, reason = trouble, "a result cannot be sent and is kept for later");
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return Settled::Later(trouble),
                () = tokio::time::sleep(backoff.next()) => {}
            }
        }
    }
}
