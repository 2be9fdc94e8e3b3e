//! The state of a block: which of its slots are under way, and what became of the others.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    Timestamp,
    ids::{Slot, StepPath},
    planted::{self, Bug},
};

/// Where a block stands whose steps have been touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockState {
    /// The numbers of its slots.
    pub slots: Range<u32>,
    /// What its condition came to.
    pub held: Option<bool>,
    /// When slots have to be done.
    pub deadlines: BTreeMap<u32, Timestamp>,
    /// When all of it has to be done.
    pub until: Option<Timestamp>,
    /// Where it stands.
    pub phase: BlockPhase,
    /// The slot that is begun next.
    pub(super) next: u32,
    pub(super) ended: u32,
    /// Where each slot stands that was begun and has not succeeded.
    pub(super) fronts: BTreeMap<u32, StepPath>,
    /// Why slots failed.
    pub(super) errors: BTreeMap<u32, String>,
}

/// Where a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockPhase {
    /// Its steps are done.
    Open,
    /// It is done.
    Succeeded,
    /// It failed for good.
    Failed,
}

impl BlockState {
    /// The slot to be begun next, if any is left.
    pub fn next(&self) -> Option<u32> {
        Some(self.next).filter(|next| self.slots.contains(next))
    }

    /// How many slots are under way.
    pub fn running(&self) -> u32 {
        self.next - self.slots.start - self.ended
    }

    /// Whether every slot has ended.
    pub fn is_over(&self) -> bool {
        self.ended == self.slots.end - self.slots.start
    }

    /// Whether a slot is under way.
    pub fn is_running(&self, slot: u32) -> bool {
        self.fronts.contains_key(&slot) && !self.errors.contains_key(&slot)
    }

    /// Why slots failed, by their numbers.
    pub fn errors(&self) -> &BTreeMap<u32, String> {
        &self.errors
    }

    /// Whether a slot ended well.
    pub fn has_succeeded(&self, slot: u32) -> bool {
        slot >= self.slots.start && slot < self.next && !self.fronts.contains_key(&slot)
    }

    pub(super) fn ends(&mut self, slot: u32, error: Option<String>) {
        self.ended += 1;
        match error {
            None => drop(self.fronts.remove(&slot)),
            Some(error) => drop(self.errors.insert(slot, error)),
        }
    }

    /// What failed is done again.
    pub(super) fn reopen(&mut self) {
        self.phase = BlockPhase::Open;
        self.ended -= u32::try_from(self.errors.len()).unwrap_or(self.ended);
        self.errors.clear();
        self.deadlines.clear();
        self.until = None;
        let is_loop = || self.fronts.values().any(|front| matches!(front.around(), Some((_, Slot::Iteration(_)))));
        if planted::is(Bug::ResumeForgetsIterations) && is_loop() {
            (self.next, self.ended) = (self.slots.start, 0);
            self.fronts.clear();
        }
    }
}

/// The place of [`Bug::JoinPerAttempt`].
pub(super) fn planted_count(blocks: &mut BTreeMap<StepPath, BlockState>, path: &StepPath) {
    if planted::is(Bug::JoinPerAttempt)
        && let Some(block) = path.around().and_then(|(block, _)| blocks.get_mut(&block))
    {
        block.ended += 1;
    }
}
