//! Steps that wait for somebody else or look at a value: runs of other workflows, events, checks; and the output of a run.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::*;
use crate::{
    Timestamp,
    agents::RetryPolicy,
    ids::{CommitId, PlanHash, RunId, Seq, StepPath, WorkflowId},
    payload::Payload,
    ports::{InvalidSchema, Schema, Schemas, Violation},
    workflows::{ChildTarget, MAX_CHILD_DEPTH, Plan, StepDocument, WorkflowDocument, compile},
};

/// A schema that is the list of the members that must be there.
#[derive(Debug)]
struct Required(Vec<String>);

impl Schema for Required {
    fn violations(&self, value: &Value) -> Vec<Violation> {
        let missing = self.0.iter().filter(|name| value.get(name.as_str()).is_none());
        missing.map(|name| Violation { pointer: format!("/{name}"), message: "is missing".to_owned() }).collect()
    }
}

struct RequiredOnly;

impl Schemas for RequiredOnly {
    fn compile(&self, schema: &Value) -> Result<Arc<dyn Schema>, InvalidSchema> {
        let names = schema["required"].as_array().into_iter().flatten();
        Ok(Arc::new(Required(names.filter_map(Value::as_str).map(str::to_owned).collect())))
    }
}

/// A run and what its last decision made.
struct Run {
    plan: Plan,
    state: RunState,
    data: RunData,
    history: Vec<EventRecord>,
    last: Transition,
    now: i64,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + second, 0).expect("a time")
}

fn payload(value: Value) -> Payload {
    Payload::new(value).expect("storable")
}

fn path(text: &str) -> StepPath {
    StepPath::parse(text).expect("a path")
}

