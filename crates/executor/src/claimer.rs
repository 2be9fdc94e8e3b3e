//! Finds work: claims runs when the bell rings, and by a scan that finds what no bell announced.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use domain::{
    ids::{CommitId, ExecutorId, Seq},
    ports::{Claimed, StoreError},
    runs::{AdvanceRun, RunCommit, RunEvent, RunStatus, RunUpdate, Wake},
};
use tokio::sync::mpsc;

use crate::{
    core::EngineInput,
    loading::RunLoader,
    patience::{Insisted, insist_unless_corrupt},
    shell::{EnginePorts, Message, Shared},
    writer::CommitQueue,
};

/// Claims runs for the shell.
pub(crate) struct Claimer {
    pub(crate) me: ExecutorId,
    pub(crate) ports: EnginePorts,
    pub(crate) loader: RunLoader,
    pub(crate) writer: CommitQueue,
    pub(crate) inbox: mpsc::UnboundedSender<Message>,
    pub(crate) shared: Arc<Shared>,
}

impl Claimer {
    /// The most runs claimed at once.
    const SLICE: usize = 256;

    pub(crate) async fn run(self, scan_every: Duration) {
        let _dies_with_us = self.shared.end_on_drop();
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = self.shared.bell.notified() => {}
                () = self.shared.ended.notified() => self.find_ended().await,
                () = tokio::time::sleep(scan_every) => self.find_ended().await,
            }
            while self.claim().await == Self::SLICE {}
        }
    }

    /// The durable twin of [`Engine::cancelled`](domain::ports::Engine::cancelled).
    async fn find_ended(&self) {
        match self.ports.leases.take_ended(self.me).await {
            Ok(ended) => ended.into_iter().for_each(|(run, epoch)| self.tell(EngineInput::Cancelled(run, epoch))),
            Err(error) => tracing::warn!(%error, "could not look for cancelled runs"),
        }
    }

    /// Claims a slice; answers how many runs it got.
    async fn claim(&self) -> usize {
        let free = self.shared.capacity.saturating_sub(self.shared.owned.load(Ordering::Relaxed)).min(Self::SLICE);
        if free == 0 || self.shared.stop.is_cancelled() {
            return 0;
        }
        let claimed = match self.ports.leases.claim(self.me, free, self.ports.clock.now()).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "could not claim runs");
                return 0;
            }
        };
        let count = claimed.len();
        // Before the shell hears of them, which sets the number anew.
        self.shared.owned.fetch_add(count, Ordering::Relaxed);
        for run in claimed {
            let prepare = || self.loader.prepare(&run.run, &run.history, run.input.clone());
            match insist_unless_corrupt(&self.shared.stop, prepare).await {
                Insisted::Answer(Ok(loaded)) => {
                    self.tell(EngineInput::Claimed { run: run.run, epoch: run.epoch, loaded });
                }
                Insisted::Answer(Err(error)) => self.fail(run, &error),
                // It stays owned, and is given back with all others.
                Insisted::Stopped => return 0,
            }
        }
        count
    }

    /// A run that cannot be continued ends with a reason instead of standing still without one.
    fn fail(&self, run: Claimed, error: &StoreError) {
        tracing::error!(run.id = %run.run, %error, "a run cannot be continued");
        let last = run.history.last().map_or(0, |record| record.first.get() + record.events.len() as u64 - 1);
        let error = format!("the run cannot be continued: {error}");
        let commit = AdvanceRun {
            commit: CommitId::new(self.ports.ids.unique()),
            run: run.run,
            epoch: run.epoch,
            seq: Seq::new(last),
            at: self.ports.clock.now(),
            events: vec![RunEvent::RunFailed { error: error.clone() }],
            closed: Vec::new(),
            update: Some(RunUpdate { status: RunStatus::Failed, error: Some(error) }),
            wake: Wake::Never,
        };
        self.writer.submit(RunCommit::Advance(commit), |_| ());
    }

    fn tell(&self, input: EngineInput) {
        let _ = self.inbox.send(Message::from(input));
    }
}
