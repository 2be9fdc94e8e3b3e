//! Decides what is due of a schedule, and starts the runs.
//!
//! A decision is kept first, together with its ticks and by the schedule's revision: of several processes that see the same tick,
//! one decides about it. What was decided is done afterwards. Whoever dies in between leaves a tick that is `starting`, which
//! others find after a while and do; its run has the tick's id, so that it is started once, however often that is tried.

use std::sync::Arc;

use domain::{
    Timestamp,
    access::Actor,
    ports::{Calendar, Clock, Overloaded, Runs, Schedules, StoreError, Transactions},
    runs::{Labels, RunStatus},
    schedules::{Decision, InputTemplate, Previous, Schedule, Tick, TickNames, TickStatus, decide},
};

use crate::{
    Ports,
    runs::{CancelRun, CancelRunError, ExecuteWorkflow, ExecuteWorkflowError, New},
};

/// What was done about a schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fired {
    /// The ticks that this process has decided about, as they are then; none where somebody else was quicker.
    pub ticks: Vec<Tick>,
    /// When the schedule ticks next, if that is known: whoever was slower has to look again.
    pub next_at: Option<Timestamp>,
}

/// Decides what is due of a schedule, and starts the runs.
pub struct FireSchedule {
    schedules: Arc<dyn Schedules>,
    transactions: Arc<dyn Transactions>,
    runs: Arc<dyn Runs>,
    calendar: Arc<dyn Calendar>,
    clock: Arc<dyn Clock>,
    execute_workflow: ExecuteWorkflow,
    cancel_run: CancelRun,
}

impl FireSchedule {
    /// Over the ports.
    pub fn new(ports: &Ports) -> Self {
        Self {
            schedules: ports.schedules.clone(),
            transactions: ports.transactions.clone(),
            runs: ports.runs.clone(),
            calendar: ports.calendar.clone(),
            clock: ports.clock.clone(),
            execute_workflow: ExecuteWorkflow::new(ports),
            cancel_run: CancelRun::new(ports),
        }
    }

    /// Decides about all that is due of a schedule, as it was read a moment ago, and starts what is to be started.
    pub async fn execute(&self, mut schedule: Schedule) -> Result<Fired, StoreError> {
        let mut ticks = Vec::new();
        while let Some(decision) = self.decision(&schedule).await? {
            match self.keep(&decision).await {
                Ok(()) => {}
                Err(StoreError::Conflict(_)) => return Ok(Fired { ticks, next_at: None }),
                Err(other) => return Err(other),
            }
            let by = Actor::named(schedule.actor_name());
            for tick in decision.called_up.iter().chain(&decision.ticks) {
                ticks.push(match tick.status {
                    TickStatus::Starting => self.start(&decision.schedule, tick.clone(), &by).await?,
                    TickStatus::Waiting | TickStatus::Started | TickStatus::Refused | TickStatus::Skipped => {
                        tick.clone()
                    }
                });
            }
            schedule = decision.schedule;
        }
        Ok(Fired { ticks, next_at: schedule.next_at })
    }

    /// Does what somebody has decided and not done: they are dead, or slow.
    pub async fn make_up(&self, tick: Tick) -> Result<Option<Tick>, StoreError> {
        let Some(schedule) = self.schedules.get(tick.schedule).await? else { return Ok(None) };
        let by = Actor::named(schedule.actor_name());
        self.start(&schedule, tick, &by).await.map(Some)
    }

    async fn decision(&self, schedule: &Schedule) -> Result<Option<Decision>, StoreError> {
        let now = self.clock.now();
        if !schedule.is_due(now) {
            return Ok(None);
        }
        let read = self.calendar.read(&schedule.timing.cron, &schedule.timing.zone);
        let ticks = read.map_err(|invalid| {
            StoreError::Corrupt(format!("the schedule '{}' cannot be read: {invalid:?}", schedule.name))
        })?;
        let wanted: Vec<_> = [schedule.queued, schedule.last_started].into_iter().flatten().collect();
        let known = if wanted.is_empty() { Vec::new() } else { self.schedules.ticks_by_id(&wanted).await? };
        let find = |id| known.iter().find(|tick| Some(tick.id) == id);
        let previous = self.previous(schedule, find(schedule.last_started)).await?;
        let waiting = find(schedule.queued).filter(|tick| tick.status == TickStatus::Waiting);
        Ok(decide(schedule, waiting, &previous, &*ticks, now))
    }

