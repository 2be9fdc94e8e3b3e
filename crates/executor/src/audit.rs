//! The keeper of the audit log: seals its rows about once a second, notes the head of the chain every hour, and removes what is
//! old enough. Every process with an API or an engine has one; the store lets one at a time do it.

use std::{
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};

use domain::ports::{AuditSeal, AuditSealing, Clock, StoreError};
use tokio_util::sync::CancellationToken;

/// How often rows are sealed.
const SEAL_EVERY: Duration = Duration::from_secs(1);

/// How many rows are sealed in one transaction.
const SLICE: usize = 1_000;

/// How many blocks of old rows are removed in one transaction, and how many ticks apart.
const OLD_BLOCKS: usize = 4;
const LOOK_FOR_OLD_EVERY: u64 = 60;

/// Looks after the audit log for as long as it is not told to stop.
pub struct AuditKeeper {
    sealing: Arc<dyn AuditSealing>,
    seal: Arc<dyn AuditSeal>,
    clock: Arc<dyn Clock>,
    keep_for: Duration,
    /// How many seals this process has seen: the chain must never be shorter again.
    seen: AtomicU64,
}

impl AuditKeeper {
    /// A keeper that removes rows which were sealed longer ago than this.
    pub fn new(
        sealing: Arc<dyn AuditSealing>,
        seal: Arc<dyn AuditSeal>,
        clock: Arc<dyn Clock>,
        keep_for: Duration,
    ) -> Self {
        Self { sealing, seal, clock, keep_for, seen: AtomicU64::new(0) }
    }

    /// Looks after it until it is told to stop; what is there by then is sealed.
    pub async fn run(self, stop: CancellationToken) {
        let mut ticks = 0_u64;
        while !stop.is_cancelled() {
            told(self.tick().await);
            if ticks.is_multiple_of(LOOK_FOR_OLD_EVERY) {
                told(self.forget(&stop).await);
            }
            ticks += 1;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(SEAL_EVERY) => {}
            }
        }
        told(self.tick().await);
    }

    /// Seals all that is not sealed, unless another process is at it.
    pub async fn tick(&self) -> Result<(), StoreError> {
        loop {
            let seen = self.seen.load(Ordering::Relaxed);
            let sealed = self.sealing.seal(Arc::clone(&self.seal), seen, self.clock.now(), SLICE).await?;
            let Some(sealed) = sealed else { return Ok(()) };
            self.seen.fetch_max(sealed.head.seals, Ordering::Relaxed);
            metrics::counter!("orrery_audit_sealed_total").increment(sealed.rows as u64);
            if sealed.to_be_noted {
                let head = format!("{}:{}", sealed.head.seals, sealed.head.mac);
                tracing::info!(audit.head = %head, "the head of the audit chain; keep it where this server cannot change it");
            }
            if sealed.rows < SLICE {
                metrics::gauge!("orrery_audit_chain_broken").set(0);
                return Ok(());
            }
        }
    }

    /// Removes what is old enough.
    pub async fn forget(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        let now = self.clock.now();
        let keep = chrono::TimeDelta::from_std(self.keep_for).unwrap_or(chrono::TimeDelta::MAX);
        let Some(oldest) = now.checked_sub_signed(keep) else { return Ok(()) };
        let mut all = 0;
        while !stop.is_cancelled() {
            let removed = self.sealing.forget(Arc::clone(&self.seal), oldest, now, OLD_BLOCKS).await?;
            all += removed;
            if removed == 0 {
                break;
            }
        }
        if all > 0 {
            crate::measures::removed("audit_rows", all);
            tracing::info!(removed = all, "rows of the audit log that were old enough are removed");
        }
        Ok(())
    }
}

/// Says what went wrong, where it is handled.
fn told(outcome: Result<(), StoreError>) {
    match outcome {
        Ok(()) => {}
        Err(error @ StoreError::Corrupt(_)) => {
            metrics::gauge!("orrery_audit_chain_broken").set(1);
            tracing::error!(%error, "the audit chain is broken, and nothing is sealed; somebody should look");
        }
        Err(error) => tracing::warn!(%error, "the audit log could not be sealed; trying again"),
    }
}
