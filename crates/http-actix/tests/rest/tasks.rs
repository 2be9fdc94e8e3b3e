//! Agents that look at their tasks and report about them.

use std::{
    net::IpAddr,
    ops::Deref,
    sync::{Arc, Mutex},
};

use application::access::{AuthenticateError, Gate, Proof, Session};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{Forbidden, Presented, Principal, Resource, Right, Role, Scope, TaskGrant, TokenGrant},
    agents::AgentName,
    ids::{RunId, StepPath},
    ports::HeldToken,
};
use serde_json::{Value, json};

use crate::support::{Orrery, World};

const TASK: &str = "/api/v1/tasks/self";
const INPUT: &str = "/api/v1/tasks/self/input";
const REPORT: &str = "/api/v1/tasks/self/report";
const EVENTS: &str = "/api/v1/tasks/self/events";

/// A token without any block but the first.
struct Token(TokenGrant, Vec<String>);

impl HeldToken for Token {
    fn grant(&self) -> &TokenGrant {
        &self.0
    }

    fn revocation_ids(&self) -> &[String] {
        &self.1
    }

    fn allows(&self, _: Right, resource: &Resource, _: Timestamp) -> Result<(), Option<Forbidden>> {
        let task = self.0.task.as_ref();
        let named = task.map(|task| (task.run.as_str(), task.step.as_str(), task.agent.as_str()));
        let touched = (resource.run.as_deref(), resource.step.as_deref(), resource.agent.as_deref());
        let is_its = named.is_none_or(|(run, step, agent)| touched == (Some(run), Some(step), Some(agent)));
        if is_its { Ok(()) } else { Err(Some(Forbidden::Attenuated)) }
    }
}

/// Whoever calls is an agent with the token that lies here, or the system where none does.
#[derive(Default)]
struct Desk(Mutex<Option<Lying>>);

/// A token, and the call that it is about.
#[derive(Clone)]
struct Lying(Option<TaskGrant>);

#[async_trait]
impl Gate for Desk {
    async fn admit(&self, _: Option<&Presented>, _: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        let Some(Lying(task)) = self.0.lock().expect("no panic").clone() else { return Ok(Session::system()) };
        let name = "agent:A".to_owned();
        let grant = TokenGrant {
            principal: name.clone(),
            source: None,
            role: Role::Agent,
            scope: Scope::default(),
            hides_payloads: false,
            expires_at: Timestamp::MAX_UTC,
            task,
        };
        let principal = Principal { name, role: Role::Agent, ..Principal::system() };
        let held = Token(grant, vec!["id".to_owned()]);
        Ok(Session { held: Some(Arc::new(held)), ..Session::new(principal, Proof::Token(None)) })
    }
}

/// An API with an executor, and the desk at which an agent finds its token.
struct House {
    orrery: Orrery,
    desk: Arc<Desk>,
}

impl Deref for House {
    type Target = Orrery;

    fn deref(&self) -> &Orrery {
        &self.orrery
    }
}

impl House {
    fn new() -> Self {
        let desk = Arc::new(Desk::default());
        let orrery = Orrery::within(World { executor: true, gate: Some(desk.clone()), ..World::default() });
        Self { orrery, desk }
    }

    /// A run whose first step has been called; the client has the token of that call.
    async fn called(&self, output_schema: Value) -> String {
        let agent = json!({"name": "A", "url": "http://a.example/", "output_schema": output_schema});
        self.post("/api/v1/agents", agent).await.expect(201);
        let workflow = self.workflow("w").await;
        let run = self.run(&workflow).await;
        self.hold(&run, "one", 0);
        run
    }

    fn hold(&self, run: &str, step: &str, generation: u32) {
        let (run, step) = (RunId::parse(run).expect("an id"), StepPath::parse(step).expect("a path"));
        let agent = AgentName::parse("A").expect("a name");
        *self.desk.0.lock().expect("no panic") =
            Some(Lying(Some(TaskGrant { run, step, generation, round: 0, agent })));
    }

    fn hold_no_task(&self) {
        *self.desk.0.lock().expect("no panic") = Some(Lying(None));
    }

    fn be_the_system(&self) {
        *self.desk.0.lock().expect("no panic") = None;
    }
}