fn plan(start: &str, steps: &Value, output: Option<Value>) -> Plan {
    let mut steps: BTreeMap<String, StepDocument> = steps
        .as_object()
        .expect("steps")
        .iter()
        .map(|(id, step)| {
            let mut step = step.clone();
            step["id"] = id.as_str().into();
            (id.clone(), serde_json::from_value(step).expect("a step"))
        })
        .collect();
    for step in steps.values_mut().filter(|step| step.kind.is_none()) {
        step.agent_name = Some("A".to_owned());
        step.input_mapping.get_or_insert_default();
    }
    let document = WorkflowDocument::new("w", 1, start.to_owned(), steps).declaring(None, output);
    compile(&document, &RequiredOnly).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn target() -> ChildTarget {
    let plan = plan("s", &json!({"s": sub(&json!({}))}), None);
    let first = plan.first();
    let crate::workflows::Work::Child(child) = &first.work else { panic!("it is a child") };
    child.target.clone()
}

fn sub(more: &Value) -> Value {
    let mut step = json!({"type": "sub_workflow", "workflow_name": "child"});
    step.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    step
}

fn wait(config: Value) -> Value {
    let mut config = config;
    config["event"] = "paid".into();
    json!({"type": "wait_for_event", "event_config": config})
}

fn check(config: &Value) -> Value {
    json!({"type": "validate", "validate_config": config})
}

fn definition() -> ChildDefinition {
    ChildDefinition {
        workflow: WorkflowId::new(uuid::Uuid::nil()),
        name: "child".to_owned(),
        version: 7,
        plan: PlanHash::new([7; 32]),
    }
}

impl Run {
    fn start(plan: Plan, input: Value) -> Self {
        let run = RunId::parse("run-1").expect("an id");
        let (state, data, made) = start(&plan, run, payload(input), at(0));
        let mut run = Self { plan, state, data, history: Vec::new(), last: Transition::default(), now: 0 };
        run.keep(made);
        run
    }

    /// A run that another one has started, at a depth.
    fn of_parent(plan: Plan, depth: u32) -> Self {
        let parent = Parent { run: RunId::parse("run-0").expect("an id"), path: path("up"), depth };
        let started = RunEvent::Started { plan: plan.hash(), parent: Some(parent) };
        let commit = CommitId::new(uuid::Uuid::nil());
        let history = vec![EventRecord { first: Seq::new(1), commit, at: at(0), events: vec![started] }];
        let state = RunState::fold(&history).expect("sound");
        let data = RunData::new(RunId::parse("run-1").expect("an id"), Payload::empty());
        let mut run = Self { plan, state, data, history, last: Transition::default(), now: 0 };
        run.tell(Input::Continue);
        run
    }

    /// A run whose only step runs another workflow, which has been found.
    fn with_child(more: &Value) -> Self {
        let steps = json!({"s": sub(&json!({"next_step": "after"})), "after": {"input_mapping": {"o": "${s.output}"}}});
        let mut steps = steps;
        steps["s"].as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let mut run = Self::start(plan("s", &steps, None), json!({"x": 1}));
        run.find();
        run
    }

    fn find(&mut self) {
        self.tell(Input::LookedUp { target: target(), found: Ok(definition()) });
    }

    fn keep(&mut self, made: Transition) {
        let first = Seq::new(self.history.iter().map(|record| record.events.len() as u64).sum::<u64>() + 1);
        let commit = CommitId::new(uuid::Uuid::nil());
        self.history.push(EventRecord { first, commit, at: at(self.now), events: made.events.clone() });
        assert_eq!(RunState::fold(&self.history).expect("sound"), self.state, "folding gives another state");
        self.last = made;
    }

    fn tell(&mut self, input: Input) {
        let made = advance(&self.plan, &mut self.state, &mut self.data, input, at(self.now), true).expect("taken");
        self.keep(made);
    }

    fn told(&mut self, message: InboxMessage) {
        self.tell(Input::Told(message));
    }

    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.tell(Input::Continue);
    }

    fn happens(&mut self, data: Value) {
        self.told(InboxMessage::Event { name: "paid".to_owned(), path: None, data: payload(data), id: None });
    }

    fn child(&self) -> RunId {
        self.data.run.child(&path("s"), 0)
    }

    fn child_ends(&mut self, outcome: ChildOutcome) {
        let child = self.child();
        self.told(InboxMessage::ChildEnded { path: path("s"), child, outcome });
    }

    /// Somebody resumes the failed run, which only the store can do.
    fn resume(&mut self) {
        let event = RunEvent::RunResumed { by: "me".to_owned() };
        self.state.apply(at(self.now), &event);
        self.keep(Transition { events: vec![event], ..Transition::default() });
        self.tell(Input::Continue);
    }

    fn answer(&mut self, output: Value) {
        let key = self.last.calls[0].key.clone();
        let outcome = CallOutcome::Completed(payload(output));
        self.tell(Input::CallEnded { key, outcome, policy: RetryPolicy::default() });
    }

    fn error(&self) -> &str {
        assert_eq!(self.state.status(), RunStatus::Failed);
        self.state.error().expect("a message")
    }

    /// The input of the only call that the last decision makes.
    fn called(&self) -> &Value {
        assert_eq!(self.last.calls.len(), 1, "{:?}", self.last);
        self.last.calls[0].input.value()
    }

    fn output(&self) -> Option<&Value> {
        assert_eq!(self.state.status(), RunStatus::Completed, "{:?}", self.state.error());
        self.last.update.as_ref().expect("an update").output.as_ref().map(Payload::value)
    }

    fn cancelled_children(&self) -> Vec<&RunId> {
        let cancels = self.last.notes.iter().filter(|note| matches!(note.message, InboxMessage::Cancel { .. }));
        cancels.map(|note| &note.run).collect()
    }
}

fn completed(output: Value) -> ChildOutcome {
    ChildOutcome::Completed { output: payload(output) }
}

fn failed(error: &str) -> ChildOutcome {
    ChildOutcome::Failed { error: error.to_owned() }
}

#[test]
fn a_child_is_looked_up_before_anything_is_durable() {
    let run = Run::start(plan("s", &json!({"s": sub(&json!({}))}), None), json!({}));
    assert_eq!(run.last.lookups, [target()]);
    assert_eq!(run.last.events.len(), 1, "the run has started, and nothing else");
    assert!(run.last.fits_a_start() && run.last.children.is_empty());
}

#[test]
fn a_child_is_started_in_the_transition_that_says_so() {
    let run = Run::with_child(&json!({"input_mapping": {"y": "${workflow.input.x}"}}));
    assert_eq!(run.last.events, [RunEvent::ChildStarted { path: path("s"), generation: 0, until: None }]);
    let [child] = &run.last.children[..] else { panic!("one child: {:?}", run.last) };
    assert_eq!((&child.run, child.input.value()), (&run.child(), &json!({"y": 1})));
    assert_eq!(child.definition, definition());
    assert_eq!(child.parent, Parent { run: run.data.run.clone(), path: path("s"), depth: 1 });
    assert!(!run.last.fits_a_start());
}

