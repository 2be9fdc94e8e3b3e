//! Finds work: claims runs when the bell rings, and by a scan that finds what no bell announced.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chrono::TimeDelta;
use domain::{
    ids::{CommitId, Seq},
    ports::{Claimed, StoreError},
    runs::{AdvanceRun, ChildOutcome, Outward, RunCommit, RunEvent, RunOrigin, RunStatus, RunUpdate, Wake},
};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior},
};

use crate::{
    core::EngineInput,
    loading::RunLoader,
    membership::Membership,
    patience::{Insisted, insist_unless_corrupt},
    shell::{EnginePorts, Message, Shared},
    writer::CommitQueue,
};

/// How often the store is asked which runs are looked after here.
const AUDIT_EVERY: Duration = Duration::from_secs(10);

/// How long a run may be without an owner that wants one, before that needs an explanation: a lease and the time to notice
/// that it has run out.
const UNATTENDED: TimeDelta = TimeDelta::seconds(30);

/// How often runs are looked for that have mail and sleep all the same.
const ROUSE_EVERY: Duration = Duration::from_secs(5);

/// How long to wait before a bell that could not be heard is listened to again.
const DEAF: Duration = Duration::from_secs(1);

/// Claims runs for the shell.
pub(crate) struct Claimer {
    pub(crate) membership: Membership,
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
        // Not a new sleep in each round: a bell that rings all the time must not keep anybody from looking.
        let mut scans = every(scan_every);
        let mut audits = every(AUDIT_EVERY);
        let mut rousings = every(ROUSE_EVERY);
        let mut heard = std::pin::pin!(self.hear_others());
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = self.shared.bell.notified() => {}
                () = &mut heard => heard.set(self.hear_others()),
                () = self.shared.ended.notified() => self.find_ended().await,
                _ = scans.tick() => self.find_ended().await,
                _ = audits.tick() => self.audit().await,
                _ = rousings.tick() => self.rouse().await,
            }
            self.fetch_mail().await;
            while self.claim().await == Self::SLICE {}
        }
    }

    /// Waits for another process to ring; while the bell cannot be heard, scans have to do.
    async fn hear_others(&self) {
        let Some(bell) = &self.ports.doorbell else { return std::future::pending().await };
        while let Err(error) = bell.rung().await {
            tracing::debug!(%error, "the doorbell cannot be heard");
            tokio::time::sleep(DEAF).await;
        }
    }

    /// Asks the store which runs are looked after here: the answer to a claim may have been lost.
    async fn audit(&self) {
        let me = self.membership.me();
        match self.ports.leases.owned(me).await {
            Ok(owned) => self.tell(Message::for_owner(me, EngineInput::Owned(owned))),
            Err(error) => tracing::warn!(%error, "it could not be asked which runs are looked after here"),
        }
        self.watch().await;
    }

    /// Counts the runs that nobody takes although there is an executor: this one (G12).
    async fn watch(&self) {
        let now = self.ports.clock.now();
        let since = now.checked_sub_signed(UNATTENDED).unwrap_or(now);
        match self.ports.leases.unattended(since).await {
            Ok(runs) => {
                let runs = u32::try_from(runs).unwrap_or(u32::MAX);
                metrics::gauge!("orrery_runs_unexplained", "kind" => "unattended").set(runs);
            }
            Err(error) => tracing::warn!(%error, "could not look for runs that nobody takes"),
        }
    }

    /// The durable twin of [`Engine::cancelled`](domain::ports::Engine::cancelled).
    async fn find_ended(&self) {
        match self.ports.leases.take_ended(self.membership.me()).await {
            Ok(ended) => {
                for (run, epoch) in ended {
                    self.tell(EngineInput::Cancelled(run, epoch).into());
                }
            }
            Err(error) => tracing::warn!(%error, "could not look for cancelled runs"),
        }
    }

    /// Looks into the inboxes of the runs that are looked after here.
    async fn fetch_mail(&self) {
        if self.shared.owned.load(Ordering::Relaxed) == 0 {
            return;
        }
        match self.ports.inbox.mail_for(self.membership.me(), Self::SLICE).await {
            Ok(mail) => {
                for mail in mail {
                    self.tell(EngineInput::Mail(mail).into());
                }
            }
            Err(error) => tracing::warn!(%error, "could not look into the inboxes of runs"),
        }
    }

    /// Wakes the runs whose wake-up was lost with whoever was to do it.
    async fn rouse(&self) {
        match self.ports.inbox.rouse(self.ports.clock.now()).await {
            Ok(0) => {}
            Ok(runs) => tracing::debug!(runs, "runs that had mail and slept are woken"),
            Err(error) => tracing::warn!(%error, "could not look for runs that have mail and sleep"),
        }
    }

    /// Claims a slice; answers how many runs it got.
    async fn claim(&self) -> usize {
        let free = self.shared.capacity.saturating_sub(self.shared.owned.load(Ordering::Relaxed)).min(Self::SLICE);
        if free == 0 || self.shared.stop.is_cancelled() || !self.membership.lease().holds() {
            return 0;
        }
        let me = self.membership.me();
        let claimed = match self.ports.leases.claim(me, free, self.ports.clock.now()).await {
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
                    let Claimed { run, epoch, inbox, .. } = run;
                    self.tell(Message::for_owner(me, EngineInput::Claimed { run, epoch, loaded, inbox }));
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
        let (now, outcome) = (self.ports.clock.now(), ChildOutcome::Failed { error: error.clone() });
        let first = run.history.first().and_then(|record| Some((record.at, record.events.first()?)));
        let origin = match first {
            Some((since, RunEvent::Started { trace, .. })) => RunOrigin { from: *trace, since },
            _ => RunOrigin { from: None, since: now },
        };
        let notes = match first {
            Some((_, RunEvent::Started { parent: Some(parent), .. })) => {
                vec![parent.told(&run.run, outcome, last + 1, now)]
            }
            _ => Vec::new(),
        };
        let commit = AdvanceRun {
            commit: CommitId::new(self.ports.ids.unique()),
            run: run.run,
            epoch: run.epoch,
            seq: Seq::new(last),
            at: now,
            origin,
            events: vec![RunEvent::RunFailed { error: error.clone() }],
            closed: Vec::new(),
            update: Some(RunUpdate::to(RunStatus::Failed, Some(error))),
            drained: Vec::new(),
            wake: Wake::Never,
            outward: Outward { notes, ..Outward::default() },
        };
        self.writer.submit(RunCommit::Advance(commit), |_| ());
    }

    fn tell(&self, message: Message) {
        let _ = self.inbox.send(message);
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
