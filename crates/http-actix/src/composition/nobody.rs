//! The engine of a process that has none: executors elsewhere hear the store's doorbell, or find what they need by scans.

use domain::{
    agents::WaitingCall,
    ids::{ExecutorId, RunId},
    ports::{Adopted, Engine},
};

/// No engine.
pub(super) struct Nobody;

impl Engine for Nobody {
    fn offer(&self) -> Option<ExecutorId> {
        None
    }
    fn adopt(&self, _: Adopted) {}
    fn ring(&self) {}
    fn agents_changed(&self) {}
    fn cancelled(&self, _: &RunId) {}

    fn waiting_of(&self, _: ExecutorId, _: &RunId) -> Option<Vec<WaitingCall>> {
        None
    }
}
