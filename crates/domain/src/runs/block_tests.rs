//! Documents of every step type, driven by scripted agents: the output shapes and messages of contract 5.5.

mod again;
mod loops;
mod patience;
mod resuming;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    Timestamp,
    agents::RetryPolicy,
    ids::{CommitId, RunId, Seq},
    payload::Payload,
    workflows::{Plan, StepDocument, WorkflowDocument, compile},
};

/// A run whose calls are answered when the test says so. Its history is what a store would hold.
struct Driven {
    plan: Plan,
    state: RunState,
    data: RunData,
    history: Vec<EventRecord>,
    calls: Vec<AgentCall>,
    outputs: BTreeMap<String, Value>,
    aborted: Vec<String>,
    now: i64,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + second, 0).expect("a time")
}

fn agent(id: &str, input: &Value) -> (String, Value) {
    (id.to_owned(), json!({"id": id, "agent_name": "A", "input_mapping": input}))
}

/// The steps of a document; those that are given as text are agents that get nothing.
fn document(start: &str, steps: &[(String, Value)]) -> WorkflowDocument {
    let steps: BTreeMap<String, StepDocument> =
        steps.iter().map(|(id, step)| (id.clone(), serde_json::from_value(step.clone()).expect("a step"))).collect();
    WorkflowDocument::new("w", 1, start.to_owned(), steps)
}

fn step(id: &str, body: Value) -> (String, Value) {
    let mut body = body;
    body["id"] = id.into();
    (id.to_owned(), body)
}

impl Driven {
    fn start(start_step: &str, steps: &[(String, Value)], input: &Value) -> Self {
        Self::of(&document(start_step, steps), input)
    }

    fn of(document: &WorkflowDocument, input: &Value) -> Self {
        let plan = compile(document, &crate::ports::NoSchemas).unwrap_or_else(|found| panic!("{found:#?}"));
        let run = RunId::parse("run-1").expect("an id");
        let (state, data, made) = start(&plan, run, Payload::new(input.clone()).expect("storable"), at(0));
        let mut driven = Self {
            plan,
            state,
            data,
            history: Vec::new(),
            calls: Vec::new(),
            outputs: BTreeMap::new(),
            aborted: Vec::new(),
            now: 0,
        };
        driven.keep(made);
        driven
    }

    fn keep(&mut self, made: Transition) {
        let unfinished = made.unfinished;
        let first = Seq::new(self.history.iter().map(|r| r.events.len() as u64).sum::<u64>() + 1);
        let commit = CommitId::new(uuid::Uuid::nil());
        self.history.push(EventRecord { first, commit, at: at(self.now), events: made.events });
        self.calls.extend(made.calls);
        for closed in made.closed {
            if let Some(output) = closed.output {
                self.outputs.insert(closed.path.to_string(), output.value().clone());
            }
        }
        self.aborted.extend(made.aborts.iter().map(ToString::to_string));
        assert_eq!(RunState::fold(&self.history).expect("sound"), self.state, "folding gives another state");
        if unfinished {
            self.tell(Input::Continue);
        }
    }

    fn tell(&mut self, input: Input) {
        let made = advance(&self.plan, &mut self.state, &mut self.data, input, at(self.now), true).expect("taken");
        self.keep(made);
    }

    /// The calls that wait for an answer, by their paths.
    fn open(&self) -> Vec<&str> {
        self.calls.iter().map(|call| call.key.path.as_str()).collect()
    }

    fn input_of(&self, path: &str) -> &Value {
        self.calls.iter().find(|call| call.key.path.as_str() == path).expect(path).input.value()
    }

    fn end(&mut self, path: &str, outcome: CallOutcome) {
        let number = self.calls.iter().position(|call| call.key.path.as_str() == path);
        let call = self.calls.remove(number.unwrap_or_else(|| panic!("no call at {path}: {:?}", self.open())));
        self.tell(Input::CallEnded { key: call.key, outcome, policy: RetryPolicy::default() });
    }