#[test]
fn a_step_waits_for_the_end_of_its_child_and_has_its_output() {
    let mut run = Run::with_child(&json!({"workflow_version": "v3"}));
    // Another version is another target: it has not been found yet.
    assert_eq!(run.last.children, []);
    let target = ChildTarget { version: Some(3), ..target() };
    run.tell(Input::LookedUp { target, found: Ok(definition()) });
    run.pass(1_000_000);
    assert_eq!((run.state.status(), run.last.events.len()), (RunStatus::Running, 0));
    run.child_ends(completed(json!({"n": 1})));
    assert_eq!(run.called(), &json!({"o": {"n": 1}}));
    let [row] = &run.last.closed[..] else { panic!("one row") };
    assert_eq!((row.agent.as_str(), row.attempt, row.input.value()), ("workflow child (version 3)", 1, &json!({})));
}

#[test]
fn the_end_of_a_child_is_heard_once_and_only_of_the_right_run() {
    let mut run = Run::with_child(&json!({}));
    let other = RunId::parse("run-2").expect("an id");
    run.told(InboxMessage::ChildEnded { path: path("s"), child: other, outcome: completed(json!(0)) });
    run.told(InboxMessage::ChildEnded { path: path("after"), child: run.child(), outcome: completed(json!(0)) });
    assert_eq!(run.last.events, []);
    run.child_ends(completed(json!(1)));
    run.child_ends(failed("too late"));
    assert_eq!((run.last.events.len(), run.state.status()), (0, RunStatus::Running));
}

#[test]
fn a_child_that_ends_badly_fails_the_step() {
    let child = Run::with_child(&json!({})).child();
    for (outcome, message) in [
        (failed("boom"), format!("Sub-workflow run '{child}' failed: boom")),
        (
            ChildOutcome::Cancelled { error: Some("Cancelled: enough".to_owned()), by_parent: false },
            format!("Sub-workflow run '{child}' was cancelled: Cancelled: enough"),
        ),
        (
            ChildOutcome::Cancelled { error: None, by_parent: false },
            format!("Sub-workflow run '{child}' was cancelled"),
        ),
    ] {
        let mut run = Run::with_child(&json!({}));
        run.child_ends(outcome);
        assert_eq!(run.error(), format!("Workflow failed at step 's': {message}"));
        assert_eq!(run.last.closed[0].error.as_deref(), Some(message.as_str()));
    }
}

#[test]
fn what_cannot_be_found_or_made_fails_the_step_without_a_child() {
    let mut run = Run::start(plan("s", &json!({"s": sub(&json!({}))}), None), json!({}));
    let found = Err("Workflow 'child' not found".to_owned());
    run.tell(Input::LookedUp { target: target(), found });
    assert_eq!(run.error(), "Workflow failed at step 's': Workflow 'child' not found");

    let run = Run::with_child(&json!({"input_mapping": {"y": "${workflow.input.nope}"}}));
    assert!(run.last.children.is_empty());
    assert_eq!(
        run.error(),
        "Workflow failed at step 's': Exception during step execution: Cannot resolve '${workflow.input.nope}' in field \
         'y': Field 'nope' not found"
    );
}

#[test]
fn a_child_that_takes_too_long_is_cancelled_and_fails_the_step() {
    let mut run = Run::with_child(&json!({"timeout_seconds": 60}));
    assert_eq!(run.state.wake_at(), Some(at(60)));
    run.pass(59);
    assert_eq!(run.last.events, []);
    run.pass(1);
    assert_eq!(run.error(), "Workflow failed at step 's': The sub-workflow took longer than 60 seconds");
    assert_eq!(run.cancelled_children(), [&run.child()]);
}