    /// What is known of the run of the last tick that was to have one. One that is about to be started is under way: otherwise
    /// the next tick would overtake it.
    async fn previous(&self, schedule: &Schedule, last: Option<&Tick>) -> Result<Previous, StoreError> {
        let Some(id) = schedule.last_started else { return Ok(Previous::Over) };
        let is_live = match self.runs.get(&id.run()).await? {
            Some(run) => matches!(run.status, RunStatus::Pending | RunStatus::Running),
            None => last.is_some_and(|tick| tick.status == TickStatus::Starting),
        };
        Ok(if is_live { Previous::UnderWay(id.run()) } else { Previous::Over })
    }

    async fn keep(&self, decision: &Decision) -> Result<(), StoreError> {
        let mut work = self.transactions.begin().await?;
        work.replace_schedule(&decision.schedule).await?;
        for tick in &decision.ticks {
            work.add_tick(tick).await?;
        }
        if let Some(tick) = &decision.called_up {
            work.change_tick(tick).await?;
        }
        work.commit().await
    }

    /// Starts a tick's run, unless it is there, and writes down what came of it. What cannot be done now is left to be made up
    /// for, and is no error.
    pub(super) async fn start(&self, schedule: &Schedule, tick: Tick, by: &Actor) -> Result<Tick, StoreError> {
        let outcome = match self.try_start(schedule, &tick, by).await {
            Ok(()) => tick.started(),
            Err(Unstarted::Later(why)) => {
                let (name, at) = (schedule.name.as_str(), tick.at);
                tracing::warn!(schedule.name = name, tick.at = %at, "the run of a tick is not started yet: {why}");
                return Ok(tick);
            }
            // Whoever has tried before may have succeeded, whatever is in the way now.
            Err(Unstarted::Never(_)) if self.runs.get(&tick.id.run()).await?.is_some() => tick.started(),
            Err(Unstarted::Never(why)) => {
                let (name, at) = (schedule.name.as_str(), tick.at);
                tracing::warn!(schedule.name = name, tick.at = %at, "the run of a tick cannot be started: {why}");
                tick.refused(&why)
            }
        };
        let mut work = self.transactions.begin().await?;
        work.change_tick(&outcome).await?;
        work.commit().await?;
        Ok(outcome)
    }

    async fn try_start(&self, schedule: &Schedule, tick: &Tick, by: &Actor) -> Result<(), Unstarted> {
        if let Some(previous) = &tick.cancels {
            let reason = format!("The next tick of the schedule '{}' was due", schedule.name);
            match self.cancel_run.execute(previous, Some(reason), by).await {
                Ok(_) | Err(CancelRunError::NotFound(_) | CancelRunError::NotCancellable(_)) => {}
                Err(other) => return Err(Unstarted::Later(other.to_string())),
            }
        }
        let input = InputTemplate(schedule.input.value()).fill(&TickNames::of(schedule, tick));
        let input = input.map_err(|error| Unstarted::Never(error.to_string()))?;
        let new = New {
            run: tick.id.run(),
            input,
            labels: Labels::default(),
            starts_at: None,
            by,
            replays: None,
            bulk: None,
            may_be_there: true,
        };
        let prepared = self.execute_workflow.prepare(schedule.workflow, schedule.version, new).await?;
        self.execute_workflow.begin(prepared).await?;
        Ok(())
    }
}

/// Why a run was not started.
enum Unstarted {
    /// It may be later.
    Later(String),
    /// It will not be as it is now.
    Never(String),
}

impl From<ExecuteWorkflowError> for Unstarted {
    fn from(error: ExecuteWorkflowError) -> Self {
        match error {
            ExecuteWorkflowError::Store(StoreError::Unavailable(_) | StoreError::Conflict(_))
            | ExecuteWorkflowError::Overloaded(Overloaded) => Self::Later(error.to_string()),
            _ => Self::Never(error.to_string()),
        }
    }
}