    fn answer(&mut self, path: &str, output: Value) {
        self.end(path, CallOutcome::Completed(Payload::new(output).expect("storable")));
    }

    fn fail(&mut self, path: &str, message: &str) {
        self.end(path, CallOutcome::Failed(CallFailure::permanent(FailureKind::Task, message)));
    }

    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.tell(Input::Continue);
    }

    /// As after a crash: everything is made anew of what the store holds.
    fn reload(&mut self) {
        self.state = RunState::fold(&self.history).expect("sound");
        self.data = RunData::new(self.data.run.clone(), self.data.input.clone());
        let current = self.state.current().expect("begun").clone();
        for (path, output) in &self.outputs {
            let path = crate::ids::StepPath::parse(path).expect("a path");
            if self.plan.needs(&path, &current) {
                self.data.outputs.insert(path, Payload::new(output.clone()).expect("storable"));
            }
        }
        restore_outputs(&self.plan, &self.state, &mut self.data);
        let again = calls_in_flight(&self.plan, &self.state, &mut self.data).expect("they can be repeated");
        let mut before: Vec<_> = self.calls.iter().map(|call| (call.key.clone(), call.input.clone())).collect();
        before.sort_by(|a, b| a.0.cmp(&b.0));
        let after: Vec<_> = again.iter().map(|call| (call.key.clone(), call.input.clone())).collect();
        assert_eq!(after, before, "the calls in flight are not the same");
    }

    fn error(&self) -> &str {
        assert_eq!(self.state.status(), RunStatus::Failed);
        self.state.error().expect("a message")
    }
}

/// A document whose last step gets the output of the block before it.
fn with_reader(block: Value, members: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut block = block;
    block["next_step"] = "reader".into();
    let mut steps = vec![step("block", block), agent("reader", &json!({"all": "${block.output}"}))];
    steps.extend(members.iter().cloned());
    steps
}

fn members(ids: &[&str]) -> Vec<(String, Value)> {
    ids.iter().map(|id| agent(id, &json!({}))).collect()
}

fn parallel(more: &Value) -> Value {
    let mut block = json!({"type": "parallel", "parallel_steps": ["a", "b", "c"]});
    block.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    block
}

fn looped(config: Value, body: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut config = config;
    config["collection"] = "${workflow.input.items}".into();
    with_reader(json!({"type": "loop", "loop_config": config}), body)
}

#[test]
fn a_parallel_block_gives_the_outputs_of_its_members_by_their_ids() {
    let mut run = Driven::start("block", &with_reader(parallel(&json!({})), &members(&["a", "b", "c"])), &json!({}));
    assert_eq!(run.open(), ["block.0/a", "block.1/b", "block.2/c"]);
    run.answer("block.1/b", json!({"n": 2}));
    run.reload();
    run.answer("block.0/a", json!({"n": 1}));
    run.answer("block.2/c", json!("three"));
    assert_eq!(run.input_of("reader"), &json!({"all": {"a": {"n": 1}, "b": {"n": 2}, "c": "three"}}));
    run.reload();
    run.answer("reader", json!({}));
    assert_eq!(run.state.status(), RunStatus::Completed);
    // The run's output is the last step's.
    assert_eq!(run.data.outputs.keys().map(crate::ids::StepPath::as_str).collect::<Vec<_>>(), ["reader"]);
}

#[test]
fn a_parallel_block_waits_for_all_members_before_it_fails() {
    let mut run = Driven::start("block", &with_reader(parallel(&json!({})), &members(&["a", "b", "c"])), &json!({}));
    run.fail("block.2/c", "no");
    run.fail("block.0/a", "never");
    assert_eq!(run.state.status(), RunStatus::Running);
    run.answer("block.1/b", json!({}));
    assert_eq!(run.error(), "Workflow failed at step 'block': Parallel execution failed: 2 step(s) failed: a, c");
}

