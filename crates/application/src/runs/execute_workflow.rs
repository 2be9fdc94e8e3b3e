//! Starts a run.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    access::Actor,
    audit::AuditEntry,
    ids::{BulkId, Epoch, ExecutorId, RunId, WorkflowId},
    payload::Payload,
    ports::{Adopted, Clock, Engine, IdGenerator, Overloaded, RunWriter, Runs, StoreError, Violation, Workflows},
    runs::{CommitOutcome, Labels, ReplayOf, Run, RunCommit, RunEngine, RunEvent, RunStatus, StartRun, start_from},
    workflows::{Diagnostic, ExecutableVersion, SharedPlan, WorkflowStatus, doubtful_for_external, unfit_for_external},
};

use super::resuming::Named;
use crate::{External, Ports, plans::PlanCache};

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteWorkflowError {
    /// There is no workflow with this id.
    #[error("Workflow with id '{0}' not found")]
    NotFound(WorkflowId),
    /// The workflow has no version with this number.
    #[error("Workflow '{workflow}' has no version {version}")]
    NoVersion {
        /// The workflow as it was addressed.
        workflow: WorkflowId,
        /// The number.
        version: u32,
    },
    /// The workflow must not be executed.
    #[error("Workflow '{name}' is not active (status: {})", .status.as_str())]
    NotActive {
        /// Its name.
        name: String,
        /// Its status.
        status: WorkflowStatus,
    },
    /// The input does not fit the version's `input_schema`; every violation with its place in the input.
    #[error("the input does not fit the workflow's input_schema: {}", Violation::sentence(.0))]
    UnfitInput(Vec<Violation>),
    /// The version that was asked for must not be executed.
    #[error("Version {version} of workflow '{name}' is not active (status: {})", .status.as_str())]
    VersionNotActive {
        /// The workflow's name.
        name: String,
        /// The version's number.
        version: u32,
        /// Its status.
        status: WorkflowStatus,
    },
    /// It is to begin later than anybody plans.
    #[error("A run can be started at most 366 days ahead")]
    TooFarAhead,
    /// New runs are the existing executor's, which begins them at once.
    #[error("the existing executor begins every run at once; leave `start_at` and `delay_seconds` out")]
    NoDelayForExternal,
    /// New runs are the existing executor's, and it cannot run this document; every reason with its place in the document.
    #[error("the existing executor cannot run this workflow: {}", all(.0))]
    NotForExternal(Vec<Diagnostic>),
    /// New runs are the existing executor's, and the request to it would be larger than its bus takes.
    #[error(
        "the document and the input have {0} bytes; a request to the existing executor holds at most {MAX_REQUEST}"
    )]
    TooLargeForExternal(usize),
    /// Too many starts are waiting.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The most bytes of a document and an input together in a request to the existing executor, whose bus takes a mebibyte.
const MAX_REQUEST: usize = 900_000;

/// A run that was accepted.
#[derive(Debug)]
pub struct Execution {
    /// The run as it was accepted, PENDING.
    pub run: Run,
    /// The number of the version that it executes.
    pub version: u32,
    /// The version's status: active or deprecated.
    pub status: WorkflowStatus,
}

impl Execution {
    /// What whoever asked for the run should know, if anything.
    pub fn warning(&self) -> Option<String> {
        let Self { version, status, .. } = self;
        (*status == WorkflowStatus::Deprecated)
            .then(|| format!("version {version} of this workflow is {}", status.as_str()))
    }
}

/// How far ahead a run can be started: a year, also one with 366 days.
pub const MAX_DELAY: Duration = Duration::from_hours(366 * 24);

/// What is said about a run that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The number of the version; without it, the one that the id stands for.
    pub version: Option<u32>,
    /// The run's input.
    pub input: Payload,
    /// The run's labels.
    pub labels: Labels,
    /// When it begins.
    pub begins: Begins,
}

/// When a run begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Begins {
    /// Now.
    #[default]
    AtOnce,
    /// At this time, or now if that is past.
    At(Timestamp),
    /// After so long.
    In(Duration),
}

