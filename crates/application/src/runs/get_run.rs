//! Reads one run.

use std::sync::Arc;

use domain::{
    ids::RunId,
    ports::{Runs, StoreError},
    runs::Run,
};

use crate::Ports;

/// Why no run was read.
#[derive(Debug, thiserror::Error)]
pub enum GetRunError {
    /// There is none with this id.
    #[error("Run with id '{0}' not found")]
    NotFound(RunId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads one run.
pub struct GetRun {
    runs: Arc<dyn Runs>,
}

impl GetRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { runs: ports.runs.clone() }
    }

    /// The run.
    pub async fn execute(&self, id: &RunId) -> Result<Run, GetRunError> {
        self.runs.get(id).await?.ok_or_else(|| GetRunError::NotFound(id.clone()))
    }
}
