//! Reads one run, and why it does not move if it is live (G12).

use std::sync::Arc;

use domain::{
    Timestamp,
    agents::WaitingCall,
    ids::RunId,
    ports::{Attendance, Clock, ExternalRuns, Fleet, RunLeases, Runs, StoreError},
    runs::{Run, RunData, RunEngine, RunState, StepState, StepStatus, WaitingOn, restore_outputs, waiting_on},
};

use super::kept_calls::KeptCalls;
use crate::{Ports, plans::PlanCache};

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

/// Why a live run does not move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// What a step of it waits for, or who has paused it.
    Waits(WaitingOn),
    /// A call of it is kept from its agent.
    Kept(WaitingCall),
    /// It waits for an executor to take it.
    Executor {
        /// Since when it could have been taken.
        since: Timestamp,
    },
    /// There is no executor that could take it.
    NoExecutor,
    /// The existing executor has not been told of it yet: the bus has not taken the request.
    Undelivered {
        /// Since when it is to be told.
        since: Timestamp,
    },
    /// The existing executor has it, and tells nothing but the progress of its steps.
    ExternalExecutor,
}

/// Reads one run.
pub struct GetRun {
    runs: Arc<dyn Runs>,
    leases: Arc<dyn RunLeases>,
    fleet: Option<Arc<dyn Fleet>>,
    plans: Arc<PlanCache>,
    kept: KeptCalls,
    external: Option<Arc<dyn ExternalRuns>>,
    clock: Arc<dyn Clock>,
}

impl GetRun {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            runs: ports.runs.clone(),
            leases: ports.leases.clone(),
            fleet: ports.fleet.clone(),
            plans: ports.plans.clone(),
            kept: KeptCalls::new(ports),
            external: ports.external.as_ref().map(|external| external.runs.clone()),
            clock: ports.clock.clone(),
        }
    }

    /// The run.
    pub async fn execute(&self, id: &RunId) -> Result<Run, GetRunError> {
        self.runs.get(id).await?.ok_or_else(|| GetRunError::NotFound(id.clone()))
    }

    /// The run, and what it waits for; nothing where it is over or on its way.
    pub async fn explained(&self, id: &RunId) -> Result<(Run, Vec<Reason>), GetRunError> {
        let run = self.execute(id).await?;
        if run.status.is_terminal() {
            return Ok((run, Vec::new()));
        }
        if run.engine == RunEngine::External {
            let reason = self.of_external(id).await?;
            return Ok((run, vec![reason]));
        }
        let Some(Attendance { owner, wake_at }) = self.leases.attendance(id).await? else {
            return Ok((run, Vec::new()));
        };
        let mut reasons = Vec::new();
        let since = wake_at.filter(|at| owner.is_none() && *at <= self.clock.now());
        if owner.is_some() || since.is_some() {
            let alive = self.executors().await?;
            match since {
                _ if !alive => reasons.push(Reason::NoExecutor),
                Some(since) => reasons.push(Reason::Executor { since }),
                None => {}
            }
        }
        let mut waits = self.of_steps(&run).await?;
        // Its time has come; now it waits for an executor.
        let now = self.clock.now();
        waits.retain(|waits| !matches!(waits, WaitingOn::Start { at } if *at <= now));
        let kept = match owner {
            Some(owner) => self.kept.of(&run.id, owner, &waits).await?,
            None => Vec::new(),
        };
        reasons.extend(waits.into_iter().map(|waits| explain(waits, &kept)));
        Ok((run, reasons))
    }

    async fn of_external(&self, run: &RunId) -> Result<Reason, StoreError> {
        let Some(external) = &self.external else { return Ok(Reason::ExternalExecutor) };
        let since = external.undelivered(run).await?;
        Ok(since.map_or(Reason::ExternalExecutor, |since| Reason::Undelivered { since }))
    }

    /// Whether there is an executor. The only process on a store is one itself.
    async fn executors(&self) -> Result<bool, StoreError> {
        let Some(fleet) = &self.fleet else { return Ok(true) };
        Ok(fleet.life_signs().await?.iter().any(|sign| sign.duties.executes))
    }

    async fn of_steps(&self, run: &Run) -> Result<Vec<WaitingOn>, StoreError> {
        let history = self.runs.history(&run.id).await?;
        let state = RunState::fold(&history).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let plan = self.plans.get(state.plan()).await?;
        let mut data = RunData::new(run.id.clone(), run.input.clone());
        // Only what an event is correlated by looks into outputs.
        if state.waiting().any(|(_, step)| matches!(step, StepState::Listening { .. })) {
            let rows = self.runs.steps(&run.id).await?;
            let completed = rows.into_iter().filter(|row| row.status == StepStatus::Completed);
            data.outputs.extend(completed.filter_map(|row| Some((row.path, row.output?))));
            restore_outputs(&plan, &state, &mut data);
        }
        Ok(waiting_on(&plan, &state, &data))
    }
}

/// A call that has been dispatched may be kept from its agent all the same.
fn explain(waits: WaitingOn, kept: &[WaitingCall]) -> Reason {
    let call = match &waits {
        WaitingOn::Agent { path, .. } => kept.iter().find(|call| call.path == *path),
        _ => None,
    };
    call.cloned().map_or(Reason::Waits(waits), Reason::Kept)
}
