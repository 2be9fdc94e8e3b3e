//! What there is to know of the calls to agents. Nobody else uses this store, so it is not in the file: a process that starts
//! anew finds breakers closed, as the old bridge did.

use async_trait::async_trait;
use domain::{
    ids::AgentId,
    ports::{AgentTraffic, StoreError, TrafficRecord, TrafficView},
};

use crate::SqliteStore;

#[async_trait]
impl AgentTraffic for SqliteStore {
    async fn read(&self, agents: &[AgentId]) -> Result<TrafficView, StoreError> {
        Ok(TrafficView { records: self.traffic().read(agents), gone: Vec::new() })
    }

    async fn write(&self, records: &[TrafficRecord]) -> Result<Vec<AgentId>, StoreError> {
        Ok(self.traffic().write(records))
    }
}