impl Begins {
    /// The time, if it is later than now.
    fn after(self, now: Timestamp) -> Result<Option<Timestamp>, ExecuteWorkflowError> {
        let latest = now + MAX_DELAY;
        let at = match self {
            Self::AtOnce => return Ok(None),
            Self::At(at) => at,
            Self::In(delay) if delay > MAX_DELAY => return Err(ExecuteWorkflowError::TooFarAhead),
            Self::In(delay) => now + delay,
        };
        if at > latest { Err(ExecuteWorkflowError::TooFarAhead) } else { Ok(Some(at).filter(|at| *at > now)) }
    }
}

/// A run to be started.
pub(crate) struct New<'a> {
    pub(crate) run: RunId,
    pub(crate) input: Payload,
    pub(crate) labels: Labels,
    /// When it may begin, if not at once.
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) by: &'a Actor,
    /// What it is to do after all.
    pub(crate) replays: Option<ReplayOf>,
    /// The request by which it is one of many.
    pub(crate) bulk: Option<BulkId>,
    /// Whether its id was written down before, so that somebody else may have started it.
    pub(crate) may_be_there: bool,
}

/// A run that can be started.
pub(crate) struct Prepared {
    start: StartRun,
    plan: SharedPlan,
    replays: Option<ReplayOf>,
    status: WorkflowStatus,
    may_be_there: bool,
}

/// Starts a run of a version of a workflow.
pub struct ExecuteWorkflow {
    workflows: Arc<dyn Workflows>,
    runs: Arc<dyn Runs>,
    plans: Arc<PlanCache>,
    writer: Arc<dyn RunWriter>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    external: Option<External>,
}

