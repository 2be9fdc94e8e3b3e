//! The run state machine against random inputs.

#[path = "decide_tests/later.rs"]
mod later;
#[path = "decide_tests/reports.rs"]
mod reports;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    agents::RetryPolicy,
    ids::{CommitId, RunId, Seq},
    payload::Payload,
    workflows::{Plan, StepDocument, WorkflowDocument, compile},
};

fn at(second: i64) -> crate::Timestamp {
    crate::Timestamp::from_timestamp(1_700_000_000 + second, 0).expect("a time")
}

fn plan(steps: usize) -> Plan {
    let step = |n: usize| {
        let input = if n == 0 {
            json!({"x": "${workflow.input.x}"})
        } else {
            json!({"x": format!("${{s{}.output.x}}", n - 1)})
        };
        let document = json!({"id": format!("s{n}"), "agent_name": "A", "next_step": (n + 1 < steps).then(|| format!("s{}", n + 1)), "input_mapping": input});
        (format!("s{n}"), serde_json::from_value::<StepDocument>(document).expect("a step"))
    };
    compile(
        &WorkflowDocument::new("w", 1, "s0".into(), (0..steps).map(step).collect::<BTreeMap<_, _>>()),
        &crate::ports::NoSchemas,
    )
    .expect("sound")
}

fn run_id() -> RunId {
    RunId::parse("run-1").expect("an id")
}

fn payload(x: u64) -> Payload {
    Payload::new(json!({"x": x})).expect("storable")
}

/// A run with everything a store would hold of it.
struct Driven {
    plan: Plan,
    state: RunState,
    data: RunData,
    history: Vec<EventRecord>,
    closed: Vec<ClosedAttempt>,
    calls: Vec<AgentCall>,
    status: RunStatus,
    now: i64,
}

impl Driven {
    fn start(steps: usize) -> Self {
        let plan = plan(steps);
        let (state, data, made) = start(&plan, run_id(), payload(1), at(0));
        let history = Vec::new();
        let mut driven = Self {
            plan,
            state,
            data,
            history,
            closed: Vec::new(),
            calls: Vec::new(),
            status: RunStatus::Pending,
            now: 0,
        };
        driven.keep(made);
        driven
    }

    fn keep(&mut self, made: Transition) {
        let first = Seq::new(self.history.iter().map(|r| r.events.len() as u64).sum::<u64>() + 1);
        if let Some(update) = made.update {
            self.status = update.status;
        }
        self.history.push(EventRecord {
            first,
            commit: CommitId::new(uuid::Uuid::nil()),
            at: at(self.now),
            events: made.events,
        });
        self.closed.extend(made.closed);
        self.calls.extend(made.calls);
    }

    fn tell(&mut self, input: Input) -> Result<(), Rejection> {
        let made = advance(&self.plan, &mut self.state, &mut self.data, input, at(self.now), true)?;
        self.keep(made);
        Ok(())
    }

    fn end_last_call(&mut self, outcome: CallOutcome) -> Result<(), Rejection> {
        let key = self.calls.last().expect("a call").key.clone();
        self.tell(Input::CallEnded { key, outcome, policy: policy() })
    }

    fn report(&mut self, call: usize, outcome: Reported) -> Result<(), Rejection> {
        let CallKey { path, generation, round, .. } = self.calls[call].key.clone();
        self.tell(told(InboxMessage::CallReported { path, generation, round, outcome, retry: policy() }))
    }

    fn blind(&mut self, event: RunEvent, status: RunStatus) {
        self.state.apply(at(self.now), &event);
        self.keep(Transition {
            events: vec![event],
            update: Some(RunUpdate::to(status, None)),
            ..Transition::default()
        });
    }

    fn cancel(&mut self) {
        self.blind(RunEvent::RunCancelled { by: "me".into(), reason: None }, RunStatus::Cancelled);
    }

    fn resume(&mut self) {
        self.blind(RunEvent::RunResumed { by: "me".into() }, RunStatus::Pending);
        self.tell(Input::Continue).expect("a live run");
    }
}

fn policy() -> RetryPolicy {
    RetryPolicy::new(2, 100, 1000, 2.0).expect("valid")
}

fn failure(definite: bool) -> CallOutcome {
    CallOutcome::Failed(CallFailure { definite, ..CallFailure::definite(FailureKind::Task, "boom") })
}

#[test]
fn a_step_and_the_dispatch_of_its_successor_are_one_transition() {
    let mut run = Driven::start(2);
    run.end_last_call(CallOutcome::Completed(payload(2))).expect("accepted");
    let last = run.history.last().expect("a record");
    assert!(matches!(last.events[..], [RunEvent::StepSucceeded { .. }, RunEvent::StepDispatched { .. }]));
    assert_eq!(run.calls[1].input, payload(2));
    run.end_last_call(CallOutcome::Completed(payload(3))).expect("accepted");
    assert_eq!(run.state.status(), RunStatus::Completed);
    let kept: Vec<_> = run.data.outputs.keys().map(crate::ids::StepPath::as_str).collect();
    assert_eq!(kept, ["s1"], "outputs are forgotten after their last reader; the last one is the run's");
}

