//! Has the work of a dead letter done after all: a new run with the input of the one that failed.
//!
//! The entry is claimed before the run is started, with the run's id. If the process dies in between, whoever replays the entry
//! next finds a claim without a run and starts that very run: one claim is never two runs.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::AuditEntry,
    ids::{AuditId, BulkId, DeadLetterId, RunId, WorkflowId},
    ports::{Clock, DeadLetters, IdGenerator, Runs, StoreError, Workflows},
    runs::{DeadLetterEntry, DeadLetterStatus, Replay, ReplayOf},
};

use crate::{
    Ports,
    runs::{ExecuteWorkflow, ExecuteWorkflowError, Execution, New, Prepared},
};

/// Why a dead letter was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayDeadLetterError {
    /// There is no such entry, or not any more.
    #[error("Dead letter with id '{0}' not found")]
    NotFound(DeadLetterId),
    /// Somebody has replayed it.
    #[error("Dead letter '{entry}' was replayed as run '{run}'")]
    AlreadyReplayed {
        /// The entry.
        entry: DeadLetterId,
        /// The run.
        run: RunId,
    },
    /// The run that failed, and its input with it, is not there any more.
    #[error("the run '{0}' and its input are not there any more")]
    RunGone(RunId),
    /// The run came with a plan of its own, or belongs to a workflow that is not here.
    #[error("the run '{0}' is of no workflow of this server")]
    NoDefinition(RunId),
    /// The run's version was asked for, and nobody knows which that is.
    #[error("the version that the run '{0}' executes is not known")]
    NoVersion(RunId),
    /// A new run of the workflow cannot be started.
    #[error(transparent)]
    Execute(#[from] ExecuteWorkflowError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a dead letter is to be replayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayManner {
    /// As the version that failed, instead of the one that is active now.
    pub same_version: bool,
    /// Also if it has been replayed before.
    pub force: bool,
}

/// Who has it replayed, and whether with many others.
#[derive(Clone, Copy)]
struct Doer<'a> {
    by: &'a Actor,
    bulk: Option<BulkId>,
}

/// What a replay is called, taken before anything is looked at.
struct Named {
    run: RunId,
    claim: AuditId,
    give_back: AuditId,
}

impl Named {
    fn of(ids: &dyn IdGenerator, bulk: Option<BulkId>, letter: DeadLetterId) -> Self {
        let [run, claim, give_back] = ["run", "claim", "give back"].map(|what| match bulk {
            Some(bulk) => bulk.member(&letter.to_string(), what),
            None => ids.unique(),
        });
        Self { run: RunId::mint(run), claim: AuditId::new(claim), give_back: AuditId::new(give_back) }
    }
}