#[actix_web::test]
async fn an_agent_sees_its_task_and_fetches_its_input() {
    let house = House::new();
    let run = house.called(json!(null)).await;
    let task = house.get(TASK).await.expect(200);
    assert_eq!((&task["run_id"], &task["step"], &task["state"]), (&json!(run), &json!("one"), &json!("working")));
    assert_eq!((&task["agent_name"], &task["workflow_name"], &task["attempt"]), (&json!("A"), &json!("w"), &json!(1)));
    house.be_the_system();
    let steps = house.get(&format!("/api/v1/runs/{run}/steps")).await.expect(200);
    let sent = steps.pointer("/steps/0/input_data").or_else(|| steps.pointer("/0/input_data")).cloned();
    house.hold(&run, "one", 0);
    assert_eq!(Some(house.get(INPUT).await.expect(200)["input"].clone()), sent);
}

#[actix_web::test]
async fn every_kind_of_report_is_taken_and_answered_alike_when_it_comes_twice() {
    let house = House::new();
    let run = house.called(json!(null)).await;
    for body in [
        json!({"status": "working", "message": "half of it"}),
        json!({"status": "failed", "error": "no such planet"}),
        json!({"status": "completed", "output": null}),
        json!({"status": "completed", "output": {"x": [1]}}),
        json!({"status": "completed", "output": {"x": [1]}}),
    ] {
        let told = house.post(REPORT, body).await.expect(202);
        assert_eq!((&told["run_id"], &told["step"]), (&json!(run), &json!("one")));
    }
    let raised = house.post(EVENTS, json!({"event": "found", "data": 1})).await.expect(202);
    assert_eq!(raised["delivered_to"], json!([run]));
}

#[actix_web::test]
async fn what_is_no_report_is_refused_with_every_mistake_in_it() {
    let house = House::new();
    house.called(json!(null)).await;
    for (body, places) in [
        (json!({}), vec!["body.status"]),
        (json!({"status": "done"}), vec!["body.status"]),
        (json!({"status": "completed"}), vec!["body.output"]),
        (json!({"status": "failed", "output": 1}), vec!["body.error", "body.output"]),
        (json!({"status": "working", "message": "m", "error": "e"}), vec!["body.error"]),
        (json!({"status": "working", "message": ""}), vec!["body.message"]),
        (json!({"status": "completed", "output": "a\u{0}b"}), vec!["body.output"]),
        (json!({"status": "completed", "output": 1, "more": 1}), vec!["body.more"]),
    ] {
        let found = house.post(REPORT, body.clone()).await;
        let mut found: Vec<_> = found.mistakes().into_iter().map(|(place, _)| place).collect();
        found.sort_unstable();
        assert_eq!(found, places, "{body}");
    }
}

#[actix_web::test]
async fn an_output_that_does_not_fit_is_refused_and_a_better_one_may_follow() {
    let house = House::new();
    house.called(json!({"required": ["summary"]})).await;
    let refused = house.post(REPORT, json!({"status": "completed", "output": {}})).await;
    let problem = refused.problem(422, "output_invalid");
    assert_eq!(problem["errors"][0]["pointer"], "/output");
    house.post(REPORT, json!({"status": "completed", "output": {"summary": "s"}})).await.expect(202);
}

#[actix_web::test]
async fn a_token_is_worth_nothing_once_its_call_is_over_and_none_where_it_never_was() {
    let house = House::new();
    let run = house.called(json!(null)).await;
    let done = json!({"status": "completed", "output": 1});
    house.hold(&run, "one", 1);
    house.post(REPORT, done.clone()).await.problem(409, "task_over");
    assert_eq!(house.get(TASK).await.expect(200)["state"], "over");
    house.hold(&run, "two", 0);
    house.post(REPORT, done.clone()).await.problem(409, "task_over");
    house.hold("run-nobody", "one", 0);
    house.post(REPORT, done.clone()).await.problem(404, "run_not_found");
    house.hold_no_task();
    house.get(TASK).await.problem(404, "no_task");
    house.be_the_system();
    house.get(TASK).await.problem(403, "forbidden");
    house.post(&format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    house.hold(&run, "one", 0);
    house.post(REPORT, done).await.problem(409, "task_over");
    house.get(INPUT).await.problem(409, "task_over");
    house.post(EVENTS, json!({"event": "found"})).await.problem(409, "task_over");
    assert_eq!(house.get(TASK).await.expect(200)["state"], "over");
}

#[actix_web::test]
async fn an_agent_that_was_deleted_reports_nothing() {
    let house = House::new();
    let run = house.called(json!(null)).await;
    house.be_the_system();
    let listed = house.get("/api/v1/agents?name=A").await.expect(200);
    let id = listed.pointer("/items/0/id").and_then(Value::as_str).expect("an id").to_owned();
    house.delete(&format!("/api/v1/agents/{id}")).await;
    house.hold(&run, "one", 0);
    house.post(REPORT, json!({"status": "failed", "error": "x"})).await.problem(409, "task_over");
}