#[test]
fn a_branch_that_takes_too_long_cancels_its_child_and_settles_its_wait() {
    let steps = json!({
        "f": {"type": "fork_join", "fork_join_config": {"join_policy": "any", "branch_timeout_seconds": 5, "branches": {
            "agent": {"steps": ["a"]}, "child": {"steps": ["s"]}, "event": {"steps": ["e"]}}}},
        "a": {}, "s": sub(&json!({})), "e": wait(json!({})),
    });
    let mut run = Run::start(plan("f", &steps, None), json!({}));
    run.find();
    let call = run.history.len();
    assert!(call > 0);
    run.pass(5);
    let child = run.data.run.child(&path("f.1/s"), 0);
    assert_eq!(run.cancelled_children(), [&child]);
    assert_eq!(run.last.settled, [path("f.2/e")]);
    assert_eq!(run.last.aborts, [path("f.0/a")]);
    assert_eq!(run.error(), "Workflow failed at step 'f': Fork-join failed: All branches failed (policy: ANY)");
}

#[test]
fn a_run_that_is_cancelled_cancels_its_child_and_tells_its_parent() {
    let mut run = Run::of_parent(plan("s", &json!({"s": sub(&json!({}))}), None), 1);
    run.find();
    assert_eq!(run.last.children[0].parent.depth, 2);
    run.told(InboxMessage::Cancel { by: "run-0".to_owned(), reason: Some("enough".to_owned()) });
    assert_eq!(run.state.status(), RunStatus::Cancelled);
    assert_eq!(run.cancelled_children(), [&run.child()]);
    let told = run.last.notes.iter().find(|note| note.run.as_str() == "run-0").expect("the parent is told");
    let outcome = ChildOutcome::Cancelled { error: Some("Cancelled: enough".to_owned()), by_parent: true };
    assert_eq!(told.message, InboxMessage::ChildEnded { path: path("up"), child: run.data.run.clone(), outcome });
}

#[test]
fn a_child_tells_its_parent_its_output_in_the_commit_that_ends_it() {
    let mut run = Run::of_parent(plan("a", &json!({"a": {}}), Some(json!({"all": "${a.output}"}))), 1);
    run.answer(json!(7));
    let [note] = &run.last.notes[..] else { panic!("one note: {:?}", run.last.notes) };
    let outcome = completed(json!({"all": 7}));
    assert_eq!(note.message, InboxMessage::ChildEnded { path: path("up"), child: run.data.run.clone(), outcome });
}

#[test]
fn a_resumed_parent_resumes_its_child() {
    let mut run = Run::with_child(&json!({"timeout_seconds": 60}));
    let child = run.child();
    run.child_ends(failed("boom"));
    run.now += 1000;
    run.resume();
    assert_eq!(run.last.events, [RunEvent::ChildResumed { path: path("s"), until: Some(at(1060)) }]);
    let [resume] = &run.last.resumes[..] else { panic!("one is resumed: {:?}", run.last) };
    assert_eq!((&resume.run, &resume.path), (&child, &path("s")));
    assert!(run.last.children.is_empty(), "it is the same run");
    // A new owner does it again with the same commit, so that it happens once.
    assert_eq!(resumed_children(&run.state, &run.data.run), std::slice::from_ref(resume));
    let first = resume.commit;
    run.child_ends(failed("again"));
    run.resume();
    assert_ne!(run.last.resumes[0].commit, first, "another resume is another commit");
    run.child_ends(completed(json!(1)));
    assert_eq!(run.called(), &json!({"o": 1}));
}

#[test]
fn a_child_that_was_still_being_cancelled_is_resumed_once_more() {
    let mut run = Run::with_child(&json!({}));
    run.told(InboxMessage::Cancel { by: "me".to_owned(), reason: None });
    run.resume();
    assert_eq!(run.last.resumes.len(), 1);
    run.child_ends(ChildOutcome::Cancelled { error: None, by_parent: true });
    assert_eq!((run.state.status(), run.last.resumes.len()), (RunStatus::Running, 1));
    run.child_ends(completed(json!(1)));
    assert_eq!(run.called(), &json!({"o": 1}));
}

#[test]
fn a_paused_run_hears_of_its_child_and_begins_nothing() {
    let mut run = Run::with_child(&json!({}));
    run.told(InboxMessage::Pause { by: "me".to_owned() });
    run.child_ends(completed(json!(1)));
    assert_eq!((run.last.closed.len(), run.last.calls.len()), (1, 0));
    run.told(InboxMessage::Unpause { by: "me".to_owned() });
    assert_eq!(run.called(), &json!({"o": 1}));
}

