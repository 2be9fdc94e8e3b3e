//! Why a run does not move (G12): what each of its steps at the front waits for, as its events tell. Nothing is written for it.

use super::{
    decide::RunData,
    decision::PARKED_BY,
    report::Progress,
    scope::StepScope,
    state::{Pause, RunState},
    step_state::StepState,
};
use crate::{
    Timestamp,
    agents::AgentName,
    ids::{RunId, StepPath},
    workflows::{Plan, Work},
};

/// What a live run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitingOn {
    /// Somebody has paused it.
    Pause(Pause),
    /// The time for which it was started.
    Start {
        /// The time.
        at: Timestamp,
    },
    /// An agent's answer.
    Agent {
        /// The step.
        path: StepPath,
        /// The agent.
        agent: AgentName,
        /// Which attempt.
        attempt: u32,
        /// When the call was dispatched.
        since: Timestamp,
        /// When the step is given up.
        until: Option<Timestamp>,
        /// What the agent has said last about it.
        progress: Option<Progress>,
    },
    /// The next attempt of a step.
    Retry {
        /// The step.
        path: StepPath,
        /// The agent.
        agent: AgentName,
        /// Which attempt it will be.
        attempt: u32,
        /// When it is due.
        at: Timestamp,
    },
    /// A person, to find out whether a call was done.
    Unknown {
        /// The step.
        path: StepPath,
        /// The agent.
        agent: AgentName,
        /// Which attempt it was.
        attempt: u32,
    },
    /// A time.
    Timer {
        /// The step.
        path: StepPath,
        /// The time.
        until: Timestamp,
    },
    /// An event.
    Event {
        /// The step.
        path: StepPath,
        /// Its name.
        event: String,
        /// What tells this run from others; none where nothing does.
        correlation: Option<String>,
        /// How long.
        until: Option<Timestamp>,
    },
    /// A run that it has started.
    Run {
        /// The step.
        path: StepPath,
        /// The run.
        run: RunId,
        /// How long.
        until: Option<Timestamp>,
    },
}

/// What a run waits for; empty where it is over, or has something to do at once.
pub fn waiting_on(plan: &Plan, state: &RunState, data: &RunData) -> Vec<WaitingOn> {
    if state.status().is_terminal() {
        return Vec::new();
    }
    let pause = state.pause().cloned().map(WaitingOn::Pause);
    let front = state.frontier();
    let steps = front.iter().filter_map(|path| of_step(plan, state, data, path));
    // Nothing that is not under way begins in a paused run.
    let counts = |found: &WaitingOn| {
        pause.is_none() || matches!(found, WaitingOn::Agent { .. } | WaitingOn::Run { .. } | WaitingOn::Unknown { .. })
    };
    let steps: Vec<WaitingOn> = steps.filter(counts).collect();
    let start = state.starts_at().map(|at| WaitingOn::Start { at });
    pause.clone().into_iter().chain(start).chain(steps).collect()
}

fn of_step(plan: &Plan, state: &RunState, data: &RunData, path: &StepPath) -> Option<WaitingOn> {
    let (step, path) = (plan.at(path)?, path.clone());
    match (state.step(&path)?, &step.work) {
        (StepState::InFlight(attempt), Work::Agent(work)) => Some(WaitingOn::Agent {
            agent: work.agent.clone(),
            attempt: attempt.number,
            since: attempt.dispatched_at,
            until: state.deadline(&path),
            progress: state.progress(&path).cloned(),
            path,
        }),
        (StepState::Waiting { last, definite: false, .. }, Work::Agent(work)) if is_parked(state) => {
            Some(WaitingOn::Unknown { path, agent: work.agent.clone(), attempt: last.number })
        }
        (StepState::Waiting { last, retry_at, .. }, Work::Agent(work)) => {
            Some(WaitingOn::Retry { path, agent: work.agent.clone(), attempt: last.number + 1, at: *retry_at })
        }
        (StepState::Delayed { until }, _) => Some(WaitingOn::Timer { path, until: *until }),
        (StepState::Listening { until, .. }, Work::Wait(wait)) => {
            let correlation = wait.correlation(&StepScope { plan, data, step, path: &path }).ok();
            let correlation = correlation.filter(|text| !text.is_empty());
            Some(WaitingOn::Event { event: wait.event.as_str().to_owned(), correlation, until: *until, path })
        }
        (StepState::Child { attempt, until }, _) => {
            let run = data.run.child(&path, attempt.generation);
            Some(WaitingOn::Run { path, run, until: *until })
        }
        _ => None,
    }
}

fn is_parked(state: &RunState) -> bool {
    state.pause().is_some_and(|pause| pause.by == PARKED_BY)
}