impl ExecuteWorkflow {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self {
            workflows: ports.workflows.clone(),
            runs: ports.runs.clone(),
            plans: ports.plans.clone(),
            writer: ports.writer.clone(),
            engine: ports.engine.clone(),
            clock: ports.clock.clone(),
            ids: ports.ids.clone(),
            external: ports.external.clone(),
        }
    }

    /// [`ExecuteWorkflow::execute_order`] with an input and nothing else.
    pub async fn execute(&self, id: WorkflowId, input: Payload, by: &Actor) -> Result<Run, ExecuteWorkflowError> {
        self.execute_version(id, None, input, by).await.map(|execution| execution.run)
    }

    /// [`ExecuteWorkflow::execute_order`] without labels, and at once.
    pub async fn execute_version(
        &self,
        id: WorkflowId,
        version: Option<u32>,
        input: Payload,
        by: &Actor,
    ) -> Result<Execution, ExecuteWorkflowError> {
        self.execute_order(id, Order { version, input, labels: Labels::default(), begins: Begins::AtOnce }, by).await
    }

    /// Starts a run of the version that [`ExecutableVersion::choose`] gives, and answers as soon as it is durable.
    pub async fn execute_order(
        &self,
        id: WorkflowId,
        order: Order,
        by: &Actor,
    ) -> Result<Execution, ExecuteWorkflowError> {
        let Order { version, input, labels, begins } = order;
        let starts_at = begins.after(self.clock.now())?;
        let run = RunId::mint(self.ids.unique());
        if let Some(execution) = self.started_before(&run).await? {
            return Ok(execution);
        }
        let new = New { run, input, labels, starts_at, by, replays: None, bulk: None, may_be_there: false };
        self.begin(self.prepare(id, version, new).await?).await
    }

    /// Finds out whether the run could be started; nothing is changed.
    pub(crate) async fn prepare(
        &self,
        id: WorkflowId,
        version: Option<u32>,
        new: New<'_>,
    ) -> Result<Prepared, ExecuteWorkflowError> {
        let Some(definition) = self.workflows.executable(id, version).await? else {
            return Err(self.why_none(id, version).await?);
        };
        if let Some(refusal) = refusal(&definition, version) {
            return Err(refusal);
        }
        // By a number it is the chain that is addressed, whichever of its rows the id names.
        let addressed = if version.is_some() { definition.head } else { id };
        let plan = self.plans.get(definition.plan).await?;
        let violations = plan.input_violations(&new.input);
        if !violations.is_empty() {
            return Err(ExecuteWorkflowError::UnfitInput(violations));
        }
        let (replays, may_be_there, status) = (new.replays.clone(), new.may_be_there, definition.status);
        Ok(Prepared { start: self.first_commit(addressed, &definition, new), plan, replays, status, may_be_there })
    }

    /// Starts it, and answers as soon as it is durable. A run that may be there, and is, is not started again.
    pub(crate) async fn begin(&self, prepared: Prepared) -> Result<Execution, ExecuteWorkflowError> {
        let (version, status) = (prepared.start.workflow_version, prepared.status);
        if let Some(external) = self.external.as_ref().filter(|external| external.takes_new_runs) {
            return Ok(Execution { run: self.start_externally(external, prepared).await?, version, status });
        }
        let run = accepted(&prepared.start, RunEngine::Orrery);
        match self.engine.offer() {
            // An attempt that could not answer may be committing this very start for an executor of its own; only the store
            // knows whose the run is then.
            // Nor does anybody look after a run whose time has not come.
            Some(executor) if !self.ids.again() && prepared.start.starts_at.is_none() => {
                self.start_here(prepared, executor).await?;
            }
            Some(_) | None => self.start_anywhere(prepared).await?,
        }
        Ok(Execution { run, version, status })
    }

    /// The run, if an attempt that could not answer has started it. Whatever has become of the workflow since, it stays.
    pub(crate) async fn started_before(&self, run: &RunId) -> Result<Option<Execution>, StoreError> {
        if !self.ids.again() {
            return Ok(None);
        }
        let Some(run) = self.runs.get(run).await? else { return Ok(None) };
        let version = run.workflow_version.unwrap_or_default();
        let executes = match run.workflow.definition() {
            Some(id) => self.workflows.executable(id, Some(version)).await?,
            None => None,
        };
        let status = executes.map_or(WorkflowStatus::Active, |executes| executes.status);
        Ok(Some(Execution { run, version, status }))
    }

    /// Only now it matters what was not found.
    async fn why_none(&self, id: WorkflowId, version: Option<u32>) -> Result<ExecuteWorkflowError, StoreError> {
        Ok(match (version, self.workflows.get(id).await?) {
            (Some(version), Some(_)) => ExecuteWorkflowError::NoVersion { workflow: id, version },
            (None, _) | (Some(_), None) => ExecuteWorkflowError::NotFound(id),
        })
    }

    fn first_commit(&self, addressed: WorkflowId, definition: &ExecutableVersion, new: New<'_>) -> StartRun {
        let at = self.clock.now();
        // What is past by now means at once.
        let starts_at = new.starts_at.filter(|starts_at| *starts_at > at);
        let mut events =
            vec![RunEvent::Started { plan: definition.plan, parent: None, starts_at, trace: new.by.trace }];
        events.extend(new.replays.as_ref().map(ReplayOf::event));
        let (by, bulk) = (new.by, new.bulk);
        let ids = Named::of(&*self.ids, bulk, &new.run);
        let mut start = StartRun {
            commit: ids.commit,
            run: new.run,
            workflow: addressed,
            workflow_name: definition.name.as_str().to_owned(),
            workflow_version: definition.version,
            plan: definition.plan,
            input: new.input,
            triggered_by: new.by.name.clone(),
            labels: new.labels,
            at,
            starts_at,
            events,
            status: RunStatus::Pending,
            owner: None,
            parent: None,
            audit: None,
        };
        let entry = AuditEntry::of_start(ids.entry, by, &start).among(bulk);
        start.audit = Some(Arc::new(entry));
        start
    }

    /// The executor of this process takes the run: its start and the dispatch of its first step are one commit.
    async fn start_here(&self, prepared: Prepared, executor: ExecutorId) -> Result<(), ExecuteWorkflowError> {
        let Prepared { start: first, plan, replays, .. } = &prepared;
        let (state, data, made) =
            start_from(plan, first.run.clone(), first.input.clone(), first.from(), replays.as_ref(), first.at);
        if state.status().is_terminal() || !made.fits_a_start() {
            // It fails before its first call, or does more than to call: that is for whoever claims it to find and to write
            // down.
            return self.start_anywhere(prepared).await;
        }
        let Prepared { start: mut commit, plan, may_be_there, .. } = prepared;
        commit.events = made.events;
        commit.status = state.status();
        commit.owner = Some(executor);
        let run = commit.run.clone();
        let adopted = Adopted { executor, run, epoch: Epoch::new(1), plan, state, data, calls: made.calls };
        let engine = Arc::clone(&self.engine);
        // Not after the await: a client that hangs up drops this future, and its run must be looked after all the same.
        let hand_over = move |outcome| {
            if matches!(outcome, CommitOutcome::Committed | CommitOutcome::AlreadyApplied) {
                engine.adopt(adopted);
            }
        };
        self.accept(self.writer.write_then(RunCommit::Start(commit), Box::new(hand_over)).await?, may_be_there)
    }

    /// The run is the existing executor's, which is asked once the run's row is there.
    async fn start_externally(&self, external: &External, prepared: Prepared) -> Result<Run, ExecuteWorkflowError> {
        let Prepared { start: commit, may_be_there, .. } = prepared;
        if commit.starts_at.is_some() {
            return Err(ExecuteWorkflowError::NoDelayForExternal);
        }
        let missing = || StoreError::Corrupt(format!("plan {} is missing", commit.plan));
        let document = self.workflows.plan(commit.plan).await?.ok_or_else(missing)?;
        let unfit = unfit_for_external(&document);
        if !unfit.is_empty() {
            return Err(ExecuteWorkflowError::NotForExternal(unfit));
        }
        let bytes = document.bytes() + commit.input.text().len();
        if bytes > MAX_REQUEST {
            return Err(ExecuteWorkflowError::TooLargeForExternal(bytes));
        }
        self.accept(external.runs.start(&commit).await?, may_be_there)?;
        let doubts = doubtful_for_external(&document);
        if !doubts.is_empty() {
            let doubts = all(&doubts);
            tracing::warn!(run.id = %commit.run, doubts, "the existing executor does this otherwise than its document says");
        }
        Ok(accepted(&commit, RunEngine::External))
    }

    async fn start_anywhere(&self, prepared: Prepared) -> Result<(), ExecuteWorkflowError> {
        let Prepared { start, may_be_there, .. } = prepared;
        self.accept(self.writer.write(RunCommit::Start(start)).await?, may_be_there)?;
        self.engine.ring();
        Ok(())
    }

    fn accept(&self, outcome: CommitOutcome, is_replay: bool) -> Result<(), ExecuteWorkflowError> {
        match outcome {
            CommitOutcome::Committed | CommitOutcome::AlreadyApplied => Ok(()),
            // The id was written down before the start, and somebody else has made it meanwhile; or it is the id of a request
            // that was tried before.
            CommitOutcome::Duplicate if is_replay || self.ids.again() => Ok(()),
            // The id was minted for this start.
            refused => Err(StoreError::Corrupt(format!("a new run was refused: {refused:?}")).into()),
        }
    }
}

