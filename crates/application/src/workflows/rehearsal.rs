//! A run that happens in memory only: the same rules, with mocks in place of agents, runs of other workflows and events, and
//! a clock that jumps to whatever is due.
//!
//! It computes and hardly ever waits, so that it gives way after each transition: there whoever asked can also be found to be gone.

mod spent;

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    mem,
    task::Poll,
};

use domain::{
    Timestamp,
    agents::RetryPolicy,
    ids::{RunId, StepPath},
    payload::Payload,
    ports::{Clock, StoreError, Workflows},
    runs::{
        AgentCall, AgentContract, CallFailure, CallOutcome, ChildOutcome, ClosedAttempt, FailureKind, InboxMessage,
        Input, RunData, RunEvent, RunState, RunStatus, StartRun, StepState, Transition, advance, start,
    },
    workflows::{BlockKind, Plan, PlanStep, Work},
};
use serde_json::Value;

pub use self::spent::{MAX_ATTEMPTS, MAX_EVENTS};
use self::spent::{Spent, bytes_of};
use super::find_child;
use crate::plans::PlanCache;

/// The most bytes of inputs and outputs that it tells.
const MAX_TOLD: usize = 8 << 20;

/// The most steps of the path that it tells.
pub const MAX_PATH_TOLD: usize = 10_000;

/// What stands in for the world, by the ids of steps or by their paths.
#[derive(Debug, Clone, Default)]
pub struct Mocks(pub BTreeMap<String, Value>);

/// What a rehearsal came to.
#[derive(Debug)]
pub struct Rehearsed {
    /// How it ended.
    pub end: RehearsalEnd,
    /// The run's output.
    pub output: Option<Payload>,
    /// Why it failed, or was given up.
    pub error: Option<String>,
    /// When it began, and when it ended: the time between would have passed.
    pub span: (Timestamp, Timestamp),
    /// The steps in the order in which they were begun; the first [`MAX_PATH_TOLD`] of them.
    pub path: Vec<Begun>,
    /// Whether steps were left out.
    pub is_path_cut: bool,
    /// The attempts in the order in which they ended; cut where they would fill more than a few megabytes.
    pub attempts: Vec<ClosedAttempt>,
    /// Whether attempts were left out.
    pub is_cut: bool,
}

/// How a rehearsal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalEnd {
    /// The run completed.
    Completed,
    /// The run failed.
    Failed,
    /// It waits for an event that has no mock, and would wait for ever.
    Waiting,
    /// It was given up: it made more than [`MAX_ATTEMPTS`] attempts or [`MAX_EVENTS`] events, too many bytes, or took too long.
    TooLong,
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Where.
    pub path: StepPath,
    /// Its type.
    pub kind: &'static str,
    /// What its condition came to.
    pub held: Option<bool>,
}

/// What a rehearsal asks besides the mocks.
pub(super) struct Surroundings<'a> {
    pub(super) workflows: &'a dyn Workflows,
    pub(super) plans: &'a PlanCache,
    /// What is known of the agents that are mocked, by their names.
    pub(super) agents: BTreeMap<String, MockedAgent>,
    pub(super) clock: &'a dyn Clock,
}

/// What holds for an agent, whoever answers for it.
pub(super) struct MockedAgent {
    pub(super) policy: RetryPolicy,
    pub(super) contract: AgentContract,
}

/// Rehearses a plan. Fails only where the store does.
pub(super) async fn rehearse(
    run: RunId,
    plan: &Plan,
    input: Payload,
    mocks: &Mocks,
    around: Surroundings<'_>,
) -> Result<Rehearsed, StoreError> {
    let now = around.clock.now();
    let (state, data, made) = start(plan, run, input, now);
    let mut scene = Stage {
        plan,
        mocks,
        around: &around,
        now,
        state,
        data,
        inputs: VecDeque::new(),
        spent: Spent::nothing(around.clock, now),
        told: 0,
        rehearsed: Rehearsed {
            end: RehearsalEnd::Waiting,
            output: None,
            error: None,
            span: (now, now),
            path: Vec::new(),
            is_path_cut: false,
            attempts: Vec::new(),
            is_cut: false,
        },
    };
    scene.follow(made).await?;
    while !scene.state.status().is_terminal() {
        if let Some(excess) = scene.spent.excess() {
            scene.rehearsed.error = Some(excess);
            scene.rehearsed.end = RehearsalEnd::TooLong;
            break;
        }
        give_way().await;
        let Some(input) = scene.next_input() else { break };
        // A mock answers once, so that nothing is late here.
        if let Ok(made) = advance(plan, &mut scene.state, &mut scene.data, input, scene.now, true) {
            scene.follow(made).await?;
        }
    }
    Ok(scene.finish())
}

