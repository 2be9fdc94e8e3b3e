//! Which steps leave a dead letter, and what takes it away.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    Timestamp,
    agents::RetryPolicy,
    ids::{CommitId, DeadLetterId, Epoch, RunId, Seq, StepPath},
    payload::Payload,
    workflows::{Plan, StepDocument, WorkflowDocument, compile},
};

/// A run whose calls end as the test says; it remembers what its commits did to the dead letters.
struct Driven {
    plan: Plan,
    state: RunState,
    data: RunData,
    calls: Vec<AgentCall>,
    left: Vec<DeadLetter>,
    resolved: Vec<DeadLetterId>,
    last: Transition,
    minute: i64,
}

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000, 0).expect("a time")
}

fn run_id() -> RunId {
    RunId::parse("run-1").expect("an id")
}

fn path(text: &str) -> StepPath {
    StepPath::parse(text).expect("a path")
}

fn agent(id: &str, next: Option<&str>) -> Value {
    json!({"id": id, "agent_name": "A", "next_step": next, "input_mapping": {"to": id}})
}

fn plan(start_step: &str, steps: &[Value]) -> Plan {
    let step = |step: &Value| {
        let id = step["id"].as_str().expect("an id").to_owned();
        (id, serde_json::from_value::<StepDocument>(step.clone()).expect("a step"))
    };
    let steps: BTreeMap<_, _> = steps.iter().map(step).collect();
    compile(&WorkflowDocument::new("w", 1, start_step.to_owned(), steps), &crate::ports::NoSchemas).expect("sound")
}

impl Driven {
    fn start(plan: Plan) -> Self {
        Self::replaying(plan, None)
    }

    fn replaying(plan: Plan, replays: Option<&ReplayOf>) -> Self {
        let input = Payload::new(json!({"items": [1, 2, 3]})).expect("storable");
        let (state, data, made) = start_from(&plan, run_id(), input, None, replays, now());
        let (calls, left, resolved) = (made.calls.clone(), Vec::new(), Vec::new());
        Self { plan, state, data, calls, left, resolved, last: made, minute: 0 }
    }

    /// A minute later, when every wait between attempts is over.
    fn tell(&mut self, input: Input) {
        self.minute += 1;
        let now = now() + chrono::TimeDelta::minutes(self.minute);
        let made = advance(&self.plan, &mut self.state, &mut self.data, input, now, true).expect("taken");
        self.calls.extend(made.calls.clone());
        self.left.extend(made.outward.dead_letters.clone());
        self.resolved.extend(made.outward.resolved.clone());
        self.last = made;
    }

    fn end(&mut self, at: &str, outcome: CallOutcome) {
        let number = self.calls.iter().position(|call| call.key.path.as_str() == at).expect("a call there");
        let call = self.calls.remove(number);
        self.tell(Input::CallEnded { key: call.key, outcome, policy: RetryPolicy::default() });
    }

    fn fail(&mut self, at: &str) {
        self.end(at, CallOutcome::Failed(failure(false)));
    }

    fn fail_for_good(&mut self, at: &str) {
        self.end(at, CallOutcome::Failed(failure(true)));
    }

    fn succeed(&mut self, at: &str) {
        self.end(at, CallOutcome::Completed(Payload::empty()));
    }

    /// As a person does who retries the run.
    fn resume(&mut self) {
        self.state.apply(now(), &RunEvent::RunResumed { by: "me".to_owned() });
        self.tell(Input::Continue);
    }

    fn left(&self) -> Vec<(&str, u32, &str)> {
        self.left.iter().map(|letter| (letter.path.as_str(), letter.attempts, letter.reason.as_str())).collect()
    }
}

fn failure(permanent: bool) -> CallFailure {
    let (kind, message) =
        if permanent { (FailureKind::Agent, "no such agent") } else { (FailureKind::Status(503), "HTTP 503") };
    let message = message.to_owned();
    CallFailure { kind, message, definite: permanent, retry_after: None, permanent, passing: !permanent }
}

fn entry(at: &str) -> DeadLetterId {
    DeadLetterId::of(&run_id(), &path(at))
}

#[test]
fn a_step_leaves_a_dead_letter_with_its_last_attempt_only() {
    let mut run = Driven::start(plan("a", &[agent("a", None)]));
    let attempts = RetryPolicy::default().attempts();
    for _ in 1..attempts {
        run.fail("a");
        assert_eq!(run.left(), []);
        run.tell(Input::Continue);
    }
    run.fail("a");
    assert_eq!(run.left(), [("a", attempts, "HTTP 503")]);
    let letter = &run.left[0];
    assert_eq!((letter.id, letter.agent.as_str(), letter.generation, letter.round), (entry("a"), "A", 0, 0));
    assert_eq!(letter.execution, run.last.closed[0].execution);
    assert_eq!(run.state.status(), RunStatus::Failed);
}

#[test]
fn a_call_that_no_other_attempt_can_help_leaves_a_dead_letter_at_once() {
    let mut run = Driven::start(plan("a", &[agent("a", None)]));
    run.fail_for_good("a");
    assert_eq!(run.left(), [("a", 1, "no such agent")]);
}

#[test]
fn a_step_that_never_called_its_agent_leaves_none() {
    let step = json!({"id": "a", "agent_name": "A", "input_mapping": {"x": "${workflow.input.missing}"}});
    let run = Driven::start(plan("a", &[step]));
    assert_eq!(run.state.status(), RunStatus::Failed);
    assert!(run.last.outward.is_empty());
}

#[test]
fn a_cancelled_call_leaves_none() {
    let mut run = Driven::start(plan("a", &[agent("a", None)]));
    run.tell(Input::Told(InboxMessage::Cancel { by: "me".to_owned(), reason: None }));
    assert_eq!(run.state.status(), RunStatus::Cancelled);
    assert_eq!(run.left(), []);
}