#[test]
fn children_of_a_loop_are_runs_of_their_own() {
    let steps = json!({
        "each": {"type": "loop", "loop_config": {"collection": "${workflow.input.l}", "loop_body": ["s"], "execution_mode": "parallel"}},
        "s": sub(&json!({"input_mapping": {"i": "${loop.item}"}})),
    });
    let mut run = Run::start(plan("each", &steps, Some(json!("${each.output.iterations}"))), json!({"l": ["p", "q"]}));
    run.find();
    let inputs: Vec<_> = run.last.children.iter().map(|child| child.input.value().clone()).collect();
    assert_eq!(inputs, [json!({"i": "p"}), json!({"i": "q"})]);
    let children: Vec<RunId> = run.last.children.iter().map(|child| child.run.clone()).collect();
    assert_ne!(children[0], children[1]);
    for (number, child) in children.into_iter().enumerate().rev() {
        let at = path(&format!("each[{number}]/s"));
        run.told(InboxMessage::ChildEnded { path: at, child, outcome: completed(json!(number)) });
    }
    assert_eq!(run.output(), Some(&json!([0, 1])));
}

#[test]
fn runs_start_runs_only_so_deep() {
    let of_depth = |depth| Run::of_parent(plan("s", &json!({"s": sub(&json!({}))}), None), depth);
    let mut run = of_depth(MAX_CHILD_DEPTH - 1);
    run.find();
    assert_eq!(run.last.children[0].parent.depth, MAX_CHILD_DEPTH);
    let run = of_depth(MAX_CHILD_DEPTH);
    assert!(run.last.lookups.is_empty() && run.last.children.is_empty());
    assert_eq!(
        run.error(),
        "Workflow failed at step 's': Runs start runs more than 5 levels deep (sub-workflow depth)"
    );
    assert_eq!(run.last.notes.len(), 1, "the parent is told");
}

#[test]
fn a_wait_is_known_by_its_event_and_its_correlation() {
    let steps = json!({"w": wait(json!({"correlation": "order-${workflow.input.n}"}))});
    let mut run = Run::start(plan("w", &steps, None), json!({"n": 7}));
    let wait = EventWait { event: "paid".to_owned(), correlation: "order-7".to_owned(), path: path("w") };
    assert_eq!(run.last.waits, [wait]);
    assert_eq!(run.state.wake_at(), None, "nothing but the event moves it");
    run.happens(json!({"sum": 1}));
    assert_eq!(run.output(), Some(&json!({"event": "paid", "timed_out": false, "data": {"sum": 1}})));
    assert_eq!(run.last.settled, [path("w")]);
    assert_eq!(run.last.closed[0].input.value(), &json!({"event": "paid", "correlation": "order-7"}));
}

#[test]
fn a_correlation_is_a_text_or_a_number() {
    let steps = json!({"w": wait(json!({"correlation": "${workflow.input.c}"}))});
    let run = Run::start(plan("w", &steps, None), json!({"c": 12}));
    assert_eq!(run.last.waits[0].correlation, "12");
    for wrong in [json!([]), json!(""), json!(null), json!("x".repeat(201))] {
        let run = Run::start(plan("w", &steps, None), json!({"c": wrong}));
        assert!(run.last.waits.is_empty());
        let problem = "Exception during step execution: 'correlation' must be a text of 1 to 200 characters, not ";
        assert!(run.error().contains(problem), "{}", run.error());
    }
}

#[test]
fn a_filter_lets_only_the_right_event_through() {
    let filter = "${event.data.sum} >= ${workflow.input.least} and ${event.event} == 'paid'";
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({"filter": filter}))}), None), json!({"least": 10}));
    // The second cannot be compared, the third is another event: none of them is kept for a later step either.
    run.happens(json!({"sum": 9}));
    run.happens(json!({"sum": "many"}));
    run.told(InboxMessage::Event { name: "sent".to_owned(), path: None, data: payload(json!({"sum": 20})), id: None });
    assert_eq!((run.state.status(), run.state.kept().len()), (RunStatus::Running, 0));
    run.happens(json!({"sum": 10}));
    assert_eq!(run.output().expect("an output")["data"], json!({"sum": 10}));
}