#[test]
fn a_parallel_block_has_no_more_calls_under_way_than_it_may() {
    let block = parallel(&json!({"max_parallelism": 2}));
    let mut run = Driven::start("block", &with_reader(block, &members(&["a", "b", "c"])), &json!({}));
    assert_eq!(run.open(), ["block.0/a", "block.1/b"]);
    run.answer("block.1/b", json!({}));
    assert_eq!(run.open(), ["block.0/a", "block.2/c"]);
}

#[test]
fn members_are_visible_after_the_block_and_the_members_of_conditions_too() {
    let steps = [
        step("block", json!({"type": "parallel", "parallel_steps": ["a", "which"], "next_step": "after"})),
        step("which", json!({"type": "conditional", "condition": {"expression": "true"}, "if_true_step": "b"})),
        agent("after", &json!({"a": "${a.output.x}", "b": "${b.output.x}"})),
        agent("a", &json!({})),
        agent("b", &json!({})),
    ];
    let mut run = Driven::start("block", &steps, &json!({}));
    run.answer("block.0/a", json!({"x": 1}));
    run.answer("block.1/which.0/b", json!({"x": 2}));
    run.reload();
    assert_eq!(run.input_of("after"), &json!({"a": 1, "b": 2}));
}

#[test]
fn a_condition_chooses_one_side() {
    let steps = |expression: &str, sides: Value| {
        let mut block = json!({"type": "conditional", "condition": {"expression": expression}});
        block.as_object_mut().expect("an object").extend(sides.as_object().expect("an object").clone());
        with_reader(block, &members(&["yes", "no"]))
    };
    let both = json!({"if_true_step": "yes", "if_false_step": "no"});
    let mut run = Driven::start("block", &steps("${workflow.input.n} > 3", both.clone()), &json!({"n": 5}));
    run.answer("block.0/yes", json!({"ok": 1}));
    assert_eq!(
        run.input_of("reader")["all"],
        json!({"condition_result": true, "branch_taken": "then", "branch_step_id": "yes", "branch_output": {"ok": 1}})
    );
    let mut run = Driven::start("block", &steps("${workflow.input.n} > 3", both.clone()), &json!({"n": "text"}));
    assert_eq!(run.open(), ["block.1/no"]);
    run.answer("block.1/no", json!([]));
    assert_eq!(
        run.input_of("reader")["all"],
        json!({"condition_result": false, "branch_taken": "else", "branch_step_id": "no", "branch_output": []})
    );
    let run = Driven::start("block", &steps("false", json!({"then_step": "yes"})), &json!({}));
    assert_eq!(
        run.input_of("reader")["all"],
        json!({"condition_result": false, "branch_taken": "else", "branch_step_id": null})
    );
    let mut run = Driven::start("block", &steps("true", both), &json!({}));
    run.fail("block.0/yes", "boom");
    assert_eq!(run.error(), "Workflow failed at step 'block': boom");
}

fn fork(policy: &Value) -> Vec<(String, Value)> {
    let mut config = json!({"branches": {"x": {"steps": ["a", "b"]}, "y": {"steps": ["c"]}, "z": {"steps": ["d"]}}});
    config.as_object_mut().expect("an object").extend(policy.as_object().expect("an object").clone());
    with_reader(json!({"type": "fork_join", "fork_join_config": config}), &members(&["a", "b", "c", "d"]))
}