#[test]
fn a_step_in_a_block_leaves_one_and_so_does_each_iteration_even_if_the_block_puts_up_with_it() {
    let each = json!({"id": "each", "type": "loop", "loop_config": {
        "collection": "${workflow.input.items}", "loop_body": ["a"], "on_error": "continue"}});
    let mut run = Driven::start(plan("each", &[each, agent("a", None)]));
    run.fail_for_good("each[0]/a");
    run.succeed("each[1]/a");
    run.fail_for_good("each[2]/a");
    assert_eq!(run.state.status(), RunStatus::Completed);
    assert_eq!(run.left(), [("each[0]/a", 1, "no such agent"), ("each[2]/a", 1, "no such agent")]);
    assert_eq!(run.resolved, []);
}

#[test]
fn a_later_failure_of_the_same_step_is_the_same_entry_and_its_success_takes_it_away() {
    let mut run = Driven::start(plan("a", &[agent("a", Some("b")), agent("b", None)]));
    run.succeed("a");
    run.fail_for_good("b");
    run.resume();
    run.fail_for_good("b");
    assert_eq!(run.left.iter().map(|letter| letter.id).collect::<Vec<_>>(), [entry("b"), entry("b")]);
    assert!(run.left[0].execution < run.left[1].execution);
    run.resume();
    run.succeed("b");
    assert_eq!(run.resolved, [entry("b")]);
    assert_eq!(run.state.status(), RunStatus::Completed);
}

#[test]
fn a_run_that_never_failed_says_nothing_about_dead_letters() {
    let mut run = Driven::start(plan("a", &[agent("a", Some("b")), agent("b", None)]));
    run.fail("a");
    run.tell(Input::Continue);
    run.succeed("a");
    run.succeed("b");
    assert_eq!(run.state.status(), RunStatus::Completed);
    assert_eq!((run.left.len(), run.resolved.len()), (0, 0));
}

fn replay_of(at: &str) -> ReplayOf {
    ReplayOf { entry: DeadLetterId::new(uuid::Uuid::from_u128(7)), path: path(at) }
}

#[test]
fn a_replay_that_completes_takes_the_entry_away() {
    let replays = replay_of("b");
    let mut run = Driven::replaying(plan("a", &[agent("a", Some("b")), agent("b", None)]), Some(&replays));
    assert_eq!(run.last.events[1], replays.event());
    run.succeed("a");
    assert_eq!(run.resolved, []);
    run.succeed("b");
    assert_eq!(run.resolved, [replays.entry]);
}

#[test]
fn a_replay_that_fails_at_the_same_step_is_the_same_entry_and_elsewhere_it_is_another() {
    for (failing, expected) in [("a", replay_of("a").entry), ("b", entry("b"))] {
        let mut run = Driven::replaying(plan("a", &[agent("a", Some("b")), agent("b", None)]), Some(&replay_of("a")));
        if failing == "b" {
            run.succeed("a");
        }
        run.fail_for_good(failing);
        assert_eq!(run.left.iter().map(|letter| letter.id).collect::<Vec<_>>(), [expected], "{failing}");
        assert_eq!(run.resolved, [], "{failing}");
    }
}

#[test]
fn a_replay_that_completes_although_the_step_failed_again_leaves_the_entry() {
    let each = json!({"id": "each", "type": "loop", "loop_config": {
        "collection": "${workflow.input.items}", "loop_body": ["a"], "on_error": "continue"}});
    let replays = replay_of("each[0]/a");
    let mut run = Driven::replaying(plan("each", &[each, agent("a", None)]), Some(&replays));
    run.fail_for_good("each[0]/a");
    run.succeed("each[1]/a");
    run.succeed("each[2]/a");
    assert_eq!(run.state.status(), RunStatus::Completed);
    assert_eq!((run.left[0].id, run.resolved.as_slice()), (replays.entry, &[][..]));
}

#[test]
fn what_others_are_told_names_the_call_and_leaves_a_large_input_out() {
    for (size, kept) in [(10, true), (300_000, false)] {
        let mut run = Driven::start(plan("a", &[agent("a", None)]));
        run.fail_for_good("a");
        let mut closed = run.last.closed.clone();
        closed[0].input = Payload::new(json!("x".repeat(size))).expect("storable");
        let letter = run.left[0].clone();
        let commit = AdvanceRun {
            commit: CommitId::new(uuid::Uuid::nil()),
            run: run_id(),
            epoch: Epoch::new(1),
            seq: Seq::new(2),
            at: now(),
            origin: RunOrigin { from: None, since: now() },
            events: Vec::new(),
            closed,
            update: None,
            drained: Vec::new(),
            wake: Wake::Never,
            outward: Outward::default(),
        };
        let stored = DeadLetterEntry {
            run: run_id(),
            last_run: run_id(),
            workflow: crate::ids::WorkflowRef::from_text("wf"),
            workflow_name: "w".to_owned(),
            workflow_version: Some(3),
            last: letter.clone(),
            first_failed_at: now(),
            last_failed_at: now(),
            failure_count: 2,
            status: DeadLetterStatus::PendingReplay,
            replay: None,
        };
        let told = DeadLetterLeft::of(&commit, &letter, &stored);
        assert_eq!(told.event_id, format!("{}-2", letter.id));
        assert_eq!(told.original_task.task_id, letter.call_ids(&run_id()).task);
        assert_eq!((told.original_task.input.is_some(), told.original_task.input_bytes), (kept, size as u64 + 2));
        let read: OutboxMessage = serde_json::from_str(&serde_json::to_string(&told).expect("JSON")).expect("read");
        assert_eq!(read, OutboxMessage::from(told));
    }
}