#[test]
fn an_event_that_comes_early_is_kept_for_the_step_that_will_wait_for_it() {
    let steps = json!({
        "a": {"next_step": "w"},
        "w": {"type": "wait_for_event", "event_config": {"event": "paid", "filter": "${event.data} > 1"}, "next_step": "v"},
        "v": wait(json!({})),
    });
    let mut run = Run::start(plan("a", &steps, Some(json!(["${w.output.data}", "${v.output.data}"]))), json!({}));
    let call = run.last.calls.clone();
    for data in [1, 2, 3] {
        run.happens(json!(data));
    }
    run.told(InboxMessage::Event { name: "unheard".to_owned(), path: None, data: Payload::null(), id: None });
    assert_eq!(run.state.kept().len(), 3, "what no step of the plan waits for is forgotten");
    run.last.calls = call;
    run.answer(json!(0));
    // The first that the filter lets through, then the oldest of the others.
    assert_eq!(run.output(), Some(&json!([2, 1])));
    assert!(run.last.waits.is_empty());
    assert_eq!(run.state.kept().len(), 1);
}

#[test]
fn a_run_keeps_only_so_many_events() {
    let steps = json!({"a": {"next_step": "w"}, "w": wait(json!({}))});
    let mut run = Run::start(plan("a", &steps, None), json!({}));
    for number in 0..102 {
        run.happens(json!(number));
    }
    assert_eq!(run.state.kept().len(), 100);
    assert_eq!(run.state.kept().next().map(|(_, _, data)| data.value().clone()), Some(json!(0)));
}

#[test]
fn an_event_for_one_step_is_for_no_other_and_is_not_kept() {
    let steps = json!({
        "p": {"type": "parallel", "parallel_steps": ["w", "v"]}, "w": wait(json!({})), "v": wait(json!({})),
    });
    let mut run = Run::start(plan("p", &steps, Some(json!("${p.output}"))), json!({}));
    assert_eq!(run.last.waits.len(), 2);
    let event = |at: &str| InboxMessage::Event {
        name: "paid".to_owned(),
        path: Some(path(at)),
        data: payload(json!(at)),
        id: None,
    };
    run.told(event("p.1/v"));
    assert_eq!(run.last.settled, [path("p.1/v")]);
    run.told(event("p.1/v"));
    assert_eq!((run.last.events.len(), run.state.kept().len()), (0, 0));
    run.happens(json!("any"));
    let output = run.output().expect("an output");
    assert_eq!((&output["w"]["data"], &output["v"]["data"]), (&json!("any"), &json!("p.1/v")));
}

#[test]
fn an_event_is_for_one_step_only() {
    let steps = json!({
        "p": {"type": "parallel", "parallel_steps": ["w", "v"]}, "w": wait(json!({})), "v": wait(json!({})),
    });
    let mut run = Run::start(plan("p", &steps, None), json!({}));
    run.happens(json!(1));
    assert_eq!((&run.last.settled[..], run.state.waiting().count()), (&[path("p.0/w")][..], 1));
}

#[test]
fn a_wait_that_takes_too_long_fails_or_goes_on() {
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({"timeout_seconds": 60}))}), None), json!({}));
    assert_eq!(run.state.wake_at(), Some(at(60)));
    run.pass(60);
    assert_eq!(run.error(), "Workflow failed at step 'w': The event 'paid' did not come within 60 seconds");
    assert_eq!(run.last.settled, [path("w")]);

    let steps = json!({"w": wait(json!({"timeout_seconds": 60, "on_timeout": "continue"}))});
    let mut run = Run::start(plan("w", &steps, None), json!({}));
    run.pass(60);
    assert_eq!(run.output(), Some(&json!({"event": "paid", "timed_out": true, "data": null})));
    assert_eq!(run.last.settled, [path("w")]);
}

#[test]
fn a_resumed_run_waits_anew() {
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({"timeout_seconds": 60}))}), None), json!({}));
    run.pass(60);
    run.resume();
    assert_eq!((run.last.waits.len(), run.state.wake_at()), (1, Some(at(120))));
    run.happens(json!(1));
    assert_eq!(run.state.status(), RunStatus::Completed);
}