#[test]
fn after_an_unknown_outcome_the_same_call_is_made_again_and_after_a_definite_one_a_new_call() {
    let mut run = Driven::start(1);
    run.end_last_call(failure(false)).expect("accepted");
    assert_eq!(run.tell(Input::Continue), Ok(()), "too early: nothing happens");
    assert_eq!(run.calls.len(), 1);
    run.now = 1;
    run.tell(Input::Continue).expect("accepted");
    assert_eq!((run.calls[1].key.round, run.calls[1].ids().message), (0, run.calls[0].ids().message));
    run.end_last_call(failure(true)).expect("accepted");
    assert_eq!(run.state.status(), RunStatus::Failed);
    assert_eq!(run.state.error(), Some("Workflow failed at step 's0': boom"));
    run.resume();
    assert_eq!((run.calls[2].key.round, run.state.status()), (1, RunStatus::Running));
    assert_ne!(run.calls[2].ids().message, run.calls[0].ids().message);
    assert_eq!(run.closed.len(), 2, "each attempt has one row");
}

#[test]
fn a_run_resumed_after_a_cancellation_repeats_the_call_that_was_cut() {
    let mut run = Driven::start(2);
    run.cancel();
    assert_eq!(run.end_last_call(CallOutcome::Completed(payload(9))), Err(Rejection::Terminal(RunStatus::Cancelled)));
    run.resume();
    assert_eq!(run.calls.len(), 2);
    assert_eq!(run.calls[0].request(), run.calls[1].request());
    assert_eq!(run.status, RunStatus::Running);
}

#[test]
fn an_input_that_cannot_be_resolved_fails_the_run_without_a_call() {
    let mut run = Driven::start(2);
    run.end_last_call(CallOutcome::Completed(Payload::empty())).expect("accepted");
    assert_eq!(run.calls.len(), 1);
    let message = "Workflow failed at step 's1': Exception during step execution: Cannot resolve '${s0.output.x}' in field 'x': Field 'x' not found";
    assert_eq!(run.state.error(), Some(message));
}

#[test]
fn a_long_message_with_odd_characters_becomes_storable() {
    let mut run = Driven::start(1);
    let message = "\0".repeat(5000);
    let failure = CallFailure::permanent(FailureKind::Task, message);
    run.end_last_call(CallOutcome::Failed(failure)).expect("accepted");
    let error = run.closed[0].error.as_deref().expect("a message");
    assert!(error.chars().count() == 2001 && !error.contains('\0'));
}

#[test]
fn open_attempts_are_derived_from_the_events() {
    let mut run = Driven::start(2);
    run.end_last_call(CallOutcome::Completed(payload(5))).expect("accepted");
    let row = &run.closed[0];
    let rows = [StepExecution {
        id: crate::ids::StepExecutionId::derive(&run.data.run, &row.step, row.execution),
        execution: Some(row.execution),
        run: run_id(),
        step: row.step.clone(),
        path: row.path.clone(),
        agent: row.agent.clone(),
        status: StepStatus::Completed,
        attempt: 1,
        input: row.input.clone(),
        output: row.output.clone(),
        started_at: row.started_at,
        completed_at: Some(row.completed_at),
        error: None,
    }];
    let view = Run {
        id: run_id(),
        workflow: crate::ids::WorkflowId::new(uuid::Uuid::nil()).into(),
        workflow_name: "w".into(),
        workflow_version: Some(1),
        engine: crate::runs::RunEngine::Orrery,
        paused: false,
        plan: Some(run.plan.hash()),
        status: RunStatus::Running,
        input: payload(1),
        triggered_by: None,
        labels: crate::runs::Labels::default(),
        starts_at: None,
        created_at: at(0),
        updated_at: at(0),
        completed_at: None,
        cancelled_at: None,
        cancelled_by: None,
        error: None,
        parent: None,
        output: None,
    };
    let open = open_attempts(&run.plan, &view, &run.history, &rows);
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].step.as_str(), open[0].status, &open[0].input), ("s1", StepStatus::Running, &payload(5)));
}

#[derive(Debug, Clone)]
enum Act {
    Succeed(u64),
    Fail(bool),
    Stale,
    Wait,
    Cancel,
    Resume,
    /// About the call that is so many calls back, completed or failed.
    Report(usize, bool),
    Progress(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => any::<u64>().prop_map(Act::Succeed),
        3 => any::<bool>().prop_map(Act::Fail),
        1 => Just(Act::Stale),
        3 => Just(Act::Wait),
        1 => Just(Act::Cancel),
        1 => Just(Act::Resume),
        3 => (0..3_usize, any::<bool>()).prop_map(|(back, done)| Act::Report(back, done)),
        1 => (0..3_usize).prop_map(Act::Progress),
    ];
    proptest::collection::vec(act, 0..60)
}

