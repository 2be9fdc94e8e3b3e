//! What executors tell each other of the agents that they call: breakers, shares of limits, how many calls there are.
//!
//! It is asked about twice a second for all agents at once, never for a single call. What is lost here costs an agent's shares a
//! moment, or a breaker what it knew; runs do not depend on it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    agents::Traffic,
    ids::{AgentId, ExecutorId},
};

/// The traffic of one agent as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficRecord {
    /// The agent.
    pub agent: AgentId,
    /// Rises by one with each change, from 1.
    pub version: u64,
    /// What all executors together know.
    pub traffic: Traffic,
}

/// The traffic of some agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrafficView {
    /// Their records.
    pub records: Vec<TrafficRecord>,
    /// Those who are named in them and are alive no more.
    pub gone: Vec<ExecutorId>,
}

/// Keeps the traffic of agents for all processes on one store.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AgentTraffic: Send + Sync {
    /// The records of these agents, in any order; agents of which nothing is known are left out. Where processes are members of a
    /// [`Fleet`](super::Fleet), it MUST name as gone exactly those executors in the records that were no members when they
    /// were read, or later: who is named in a record had joined before.
    async fn read(&self, agents: &[AgentId]) -> Result<TrafficView, StoreError>;

    /// Stores records, each on its own, and answers the agents whose records were stored, in any order. One MUST be stored only if the stored one has
    /// the version before, or, with version 1, if there is none: of two who change the same, one is refused. MUST
    /// be given an agent only once.
    async fn write(&self, records: &[TrafficRecord]) -> Result<Vec<AgentId>, StoreError>;
}

/// The records of a store of a single process, which need not outlive it.
#[derive(Debug, Default)]
pub struct TrafficTable(BTreeMap<AgentId, TrafficRecord>);

impl TrafficTable {
    /// [`AgentTraffic::read`], of the records alone.
    pub fn read(&self, agents: &[AgentId]) -> Vec<TrafficRecord> {
        agents.iter().filter_map(|agent| self.0.get(agent)).cloned().collect()
    }

    /// [`AgentTraffic::write`], at once.
    pub fn write(&mut self, records: &[TrafficRecord]) -> Vec<AgentId> {
        let mut stored = Vec::new();
        for record in records {
            let before = self.0.get(&record.agent).map_or(0, |stored| stored.version);
            if before + 1 == record.version {
                self.0.insert(record.agent, record.clone());
                stored.push(record.agent);
            }
        }
        stored
    }
}
