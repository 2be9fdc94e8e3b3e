//! The ports of a store that several processes share, as the contracts see them.

use std::{any::Any, ops::Deref, sync::Arc};

use domain::{
    ids::ExecutorId,
    ports::{
        Accounts, AgentTraffic, Agents, AuditLog, DeadLetters, Duties, Fleet, HeldShard, IdempotencyKeys, OldRuns,
        Outbox, QueuedMessage, Requests, RunFeed, RunInbox, RunJournal, RunLeases, Runs, SHARDS, Schedules, Shard,
    },
    ports::{Transactions, WebhookQueue, Webhooks, Workflows},
    runs::{OutboxMessage, RunEnded},
};

use crate::{Stores, samples::executor};

/// All ports of one fresh store that announces and adopts.
#[derive(Clone)]
pub struct SharedStores {
    /// Those that every store has.
    pub stores: Stores,
    /// See [`Fleet`].
    pub fleet: Arc<dyn Fleet>,
    /// See [`Outbox`].
    pub outbox: Arc<dyn Outbox>,
}

impl Deref for SharedStores {
    type Target = Stores;
    fn deref(&self) -> &Stores {
        &self.stores
    }
}

impl SharedStores {
    /// The ports of a store that has them all.
    pub fn new<S>(store: S) -> Self
    where
        S: Agents
            + Workflows
            + Transactions
            + RunJournal
            + Runs
            + RunLeases
            + RunInbox
            + DeadLetters
            + OldRuns
            + AgentTraffic
            + Accounts
            + AuditLog
            + RunFeed
            + Webhooks
            + WebhookQueue
            + IdempotencyKeys
            + Schedules
            + Fleet
            + Outbox
            + Clone
            + 'static,
    {
        let shared = Arc::new(store.clone());
        Self { stores: Stores::new(store), fleet: shared.clone(), outbox: shared }
    }

    /// The same, dropping something only after the store.
    pub fn guarded(self, guard: impl Any + Send + Sync) -> Self {
        Self { stores: self.stores.guarded(guard), ..self }
    }

    /// Enters members that relay.
    pub async fn joined(&self, members: &[u64]) {
        for n in members {
            let duties = Duties { executes: false, relays: true, requests: Requests::Ignores };
            self.fleet.join(executor(*n), duties).await.expect("the store works");
        }
    }

    /// What a relay holds, once it may hold so many.
    pub async fn hold(&self, relay: u64, most: usize) -> Vec<HeldShard> {
        self.outbox.hold(executor(relay), most, true).await.expect("the store works")
    }

    /// Everything that waits, shard by shard.
    pub async fn waiting(&self) -> Vec<QueuedMessage> {
        let shards: Vec<Shard> = (0..SHARDS).filter_map(Shard::new).collect();
        self.outbox.oldest(&shards, 1_000).await.expect("the store works")
    }

    /// What is to be told of a run, in its order.
    pub async fn told(&self, run: &str) -> Vec<OutboxMessage> {
        let messages = self.waiting().await.into_iter().map(|queued| queued.message);
        messages.filter(|message| message.run().as_str() == run).collect()
    }

    /// The ends of a run that are to be told, in their order.
    pub async fn news(&self, run: &str) -> Vec<RunEnded> {
        let ends = self.told(run).await.into_iter().filter_map(|message| match message {
            OutboxMessage::RunEnded(ended) => Some(ended),
            OutboxMessage::DeadLetterLeft(_) => None,
        });
        ends.collect()
    }

    /// Removes a member whatever its heart does.
    pub async fn buried(&self, member: ExecutorId) {
        let signs = self.fleet.life_signs().await.expect("the store works");
        let sign = signs.into_iter().find(|sign| sign.member == member).expect("it is a member");
        assert!(self.fleet.bury(sign).await.expect("the store works"));
    }
}