#[test]
fn a_fork_joins_as_its_policy_says() {
    let run = |policy: Value, good: &[&str]| {
        let mut run = Driven::start("block", &fork(&policy), &json!({}));
        assert_eq!(run.open(), ["block.0/a", "block.1/c", "block.2/d"]);
        for (path, name) in [("block.1/c", "y"), ("block.2/d", "z")] {
            if good.contains(&name) { run.answer(path, json!(name)) } else { run.fail(path, "no") }
        }
        run.answer("block.0/a", json!("first"));
        assert_eq!(run.open(), ["block.0/b"], "all branches are awaited");
        if good.contains(&"x") {
            run.answer("block.0/b", json!("x"));
        } else {
            run.fail("block.0/b", "no");
        }
        run
    };
    let all = |run: &Driven| run.input_of("reader")["all"].clone();
    assert_eq!(all(&run(json!({}), &["x", "y", "z"])), json!({"x": "x", "y": "y", "z": "z"}));
    assert_eq!(all(&run(json!({"join_policy": "any"}), &["y"])), json!({"x": null, "y": "y", "z": null}));
    assert_eq!(all(&run(json!({"join_policy": "majority"}), &["x", "z"])), json!({"x": "x", "y": null, "z": "z"}));
    let two = json!({"join_policy": "n_of_m", "n_required": 2});
    assert_eq!(all(&run(two.clone(), &["x", "y"])), json!({"x": "x", "y": "y", "z": null}));
    let prefix = "Workflow failed at step 'block': Fork-join failed: ";
    for (policy, good, message) in [
        (json!({}), vec!["x"], "2 branch(es) failed (policy: ALL). Failed branches: y, z"),
        (json!({"join_policy": "any"}), vec![], "All branches failed (policy: ANY)"),
        (json!({"join_policy": "majority"}), vec!["z"], "Only 1/3 branches succeeded (policy: MAJORITY, need > 50%)"),
        (two, vec!["z"], "Only 1/3 branches succeeded, need 2 (policy: N_OF_M)"),
    ] {
        assert_eq!(run(policy, &good).error(), format!("{prefix}{message}"));
    }
}

#[test]
fn a_branch_that_takes_too_long_has_failed() {
    let steps = fork(&json!({"branch_timeout_seconds": 30, "join_policy": "any"}));
    let mut run = Driven::start("block", &steps, &json!({}));
    assert_eq!(run.state.wake_at(&run.plan), Some(at(30)));
    run.answer("block.1/c", json!("y"));
    run.answer("block.0/a", json!({}));
    run.pass(29);
    assert!(run.aborted.is_empty());
    run.pass(1);
    assert_eq!(run.aborted, ["block.0/b", "block.2/d"]);
    assert_eq!(run.input_of("reader")["all"], json!({"x": null, "y": "y", "z": null}));
    assert_eq!(run.state.wake_at(&run.plan), None);
    // The late answer finds nobody.
    let late = run.calls.iter().find(|call| call.key.path.as_str() == "block.0/b").expect("it was made").key.clone();
    let outcome = CallOutcome::Completed(Payload::empty());
    let input = Input::CallEnded { key: late, outcome, policy: RetryPolicy::default() };
    let refused = advance(&run.plan, &mut run.state, &mut run.data, input, at(run.now), true);
    assert_eq!(refused, Err(Rejection::StaleCall));
}

#[test]
fn a_delay_waits_for_its_time() {
    let steps = [
        step(
            "wait",
            json!({"type": "delay", "delay_config": {"seconds": "${workflow.input.s}"}, "next_step": "until"}),
        ),
        step("until", json!({"type": "delay", "delay_config": {"until": "2023-11-14T22:15:00Z"}, "next_step": "a"})),
        agent("a", &json!({})),
    ];
    let mut run = Driven::start("wait", &steps, &json!({"s": 60}));
    assert_eq!(run.state.wake_at(&run.plan), Some(at(60)));
    run.pass(59);
    assert_eq!(run.state.wake_at(&run.plan), Some(at(60)));
    run.pass(1);
    assert_eq!(run.state.wake_at(&run.plan), Some(at(100)));
    run.pass(40);
    assert_eq!(run.open(), ["a"]);
    let run = Driven::start("wait", &steps, &json!({"s": "soon"}));
    assert!(run.error().contains("'seconds' must be a number from 0 to"), "{}", run.error());
}
