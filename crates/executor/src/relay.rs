//! The relay: sends what waits in the outbox, in order, and forgets it once it is acknowledged.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::ports::{
    Clock, Delivery, Fleet, HeldShard, Outbox, Publisher, QueuedMessage, SHARDS, Shard, Spans, StoreError,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{membership::Membership, spans};

/// How many messages of a shard are sent at once.
const SLICE: usize = 500;

/// How often an empty outbox is looked at.
const IDLE: Duration = Duration::from_millis(100);

/// How long messages may gather once all that waited is out. Without it a busy outbox would be emptied a message at a time,
/// and each time costs a transaction and a request to the broker.
const GATHER: Duration = Duration::from_millis(20);

/// How often the shards are shared out anew, and how long to wait after a failure.
const SHARE_EVERY: Duration = Duration::from_secs(1);

/// What a relay needs.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct RelayPorts {
    pub outbox: Arc<dyn Outbox>,
    pub fleet: Arc<dyn Fleet>,
    pub publisher: Arc<dyn Publisher>,
    pub spans: Arc<dyn Spans>,
    pub clock: Arc<dyn Clock>,
}

/// Whether this process drives the external executor: one relay does at a time.
#[derive(Clone, Default)]
pub struct Drives(Arc<AtomicBool>);

impl Drives {
    pub(crate) fn now(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What came of looking into the outbox.
enum Turn {
    Nothing,
    AllOut,
    MoreWaits,
}

/// Relays messages for as long as it is not told to stop.
pub struct Relay {
    ports: RelayPorts,
    membership: Membership,
    may_drive: bool,
    drives: Drives,
    held: Vec<HeldShard>,
    shared_out: Option<Instant>,
}

impl Relay {
    /// A relay that holds nothing yet.
    pub fn new(ports: RelayPorts, membership: Membership) -> Self {
        Self { ports, membership, may_drive: false, drives: Drives::default(), held: Vec::new(), shared_out: None }
    }

    /// Lets this process drive the external executor, and tells whether it does.
    pub fn driving(&mut self) -> Drives {
        self.may_drive = true;
        self.drives.clone()
    }

    /// Relays until it is told to stop, then gives its shards back.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.turn().await {
                Ok(Turn::Nothing) => IDLE,
                Ok(Turn::AllOut) => GATHER,
                Ok(Turn::MoreWaits) => continue,
                Err(error) => {
                    tracing::warn!(%error, "messages to others could not be relayed; they wait");
                    SHARE_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.drives.0.store(false, Ordering::Relaxed);
        if let Err(error) = self.ports.outbox.give_back(self.membership.me(), 0).await {
            tracing::warn!(%error, "the relay could not give its shards back; others take them when it has left");
        }
    }

    /// Sends what waits in the shards that this relay holds.
    async fn turn(&mut self) -> Result<Turn, StoreError> {
        if self.shared_out.is_none_or(|at| at.elapsed() >= SHARE_EVERY) {
            self.share_out().await?;
        }
        // Whoever may have lost its shards sends nothing: the next holder must not be overtaken by old messages.
        if !self.membership.lease().holds() {
            return Ok(Turn::Nothing);
        }
        let shards: Vec<Shard> = self.held.iter().map(|held| held.shard).filter(|s| *s != Shard::EXTERNAL).collect();
        if shards.is_empty() {
            return Ok(Turn::Nothing);
        }
        let messages = self.ports.outbox.oldest(&shards, SLICE).await?;
        if messages.is_empty() {
            return Ok(Turn::Nothing);
        }
        let deliveries = self.ports.publisher.publish(&messages).await;
        let out = self.settle(&messages, &deliveries).await?;
        // A shard of which a whole slice was sent may have more.
        Ok(if out >= SLICE { Turn::MoreWaits } else { Turn::AllOut })
    }

    async fn share_out(&mut self) -> Result<(), StoreError> {
        let me = self.membership.me();
        let relays = self.ports.fleet.life_signs().await?.iter().filter(|sign| sign.duties.relays).count().max(1);
        let share = (usize::from(SHARDS) + 1).div_ceil(relays);
        self.ports.outbox.give_back(me, share).await?;
        self.held = self.ports.outbox.hold(me, share, self.may_drive).await?;
        self.drives.0.store(self.held.iter().any(|held| held.shard == Shard::EXTERNAL), Ordering::Relaxed);
        self.shared_out = Some(Instant::now());
        Ok(())
    }

    async fn settle(&mut self, messages: &[QueuedMessage], deliveries: &[Delivery]) -> Result<usize, StoreError> {
        let mut delivered: BTreeMap<Shard, Vec<u64>> = BTreeMap::new();
        let mut refused = None;
        let now = self.ports.clock.now();
        for (message, delivery) in messages.iter().zip(deliveries) {
            if *delivery == Delivery::Delivered {
                spans::relayed(&*self.ports.spans, &message.message, now);
            }
            match delivery {
                Delivery::Delivered => delivered.entry(message.shard).or_default().push(message.id),
                Delivery::Unavailable(reason) => refused = Some(reason),
            }
        }
        let of = |held: &HeldShard| Some((*held, delivered.remove(&held.shard)?));
        let delivered: Vec<(HeldShard, Vec<u64>)> = self.held.iter().filter_map(of).collect();
        let still_held =
            if delivered.is_empty() { Vec::new() } else { self.ports.outbox.delivered(&delivered).await? };
        let out = delivered.iter().filter(|(held, _)| still_held.contains(&held.shard)).map(|(_, ids)| ids.len()).sum();
        metrics::counter!("orrery_messages_relayed_total").increment(out as u64);
        match refused {
            Some(reason) => Err(StoreError::Unavailable(format!("the bus: {reason}"))),
            None => Ok(out),
        }
    }
}
