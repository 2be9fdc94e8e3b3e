//! Requests of foreign producers: runs to be executed, and to be cancelled.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    ports::{Handled, RequestHandler},
    runs::ExecutionRequest,
};
use tokio_util::sync::CancellationToken;

use crate::{
    consumer::{self, Consumption, Record, RecordHandler, Settled},
    trace::Receiving,
    wire::{self, Request},
};

/// Consumes execution and cancellation requests.
pub struct KafkaRequests {
    consumption: Consumption,
    max_bytes: usize,
    receiving: Receiving,
}

impl KafkaRequests {
    pub(crate) fn new(consumption: Consumption, max_bytes: usize, receiving: Receiving) -> Self {
        Self { consumption, max_bytes, receiving }
    }

    /// Gives requests to the handler until the shutdown; then it waits for those under way, and leaves the group. Requests
    /// for the same run come one after the other; a request is acknowledged when the handler is done with it, or when it is
    /// kept as a dead letter.
    pub async fn run(self, handler: Arc<dyn RequestHandler>, shutdown: CancellationToken) {
        let requests = Requests { handler, max_bytes: self.max_bytes, receiving: self.receiving };
        consumer::consume(&self.consumption, &requests, &shutdown).await;
    }
}

struct Requests {
    handler: Arc<dyn RequestHandler>,
    max_bytes: usize,
    receiving: Receiving,
}

#[async_trait]
impl RecordHandler for Requests {
    async fn handle(&self, record: &Record) -> Settled {
        let handled = match wire::read_request(record.value.as_deref(), self.max_bytes) {
            Ok(Request::Execution(request)) => self.execution(record, request).await,
            Ok(Request::Cancellation(request)) => self.handler.cancellation(request).await,
            Err(unreadable) => return Settled::Poison(unreadable.to_string()),
        };
        match handled {
            Handled::Done => Settled::Done,
            Handled::Refused(reason) => Settled::Poison(reason),
            Handled::Later(reason) => Settled::Later(reason),
        }
    }
}

impl Requests {
    /// What is done for it belongs to the trace that the record names.
    async fn execution(&self, record: &Record, request: ExecutionRequest) -> Handled {
        let (received, run) = (self.receiving.begin(record), request.run.clone());
        let handled = self.handler.execution(ExecutionRequest { from: received.place, ..request }).await;
        let error = match &handled {
            Handled::Done => None,
            Handled::Refused(_) => Some("refused"),
            Handled::Later(_) => Some("put off"),
        };
        self.receiving.end(&received, "execution request", &run, error);
        handled
    }
}
