//! Reading runs.

use async_trait::async_trait;
use domain::{
    ids::{RunId, Seq},
    page::{Page, PageRequest, SortOrder},
    payload::Payload,
    ports::{Runs, StoreError},
    runs::{EndedAttempt, EventRecord, NumberedEvent, Run, RunFilter, RunSort, RunTip, StepExecution},
    workflows::VersionAddress,
};

use crate::{MemoryStore, lists::page_of, table::Phase};

#[async_trait]
impl Runs for MemoryStore {
    async fn get(&self, run: &RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.lock().runs.get(run).map(|entry| entry.run.clone()))
    }

    async fn list(
        &self,
        filter: &RunFilter,
        sort: RunSort,
        order: SortOrder,
        page: PageRequest,
    ) -> Result<Page<Run>, StoreError> {
        let state = self.lock();
        let found = state.runs.entries().map(|entry| &entry.run).filter(|run| filter.matches(run));
        Ok(page_of(found, |run| run.cursor(sort), order, &page))
    }

    async fn live_of(&self, version: VersionAddress) -> Result<u64, StoreError> {
        let state = self.lock();
        let live = state.runs.entries().filter(|entry| !Phase::of(entry.run.status).is_terminal());
        Ok(live.filter(|entry| version.is_of(&entry.run)).count() as u64)
    }

    async fn steps(&self, run: &RunId) -> Result<Vec<StepExecution>, StoreError> {
        let state = self.lock();
        Ok(state.runs.get(run).map_or_else(Vec::new, |entry| entry.steps.values().cloned().collect()))
    }

    async fn history(&self, run: &RunId) -> Result<Vec<EventRecord>, StoreError> {
        Ok(self.lock().runs.get(run).map_or_else(Vec::new, |entry| entry.history.clone()))
    }

    async fn events(&self, run: &RunId, after: Seq, limit: u32) -> Result<Vec<NumberedEvent>, StoreError> {
        let state = self.lock();
        let records = state.runs.get(run).map_or_else(Vec::new, |entry| entry.history.clone());
        Ok(NumberedEvent::of(records, after, limit))
    }

    async fn tips(&self, runs: &[RunId]) -> Result<Vec<(RunId, RunTip)>, StoreError> {
        let state = self.lock();
        let tip = |run: &RunId| {
            let entry = state.runs.get(run)?;
            Some((run.clone(), RunTip { last: entry.head.seq, status: entry.run.status }))
        };
        Ok(runs.iter().filter_map(tip).collect())
    }

    async fn attempts(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<EndedAttempt>, StoreError> {
        let state = self.lock();
        let Some(entry) = state.runs.get(run) else { return Ok(Vec::new()) };
        let row = |execution: &Seq| {
            let row = entry.steps.get(execution)?;
            Some(EndedAttempt {
                execution: *execution,
                attempt: row.attempt,
                agent: row.agent.clone(),
                status: row.status,
                started_at: row.started_at,
                completed_at: row.completed_at,
                error: row.error.clone(),
            })
        };
        Ok(executions.iter().filter_map(row).collect())
    }

    async fn outputs(&self, run: &RunId, executions: &[Seq]) -> Result<Vec<(Seq, Payload)>, StoreError> {
        let state = self.lock();
        let Some(entry) = state.runs.get(run) else { return Ok(Vec::new()) };
        let output = |execution: &Seq| Some((*execution, entry.steps.get(execution)?.output.clone()?));
        Ok(executions.iter().filter_map(output).collect())
    }
}