/// Lets whatever else there is to do go first, whoever drives this.
async fn give_way() {
    let mut has_given = false;
    poll_fn(|context| {
        if mem::replace(&mut has_given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Stage<'a> {
    plan: &'a Plan,
    mocks: &'a Mocks,
    around: &'a Surroundings<'a>,
    now: Timestamp,
    state: RunState,
    data: RunData,
    inputs: VecDeque<Input>,
    spent: Spent<'a>,
    told: usize,
    rehearsed: Rehearsed,
}

impl Stage<'_> {
    /// What is to be said next; where nobody has anything to say, time passes.
    fn next_input(&mut self) -> Option<Input> {
        if let Some(input) = self.inputs.pop_front() {
            return Some(input);
        }
        let due = self.state.wake_at(self.plan)?;
        self.now = self.now.max(due);
        Some(Input::Continue)
    }

    /// Notes what has happened, and lets the mocks answer.
    async fn follow(&mut self, made: Transition) -> Result<(), StoreError> {
        self.spent.add(&made);
        for event in &made.events {
            self.note(event);
        }
        for closed in made.closed {
            self.keep(closed);
        }
        if let Some(update) = made.update.filter(|update| update.status.is_terminal()) {
            (self.rehearsed.output, self.rehearsed.error) = (update.output, update.error);
        }
        for call in made.calls {
            let called = self.called(call);
            self.inputs.push_back(called);
        }
        for child in made.outward.children {
            let ended = self.ended(child).await?;
            self.inputs.extend(ended);
        }
        for wait in made.outward.waits {
            if let Some(CallOutcome::Completed(data)) = self.mocked(&wait.path, 1) {
                let (name, path) = (wait.event, Some(wait.path));
                self.inputs.push_back(Input::Told(InboxMessage::Event { name, path, data, id: None }));
            }
        }
        for target in made.lookups {
            let found = find_child(self.around.workflows, &target).await?;
            self.inputs.push_back(Input::LookedUp { target, found });
        }
        if made.unfinished {
            self.inputs.push_back(Input::Continue);
        }
        Ok(())
    }

    /// What a mock answers in place of an agent: whatever the agent declares holds for both sides.
    fn called(&self, call: AgentCall) -> Input {
        let agent = self.around.agents.get(call.agent.as_str());
        let refused = agent.and_then(|agent| agent.contract.refuses(&call.input));
        let outcome = if let Some(failure) = refused {
            CallOutcome::Failed(failure)
        } else {
            let attempt = self.state.step(&call.key.path).and_then(StepState::last_attempt);
            let answer = self.answer(&call.key.path, attempt.map_or(1, |attempt| attempt.number));
            match agent {
                Some(agent) => agent.contract.judge(answer),
                None => answer,
            }
        };
        let policy = agent.map(|agent| agent.policy.clone()).unwrap_or_default();
        Input::CallEnded { key: call.key, outcome, policy }
    }

    /// What a mock answers in place of a run of another workflow, which begins with no input that its workflow refuses.
    async fn ended(&self, child: StartRun) -> Result<Option<Input>, StoreError> {
        let Some(path) = child.parent.map(|parent| parent.path) else { return Ok(None) };
        let refused = self.around.plans.get(child.plan).await?.refuses(&child.input);
        let outcome = match refused.map_or_else(|| self.answer(&path, 1), |problem| failed(problem, true)) {
            CallOutcome::Completed(output) => ChildOutcome::Completed { output },
            CallOutcome::Failed(failure) => ChildOutcome::Failed { error: failure.message },
        };
        Ok(Some(Input::Told(InboxMessage::ChildEnded { path, child: child.run, outcome })))
    }

    fn note(&mut self, event: &RunEvent) {
        let (path, held) = match event {
            RunEvent::StepDispatched { path, attempt: 1, round: 0, .. }
            | RunEvent::StepDelayed { path, .. }
            | RunEvent::ChildStarted { path, .. }
            | RunEvent::EventAwaited { path, .. } => (path, None),
            RunEvent::BlockOpened { path, held, .. } => (path, *held),
            // A check is begun and done at once.
            RunEvent::StepSucceeded { path, .. } | RunEvent::StepFailed { path, .. } if self.is_check(path) => {
                (path, None)
            }
            _ => return,
        };
        if self.rehearsed.path.len() >= MAX_PATH_TOLD {
            self.rehearsed.is_path_cut = true;
            return;
        }
        let kind = self.plan.at(path).map_or("agent", kind_of);
        self.rehearsed.path.push(Begun { path: path.clone(), kind, held });
    }

    fn is_check(&self, path: &StepPath) -> bool {
        self.plan.at(path).is_some_and(|step| matches!(step.work, Work::Check(_)))
    }

    fn keep(&mut self, closed: ClosedAttempt) {
        self.told += bytes_of(&closed);
        if self.told > MAX_TOLD {
            self.rehearsed.is_cut = true;
        } else {
            self.rehearsed.attempts.push(closed);
        }
    }

    fn answer(&self, path: &StepPath, attempt: u32) -> CallOutcome {
        self.mocked(path, attempt).unwrap_or_else(|| failed(format!("There is no mock for step '{path}'"), true))
    }

    /// What the mocks say: for the path, else for the step's id; for this attempt, where there is a list.
    fn mocked(&self, path: &StepPath, attempt: u32) -> Option<CallOutcome> {
        let id = self.plan.at(path).map(|step| step.id.as_str()).unwrap_or_default();
        let mock = self.mocks.0.get(path.as_str()).or_else(|| self.mocks.0.get(id))?;
        let mock = match mock {
            Value::Array(attempts) => attempts.get(attempt as usize - 1).or_else(|| attempts.last())?,
            single => single,
        };
        if let Some(error) = error_of(mock) {
            return Some(failed(error.to_owned(), false));
        }
        Some(match Payload::new(mock.clone()) {
            Ok(output) => CallOutcome::Completed(output),
            Err(problem) => failed(problem.to_string(), true),
        })
    }

    fn finish(mut self) -> Rehearsed {
        self.rehearsed.end = match self.state.status() {
            RunStatus::Completed => RehearsalEnd::Completed,
            RunStatus::Failed | RunStatus::Cancelled => RehearsalEnd::Failed,
            RunStatus::Pending | RunStatus::Running => self.rehearsed.end,
        };
        self.rehearsed.span.1 = self.now;
        self.rehearsed
    }
}

/// `{"error": "…"}` and nothing else is a failure.
fn error_of(mock: &Value) -> Option<&str> {
    mock.as_object().filter(|members| members.len() == 1)?.get("error")?.as_str()
}

fn failed(message: String, permanent: bool) -> CallOutcome {
    CallOutcome::Failed(CallFailure { permanent, ..CallFailure::definite(FailureKind::Task, message) })
}

fn kind_of(step: &PlanStep) -> &'static str {
    match &step.work {
        Work::Agent(_) | Work::End(_) => "agent",
        Work::Delay(_) => "delay",
        Work::Child(_) => "sub_workflow",
        Work::Wait(_) => "wait_for_event",
        Work::Check(_) => "validate",
        Work::Block(block) => match block.kind {
            BlockKind::Parallel => "parallel",
            BlockKind::Conditional(_) => "conditional",
            BlockKind::Loop(_) => "loop",
            BlockKind::ForkJoin(_) => "fork_join",
        },
    }
}
