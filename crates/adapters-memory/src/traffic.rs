//! What executors tell each other of the calls to agents.

use async_trait::async_trait;
use domain::{
    ids::AgentId,
    ports::{AgentTraffic, StoreError, TrafficRecord, TrafficView},
};

use crate::MemoryStore;

#[async_trait]
impl AgentTraffic for MemoryStore {
    async fn read(&self, agents: &[AgentId]) -> Result<TrafficView, StoreError> {
        let state = self.lock();
        let records = state.traffic.read(agents);
        let mut gone: Vec<_> = records.iter().flat_map(|record| record.traffic.members()).collect();
        gone.sort_unstable();
        gone.dedup();
        // A process that has the store for itself joins no fleet.
        let alone = state.fleet.is_empty();
        gone.retain(|named| !alone && !state.fleet.contains_key(named));
        Ok(TrafficView { records, gone })
    }

    async fn write(&self, records: &[TrafficRecord]) -> Result<Vec<AgentId>, StoreError> {
        Ok(self.lock().traffic.write(records))
    }
}
