//! What this program itself did and was told, written down as it happens by everything that runs at once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    evidence::{Accepted, Order},
    moment::Moment,
    recovery::{Kill, Outage},
    schedule::Fault,
};

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Entries>);

/// What is in it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Entries {
    pub(crate) accepted: Vec<Accepted>,
    /// Starts that were refused because the store was away, or the server overloaded or frozen.
    pub(crate) refused: u64,
    /// Starts without an answer: nobody knows whether they were accepted.
    pub(crate) unanswered: u64,
    pub(crate) orders: Vec<Order>,
    pub(crate) wrong_answers: Vec<String>,
    /// How often each kind of fault happened.
    pub(crate) faults: BTreeMap<String, u64>,
    /// Faults whose victim was away already.
    pub(crate) left_out: u64,
    pub(crate) kills: Vec<Kill>,
    pub(crate) outages: Vec<Outage>,
    pub(crate) thaws: Vec<Moment>,
    /// Processes that ended though nobody told them to, with their status.
    pub(crate) ended: BTreeMap<String, u64>,
}

impl Ledger {
    /// Writes something down.
    pub(crate) fn note<T>(&self, write: impl FnOnce(&mut Entries) -> T) -> T {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A fault that happens.
    pub(crate) fn fault(&self, fault: Fault) {
        self.note(|entries| *entries.faults.entry(fault.name()).or_default() += 1);
    }

    /// What is in it so far.
    pub(crate) fn entries(&self) -> Entries {
        self.note(|entries| entries.clone())
    }
}
