//! Clearing away runs that ended long ago.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::{RunId, TickId},
    ports::{OldRuns, StoreError},
};

use crate::{MemoryStore, store::State};

#[async_trait]
impl OldRuns for MemoryStore {
    async fn remove_ended(&self, before: Timestamp, families: usize) -> Result<u64, StoreError> {
        let state = &mut *self.lock();
        let named = state.named_runs();
        let old: Vec<BTreeSet<RunId>> =
            state.families().into_iter().filter(|family| state.is_old(family, &named, before)).take(families).collect();
        let gone: BTreeSet<RunId> = old.into_iter().flatten().collect();
        state.runs.entries.retain(|run, _| !gone.contains(run));
        Ok(gone.len() as u64)
    }
}

impl State {
    /// All families, those first whose first run changed last the longest ago.
    fn families(&self) -> Vec<BTreeSet<RunId>> {
        let (mut roots, mut children) = (Vec::new(), BTreeMap::<&RunId, Vec<&RunId>>::new());
        for entry in self.runs.entries() {
            match entry.run.parent.as_ref().filter(|parent| self.runs.get(parent).is_some()) {
                Some(parent) => children.entry(parent).or_default().push(&entry.run.id),
                None => roots.push((entry.run.updated_at, &entry.run.id)),
            }
        }
        roots.sort();
        let family = |root: &RunId| {
            let (mut family, mut left) = (BTreeSet::new(), vec![root]);
            while let Some(run) = left.pop() {
                if family.insert(run.clone()) {
                    left.extend(children.get(run).into_iter().flatten().copied());
                }
            }
            family
        };
        roots.into_iter().map(|(_, root)| family(root)).collect()
    }

    fn is_old(&self, family: &BTreeSet<RunId>, named: &BTreeSet<RunId>, before: Timestamp) -> bool {
        family.iter().filter_map(|run| self.runs.get(run)).all(|entry| {
            let is_over = entry.head.phase.is_terminal() && entry.head.owner.is_none();
            is_over && entry.run.updated_at < before && !named.contains(&entry.run.id)
        })
    }

    /// The runs that dead letters and schedules name.
    fn named_runs(&self) -> BTreeSet<RunId> {
        let mut named: BTreeSet<RunId> = self.management.schedules.last_started().map(TickId::run).collect();
        for entry in self.runs.dead_letters.0.values() {
            named.extend([entry.run.clone(), entry.last_run.clone()]);
            named.extend(entry.replay.as_ref().map(|replay| replay.run.clone()));
        }
        named
    }
}