/// Why a version must not be executed, in the words of what was asked for.
fn refusal(definition: &ExecutableVersion, version: Option<u32>) -> Option<ExecuteWorkflowError> {
    let status = definition.obstacle()?;
    let name = definition.name.as_str().to_owned();
    // An older version by its own id is asked for like one by its number. The old message stays for what the old system knows: a
    // workflow that is closed, and the newest version.
    let is_for_version = match version {
        Some(_) => !definition.head_status.closes_workflow(),
        None => definition.id != definition.head && !status.closes_workflow(),
    };
    Some(if is_for_version {
        ExecuteWorkflowError::VersionNotActive { name, version: definition.version, status }
    } else {
        ExecuteWorkflowError::NotActive { name, status }
    })
}

/// The run as its start tells, before anything else became true.
fn accepted(start: &StartRun, engine: RunEngine) -> Run {
    Run {
        id: start.run.clone(),
        workflow: start.workflow.into(),
        workflow_name: start.workflow_name.clone(),
        workflow_version: Some(start.workflow_version),
        engine,
        plan: (engine == RunEngine::Orrery).then_some(start.plan),
        status: RunStatus::Pending,
        paused: false,
        input: start.input.clone(),
        triggered_by: Some(start.triggered_by.clone()),
        labels: start.labels.clone(),
        created_at: start.at,
        starts_at: start.starts_at,
        updated_at: start.at,
        completed_at: None,
        cancelled_at: None,
        cancelled_by: None,
        error: None,
        parent: None,
        output: None,
    }
}

/// Every finding with its place, in one text.
fn all(found: &[Diagnostic]) -> String {
    let findings: Vec<String> = found.iter().map(|found| format!("{} ({})", found.message, found.pointer)).collect();
    findings.join("; ")
}