proptest! {
    #[test]
    fn folding_the_events_gives_the_state_and_a_terminal_run_absorbs_everything(steps in 1usize..6, acts in acts()) {
        let mut run = Driven::start(steps);
        for act in acts {
            let before = run.state.clone();
            let result = match act {
                Act::Succeed(x) => run.end_last_call(CallOutcome::Completed(payload(x))),
                Act::Fail(definite) => run.end_last_call(failure(definite)),
                Act::Stale => {
                    let mut key = run.calls[0].key.clone();
                    key.round += 1000;
                    run.tell(Input::CallEnded { key, outcome: CallOutcome::Completed(payload(0)), policy: policy() })
                }
                Act::Wait => { run.now += 1; run.tell(Input::Continue) }
                Act::Cancel if !before.status().is_terminal() => { run.cancel(); Ok(()) }
                Act::Resume if matches!(before.status(), RunStatus::Failed | RunStatus::Cancelled) => { run.resume(); Ok(()) }
                Act::Cancel | Act::Resume => Ok(()),
                Act::Report(back, done) => {
                    let call = run.calls.len().saturating_sub(1 + back);
                    let was_open = run.state.task(&run.calls[call].key) != TaskState::Over;
                    let said = if done { reports::done(7) } else { reports::undone() };
                    let result = run.report(call, said);
                    prop_assert!(was_open || run.state == before, "a report about a call that has ended changes nothing");
                    result
                }
                Act::Progress(back) => {
                    let key = run.calls[run.calls.len().saturating_sub(1 + back)].key.clone();
                    run.tell(reports::progress(&key, "on it"))
                }
            };
            if result.is_err() {
                prop_assert_eq!(&run.state, &before, "a rejected input changes nothing");
            }
            if before.status() == RunStatus::Completed {
                prop_assert_eq!(&run.state, &before, "a completed run absorbs everything");
            }
            run.history.retain(|record| !record.events.is_empty());
            prop_assert_eq!(&RunState::fold(&run.history).expect("sound"), &run.state);
            prop_assert_eq!(run.status, run.state.status(), "the stored status follows the events");
        }
        // Each attempt is closed at most once, and no step succeeds twice.
        let mut executions: Vec<_> = run.closed.iter().map(|c| c.execution).collect();
        executions.dedup();
        prop_assert_eq!(executions.len(), run.closed.len());
        for n in 0..steps {
            let successes = run.closed.iter().filter(|c| c.output.is_some() && c.step.as_str() == format!("s{n}"));
            prop_assert!(successes.count() <= 1);
        }
        // Equal keys, equal bytes.
        for (i, one) in run.calls.iter().enumerate() {
            for other in &run.calls[i..] {
                prop_assert!(one.key != other.key || one.request() == other.request());
            }
        }
    }

    #[test]
    fn a_history_with_a_gap_is_corrupt(cut in 1usize..4) {
        let mut run = Driven::start(5);
        for x in 0..5 { run.end_last_call(CallOutcome::Completed(payload(x))).expect("accepted"); }
        run.history.remove(cut);
        prop_assert!(RunState::fold(&run.history).is_err());
    }
}

fn told(message: InboxMessage) -> Input {
    Input::Told(message)
}

fn pause() -> Input {
    told(InboxMessage::Pause { by: "me".into() })
}

fn unpause() -> Input {
    told(InboxMessage::Unpause { by: "me".into() })
}

#[test]
fn a_paused_run_finishes_what_is_under_way_and_begins_nothing_new() {
    let mut run = Driven::start(2);
    run.tell(pause()).expect("a live run");
    assert!(run.state.is_paused());
    run.end_last_call(CallOutcome::Completed(payload(2))).expect("it is under way");
    assert_eq!((run.calls.len(), run.closed.len()), (1, 1));
    assert_eq!((run.status, run.state.wake_at(&run.plan)), (RunStatus::Running, None));

    run.tell(unpause()).expect("a live run");
    assert_eq!(run.calls.len(), 2);
    assert_eq!(RunState::fold(&run.history).expect("sound"), run.state);
}

#[test]
fn a_run_whose_last_step_ends_while_it_is_paused_is_over() {
    let mut run = Driven::start(1);
    run.tell(pause()).expect("a live run");
    run.end_last_call(CallOutcome::Completed(payload(2))).expect("it is under way");
    assert_eq!((run.status, run.state.is_paused()), (RunStatus::Completed, false));
}

#[test]
fn an_attempt_that_is_due_waits_for_the_end_of_the_pause() {
    let mut run = Driven::start(1);
    run.end_last_call(failure(true)).expect("it is under way");
    run.tell(pause()).expect("a live run");
    run.now = 1000;
    run.tell(Input::Continue).expect("a live run");
    assert_eq!(run.calls.len(), 1);
    run.tell(unpause()).expect("a live run");
    assert_eq!(run.calls.len(), 2);
}

#[test]
fn to_pause_twice_is_to_pause_once() {
    let mut run = Driven::start(1);
    run.tell(pause()).expect("a live run");
    let events = run.state.seq();
    run.tell(pause()).expect("a live run");
    assert_eq!(run.state.seq(), events);
}
