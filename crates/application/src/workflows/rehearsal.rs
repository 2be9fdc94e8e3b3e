//! A run that happens in memory only: the same rules, with mocks in place of agents, runs of other workflows and events, and
//! a clock that jumps to whatever is due.

use std::collections::{BTreeMap, VecDeque};

use domain::{
    Timestamp,
    agents::RetryPolicy,
    ids::{RunId, StepPath},
    payload::Payload,
    ports::{StoreError, Workflows},
    runs::{
        CallFailure, CallOutcome, ChildOutcome, ClosedAttempt, FailureKind, InboxMessage, Input, RunData, RunEvent,
        RunState, RunStatus, Transition, advance, start,
    },
    workflows::{BlockKind, Plan, PlanStep, Work},
};
use serde_json::Value;

use super::find_child;

/// The most attempts that a rehearsal makes.
pub const MAX_ATTEMPTS: usize = 20_000;

/// The most bytes of inputs and outputs that it tells.
const MAX_TOLD: usize = 8 << 20;

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
    /// Why it failed.
    pub error: Option<String>,
    /// When it began, and when it ended: the time between would have passed.
    pub span: (Timestamp, Timestamp),
    /// The steps in the order in which they were begun.
    pub path: Vec<Begun>,
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
    /// It made more than [`MAX_ATTEMPTS`] attempts.
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

/// Rehearses a plan. Fails only where the store does.
pub(super) async fn rehearse(
    run: RunId,
    plan: &Plan,
    input: Payload,
    mocks: &Mocks,
    policies: &BTreeMap<String, RetryPolicy>,
    workflows: &dyn Workflows,
    now: Timestamp,
) -> Result<Rehearsed, StoreError> {
    let (state, data, made) = start(plan, run, input, now);
    let mut scene = Stage {
        plan,
        mocks,
        policies,
        now,
        state,
        data,
        inputs: VecDeque::new(),
        made: 0,
        told: 0,
        rehearsed: Rehearsed {
            end: RehearsalEnd::Waiting,
            output: None,
            error: None,
            span: (now, now),
            path: Vec::new(),
            attempts: Vec::new(),
            is_cut: false,
        },
    };
    scene.follow(made, workflows).await?;
    while !scene.state.status().is_terminal() && scene.made <= MAX_ATTEMPTS {
        let Some(input) = scene.next_input() else { break };
        // A mock answers once, so that nothing is late here.
        if let Ok(made) = advance(plan, &mut scene.state, &mut scene.data, input, scene.now, true) {
            scene.follow(made, workflows).await?;
        }
    }
    Ok(scene.finish())
}

struct Stage<'a> {
    plan: &'a Plan,
    mocks: &'a Mocks,
    policies: &'a BTreeMap<String, RetryPolicy>,
    now: Timestamp,
    state: RunState,
    data: RunData,
    inputs: VecDeque<Input>,
    made: usize,
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
    async fn follow(&mut self, made: Transition, workflows: &dyn Workflows) -> Result<(), StoreError> {
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
            let attempt = self.state.step(&call.key.path).and_then(domain::runs::StepState::last_attempt);
            let outcome = self.answer(&call.key.path, attempt.map_or(1, |attempt| attempt.number));
            let policy = self.policies.get(call.agent.as_str()).cloned().unwrap_or_default();
            self.made += 1;
            self.inputs.push_back(Input::CallEnded { key: call.key, outcome, policy });
        }
        for child in made.outward.children {
            let Some(path) = child.parent.map(|parent| parent.path) else { continue };
            let outcome = match self.answer(&path, 1) {
                CallOutcome::Completed(output) => ChildOutcome::Completed { output },
                CallOutcome::Failed(failure) => ChildOutcome::Failed { error: failure.message },
            };
            self.made += 1;
            self.inputs.push_back(Input::Told(InboxMessage::ChildEnded { path, child: child.run, outcome }));
        }
        for wait in made.outward.waits {
            self.made += 1;
            if let Some(CallOutcome::Completed(data)) = self.mocked(&wait.path, 1) {
                let (name, path) = (wait.event, Some(wait.path));
                self.inputs.push_back(Input::Told(InboxMessage::Event { name, path, data, id: None }));
            }
        }
        for target in made.lookups {
            let found = find_child(workflows, &target).await?;
            self.inputs.push_back(Input::LookedUp { target, found });
        }
        if made.unfinished {
            self.inputs.push_back(Input::Continue);
        }
        Ok(())
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
        let kind = self.plan.at(path).map_or("agent", kind_of);
        self.rehearsed.path.push(Begun { path: path.clone(), kind, held });
    }

    fn is_check(&self, path: &StepPath) -> bool {
        self.plan.at(path).is_some_and(|step| matches!(step.work, Work::Check(_)))
    }

    fn keep(&mut self, closed: ClosedAttempt) {
        self.told += closed.input.text().len() + closed.output.as_ref().map_or(0, |output| output.text().len());
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
            RunStatus::Pending | RunStatus::Running if self.made > MAX_ATTEMPTS => RehearsalEnd::TooLong,
            RunStatus::Pending | RunStatus::Running => RehearsalEnd::Waiting,
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