/// Replays a dead letter.
pub struct ReplayDeadLetter {
    dead_letters: Arc<dyn DeadLetters>,
    runs: Arc<dyn Runs>,
    workflows: Arc<dyn Workflows>,
    execute_workflow: ExecuteWorkflow,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl ReplayDeadLetter {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            dead_letters: ports.dead_letters.clone(),
            runs: ports.runs.clone(),
            workflows: ports.workflows.clone(),
            execute_workflow: ExecuteWorkflow::new(ports),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
        }
    }

    /// Starts the new run, and answers as soon as it is durable.
    pub async fn execute(
        &self,
        id: DeadLetterId,
        manner: ReplayManner,
        by: &Actor,
    ) -> Result<Execution, ReplayDeadLetterError> {
        self.execute_among(id, manner, by, None).await
    }

    /// The same as one of many.
    pub(super) async fn execute_among(
        &self,
        id: DeadLetterId,
        manner: ReplayManner,
        by: &Actor,
        bulk: Option<BulkId>,
    ) -> Result<Execution, ReplayDeadLetterError> {
        let ids = Named::of(&*self.ids, bulk, id);
        let own = ids.run;
        let entry = self.dead_letters.get(id).await?.ok_or(ReplayDeadLetterError::NotFound(id))?;
        if let Some(execution) = self.execute_workflow.started_before(&own).await? {
            return Ok(execution);
        }
        let replay = Replay { run: self.run_for(&entry, own.clone(), manner).await?, at: self.clock.now() };
        let prepared = self.prepared(&entry, &replay, manner, Doer { by, bulk }).await?;
        let claimed = AuditEntry::of_replay(ids.claim, by, &entry, &replay).among(bulk);
        // An attempt that could not answer may have claimed it.
        let is_claimed = entry.replay.as_ref().is_some_and(|replay| replay.run == own);
        if !is_claimed && !self.dead_letters.claim(id, entry.replay.clone(), &replay, &claimed).await? {
            return Err(self.who_was_quicker(id).await?);
        }
        match self.execute_workflow.begin(prepared).await {
            Ok(execution) => Ok(execution),
            // Nothing is known of what the store has done: the claim stays, and the run is started under its id if it is not there.
            Err(ExecuteWorkflowError::Store(error)) => Err(error.into()),
            Err(refused) => {
                let at = self.clock.now();
                let given_back = AuditEntry::of_give_back(ids.give_back, by, &entry, &replay, at).among(bulk);
                let before = entry.replay.filter(|_| !is_claimed);
                self.dead_letters.give_back(id, &replay, before, &given_back).await?;
                Err(refused.into())
            }
        }
    }

    /// What [`ReplayDeadLetter::execute`] would say; nothing is changed.
    pub async fn rehearse(&self, id: DeadLetterId, manner: ReplayManner) -> Result<(), ReplayDeadLetterError> {
        let entry = self.dead_letters.get(id).await?.ok_or(ReplayDeadLetterError::NotFound(id))?;
        let own = RunId::mint(self.ids.unique());
        let replay = Replay { run: self.run_for(&entry, own, manner).await?, at: self.clock.now() };
        self.prepared(&entry, &replay, manner, Doer { by: &Actor::system(), bulk: None }).await.map(drop)
    }

    /// The id of the new run: that of a claim whose run was never started, or one of its own.
    async fn run_for(
        &self,
        entry: &DeadLetterEntry,
        own: RunId,
        manner: ReplayManner,
    ) -> Result<RunId, ReplayDeadLetterError> {
        if let (DeadLetterStatus::Replayed, Some(replay), false) = (entry.status, &entry.replay, manner.force) {
            if self.runs.get(&replay.run).await?.is_some() {
                let (entry, run) = (entry.last.id, replay.run.clone());
                return Err(ReplayDeadLetterError::AlreadyReplayed { entry, run });
            }
            return Ok(replay.run.clone());
        }
        Ok(own)
    }

    async fn prepared(
        &self,
        entry: &DeadLetterEntry,
        replay: &Replay,
        manner: ReplayManner,
        doer: Doer<'_>,
    ) -> Result<Prepared, ReplayDeadLetterError> {
        // The new run is found as the old one is.
        let (input, labels) = match self.runs.get(&entry.run).await? {
            Some(run) => (run.input, run.labels),
            None => return Err(ReplayDeadLetterError::RunGone(entry.run.clone())),
        };
        let (workflow, version) = self.addressed(entry, manner).await?;
        let replays = Some(ReplayOf { entry: entry.last.id, path: entry.last.path.clone() });
        let run = replay.run.clone();
        let (by, bulk) = (doer.by, doer.bulk);
        let new = New { run, input, labels, starts_at: None, by, replays, bulk, may_be_there: true };
        Ok(self.execute_workflow.prepare(workflow, version, new).await?)
    }

    /// The workflow and, where the same version is wanted, its number.
    async fn addressed(
        &self,
        entry: &DeadLetterEntry,
        manner: ReplayManner,
    ) -> Result<(WorkflowId, Option<u32>), ReplayDeadLetterError> {
        let of = || entry.run.clone();
        let id = entry.workflow.definition().ok_or_else(|| ReplayDeadLetterError::NoDefinition(of()))?;
        if manner.same_version {
            let version = entry.workflow_version.ok_or_else(|| ReplayDeadLetterError::NoVersion(of()))?;
            return Ok((id, Some(version)));
        }
        // By an old version's own id it would be that version for ever.
        let row = self.workflows.get(id).await?.ok_or_else(|| ReplayDeadLetterError::NoDefinition(of()))?;
        Ok((row.head, None))
    }

    async fn who_was_quicker(&self, id: DeadLetterId) -> Result<ReplayDeadLetterError, StoreError> {
        let replay = self.dead_letters.get(id).await?.and_then(|entry| entry.replay);
        Ok(match replay {
            Some(replay) => ReplayDeadLetterError::AlreadyReplayed { entry: id, run: replay.run },
            None => ReplayDeadLetterError::NotFound(id),
        })
    }
}
