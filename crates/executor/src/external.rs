//! Drives the executor of the old system: sends its requests one at a time, again where one was lost, and ends what it left
//! (contract 3.4 and 12a).
//!
//! Its consumer keeps only the first of several requests that it finds at once, and starts a run twice that it is asked for
//! twice. So one request is sent, and the next only when its run has left PENDING or a while has passed.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{
    ids::RunId,
    ports::{Asked, Clock, ExternalExecutor, ExternalRuns, Runs, StoreError},
    runs::{ExternalRequest, RunStatus},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{membership::Membership, relay::Drives};

/// How requests are paced.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long the next request waits for the run of the last one to leave PENDING.
    pub between: Duration,
    /// After how long a request that had no effect is sent again.
    pub again: TimeDelta,
    /// After how long without any sign a run is given up: longer than the old executor's wait for an agent.
    pub silence: TimeDelta,
}

impl Default for Pace {
    /// 3 s, 15 s, 330 s.
    fn default() -> Self {
        let (again, silence) = (TimeDelta::seconds(15), TimeDelta::seconds(330));
        Self { between: Duration::from_secs(3), again, silence }
    }
}

/// How often it is looked whether there is something to do.
const IDLE: Duration = Duration::from_millis(100);

/// How often silent runs are looked for.
const REAP_EVERY: Duration = Duration::from_secs(10);

/// What driving needs.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct DriverPorts {
    pub external: Arc<dyn ExternalRuns>,
    pub runs: Arc<dyn Runs>,
    pub executor: Arc<dyn ExternalExecutor>,
    pub clock: Arc<dyn Clock>,
}

/// Drives the external executor while this process holds the right to.
pub struct Driver {
    ports: DriverPorts,
    membership: Membership,
    drives: Drives,
    pace: Pace,
}

impl Driver {
    /// A driver, by the right of a relay.
    pub fn new(ports: DriverPorts, membership: Membership, drives: Drives, pace: Pace) -> Self {
        Self { ports, membership, drives, pace }
    }

    /// Drives until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut reaped = Instant::now();
        while !stop.is_cancelled() {
            if self.may_drive() {
                if let Err(error) = self.turn(&stop).await {
                    tracing::warn!(%error, "requests to the external executor wait");
                }
                if reaped.elapsed() >= REAP_EVERY {
                    self.reap().await;
                    reaped = Instant::now();
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }

    fn may_drive(&self) -> bool {
        self.drives.now() && self.membership.lease().holds()
    }

    async fn turn(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some(request) = self.ports.external.next_request(self.ports.clock.now(), self.pace.again).await? else {
            return Ok(());
        };
        match self.ask(&request, stop).await {
            Asked::Delivered => {
                metrics::counter!("orrery_external_requests_total").increment(1);
                self.ports.external.told(&request, self.ports.clock.now()).await?;
                match &request {
                    ExternalRequest::Start { run, .. } => self.await_start(run, stop).await,
                    ExternalRequest::Cancel { .. } => Ok(()),
                }
            }
            Asked::Refused(reason) => {
                tracing::warn!(run.id = %request.run(), reason, "a request to the external executor is a dead letter");
                let reason = format!("the existing executor cannot be asked: {reason}");
                self.ports.external.refused(&request, self.ports.clock.now(), &reason).await
            }
            // Marked as sent: whoever drives next sends it again after its time.
            Asked::Unavailable(_) => Ok(()),
        }
    }

    /// Asks until there is a definite answer, or until somebody else may ask.
    async fn ask(&self, request: &ExternalRequest, stop: &CancellationToken) -> Asked {
        let mut waiting = false;
        loop {
            let asked = self.ports.executor.request(request).await;
            let Asked::Unavailable(reason) = &asked else { return asked };
            if !waiting {
                tracing::warn!(run.id = %request.run(), reason, "the bus does not take a request; trying again");
                waiting = true;
            }
            if stop.is_cancelled() || !self.may_drive() {
                return asked;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn await_start(&self, run: &RunId, stop: &CancellationToken) -> Result<(), StoreError> {
        let sent = Instant::now();
        while sent.elapsed() < self.pace.between && !stop.is_cancelled() {
            let status = self.ports.runs.get(run).await?.map(|run| run.status);
            if status != Some(RunStatus::Pending) {
                return Ok(());
            }
            tokio::time::sleep(IDLE / 4).await;
        }
        Ok(())
    }

    async fn reap(&self) {
        match self.ports.external.give_up_silent(self.ports.clock.now(), self.pace.silence).await {
            Ok(0) => {}
            Ok(runs) => tracing::warn!(runs, "runs of the external executor were given up after a long silence"),
            Err(error) => tracing::warn!(%error, "silent runs could not be looked for"),
        }
    }
}
