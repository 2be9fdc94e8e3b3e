//! What executors tell each other of the calls to agents.

use async_trait::async_trait;
use domain::{
    agents::Traffic,
    ids::AgentId,
    ports::{AgentTraffic, StoreError, TrafficRecord, TrafficView},
};
use uuid::Uuid;

use crate::{
    PgStore,
    codec::{count, parsed, signed},
    failure::{Failure, Outcome},
    journal::retried,
};

#[async_trait]
impl AgentTraffic for PgStore {
    async fn read(&self, agents: &[AgentId]) -> Result<TrafficView, StoreError> {
        let ids: Vec<Uuid> = agents.iter().map(|agent| agent.uuid()).collect();
        let read = sqlx::query_as(include_str!("sql/read_traffic.sql")).bind(ids);
        let rows: Vec<(Uuid, i64, String, Vec<Uuid>)> = read.fetch_all(self.pool()).await.map_err(Failure::from)?;
        let mut view = TrafficView::default();
        for (agent, version, traffic, members) in rows {
            let record = record(agent, version, &traffic)?;
            view.gone.extend(record.traffic.members().filter(|named| !members.contains(&named.uuid())));
            view.records.push(record);
        }
        view.gone.sort_unstable();
        view.gone.dedup();
        Ok(view)
    }

    async fn write(&self, records: &[TrafficRecord]) -> Result<Vec<AgentId>, StoreError> {
        let (mut agents, mut versions, mut traffics) = (vec![], vec![], vec![]);
        for record in records {
            agents.push(record.agent.uuid());
            versions.push(signed(record.version)?);
            let traffic = serde_json::to_string(&record.traffic);
            traffics.push(traffic.map_err(|error| Failure::Unstorable(error.to_string()))?);
        }
        // Sent again after an unknown outcome it would find its own version and be refused, which is right: it is read anew.
        let write = || async {
            let write = sqlx::query_scalar(include_str!("sql/write_traffic.sql")).bind(&agents).bind(&versions);
            let stored: Vec<Uuid> = write.bind(&traffics).fetch_all(self.pool()).await?;
            Ok(stored.into_iter().map(AgentId::new).collect())
        };
        Ok(retried(write).await?)
    }
}

fn record(agent: Uuid, version: i64, traffic: &str) -> Outcome<TrafficRecord> {
    let traffic: Traffic = parsed("traffic of an agent", serde_json::from_str(traffic))?;
    Ok(TrafficRecord { agent: AgentId::new(agent), version: count(version)?, traffic })
}