#[test]
fn a_run_that_ends_waits_for_nothing_any_more() {
    let mut run = Run::start(plan("w", &json!({"w": wait(json!({}))}), None), json!({}));
    run.told(InboxMessage::Cancel { by: "me".to_owned(), reason: None });
    assert_eq!(run.last.settled, [path("w")]);
}

#[test]
fn a_check_passes_what_is_as_it_must_be() {
    let config = json!({"data": "${workflow.input}", "schema": {"required": ["n"]}, "assertions": ["${data.n} > ${workflow.input.least}"]});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({"n": 5, "least": 1}));
    assert_eq!(run.output(), Some(&json!({"valid": true, "errors": []})));
    // Begun and done in one event; the row is written with it.
    let [row] = &run.last.closed[..] else { panic!("one row") };
    assert_eq!((row.input.value(), &row.error), (&json!({"n": 5, "least": 1}), &None));
    assert_eq!(row.execution, Seq::new(2));
    assert!(!run.last.fits_a_start());
}

#[test]
fn a_strict_check_fails_the_step_and_names_everything_that_is_wrong() {
    let config = json!({"data": "${workflow.input}", "schema": {"required": ["n", "m"]}, "assertions": [
        "${data.n} > 3", {"expression": "${data.k} < 9", "message": "k is too large"}, {"expression": "1 == 1", "message": "never"}]});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({"k": 9, "n": "x"}));
    assert_eq!(
        run.error(),
        "Workflow failed at step 'v': Validation failed: is missing (at /m); '${data.n} > 3' does not hold (a text > a number \
         has no meaning); k is too large"
    );
    assert_eq!(run.last.closed.len(), 1);
}

#[test]
fn a_warning_check_says_what_is_wrong_and_goes_on() {
    let config = json!({"data": "${workflow.input}", "schema": {"required": ["n"]}, "assertions": ["${data.k} == 1"], "mode": "warn"});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({"k": 2}));
    let errors = json!([
        {"pointer": "/n", "message": "is missing"},
        {"pointer": "", "message": "'${data.k} == 1' does not hold"},
    ]);
    assert_eq!(run.output(), Some(&json!({"valid": false, "errors": errors})));
}

#[test]
fn a_check_of_what_is_not_there_fails_even_if_it_only_warns() {
    let config = json!({"data": "${workflow.input.nope}", "assertions": ["true"], "mode": "warn"});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({}));
    assert_eq!(
        run.error(),
        "Workflow failed at step 'v': Exception during step execution: Cannot resolve '${workflow.input.nope}' in field \
         'data': Field 'nope' not found"
    );
}

#[test]
fn a_failed_check_is_made_again_by_a_retry() {
    let config = json!({"data": "${a.output}", "assertions": ["${data} == 1"]});
    let mut step = check(&config);
    step["next_step"] = Value::Null;
    let mut run = Run::start(plan("a", &json!({"a": {"next_step": "v"}, "v": step}), None), json!({}));
    run.answer(json!(2));
    let failed = run.error().to_owned();
    run.resume();
    assert_eq!(run.error(), failed, "the same value is wrong in the same way");
    assert_eq!(run.last.closed.len(), 1);
}

#[test]
fn the_output_of_a_run_is_what_the_document_makes_of_it() {
    let steps = json!({"a": {"next_step": "b"}, "b": {}});
    let output =
        json!({"first": "${a.output.x}", "input": "${workflow.input.n}", "text": "<${b.output}>", "fixed": [1]});
    let mut run = Run::start(plan("a", &steps, Some(output)), json!({"n": 7}));
    run.answer(json!({"x": [1]}));
    run.answer(json!("b"));
    assert_eq!(run.output(), Some(&json!({"first": [1], "input": 7, "text": "<b>", "fixed": [1]})));

    let mut run = Run::start(plan("a", &steps, None), json!({}));
    run.answer(json!(1));
    run.answer(json!(2));
    assert_eq!(run.output(), Some(&json!(2)), "without one, the last step's");
}

#[test]
fn a_run_whose_output_cannot_be_made_fails() {
    let mut run = Run::start(plan("a", &json!({"a": {}}), Some(json!({"x": "${a.output.x}"}))), json!({}));
    run.answer(json!({"y": 1}));
    assert_eq!(
        run.error(),
        "The workflow's output cannot be made: Cannot resolve '${a.output.x}' in field 'output': Field 'x' not found"
    );
}
