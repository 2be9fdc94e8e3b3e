//! Steps that wait for somebody else or look at a value: runs of other workflows, events, checks; and the output of a run.

mod checks;
mod children;
mod events;
mod following;

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
        let parent = Parent { run: RunId::parse("run-0").expect("an id"), path: path("up"), depth, following: 0 };
        let started = RunEvent::Started { plan: plan.hash(), parent: Some(parent), starts_at: None, trace: None };
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
        let cancels = self.last.outward.notes.iter().filter(|note| matches!(note.message, InboxMessage::Cancel { .. }));
        cancels.map(|note| &note.run).collect()
    }
}

fn completed(output: Value) -> ChildOutcome {
    ChildOutcome::Completed { output: payload(output) }
}

fn failed(error: &str) -> ChildOutcome {
    ChildOutcome::Failed { error: error.to_owned() }
}
