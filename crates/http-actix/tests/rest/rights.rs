//! Every operation of the description, called by every kind of caller.

use std::sync::Arc;

use actix_web::test::TestRequest;
use adapters_auth::DatalogPolicy;
use application::access::Gate;
use domain::{
    access::{Right, Role},
    ports::Policy,
};
use serde_json::{Value, json};

use crate::{
    callers::{self, Callers, presenting},
    support::{Answer, Orrery, workflow},
};

/// An operation of the description.
pub(crate) struct Operation {
    pub(crate) name: String,
    method: String,
    path: String,
    pub(crate) right: Option<Right>,
    public: bool,
    example: Value,
    good: Vec<u16>,
}

/// All of them.
pub(crate) fn operations() -> Vec<Operation> {
    let document = http_actix::openapi_document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let right = operation["x-required-right"].as_str().map(|name| Right::parse(name).expect("a right"));
            let statuses = operation["responses"].as_object().expect("responses").keys();
            all.push(Operation {
                name: format!("{} {path}", method.to_uppercase()),
                method: method.to_uppercase(),
                path: path.clone(),
                right,
                public: operation.get("security").is_none(),
                example: operation["requestBody"]["content"]["application/json"]["example"].clone(),
                good: statuses.filter_map(|status| status.parse().ok()).filter(|status| *status < 300).collect(),
            });
        }
    }
    all
}

/// A server on which every kind of thing is there: an agent, a workflow, a run that has failed, its dead letter, a schedule.
pub(crate) struct Furnished {
    orrery: Orrery,
    ids: Vec<(&'static str, String)>,
}

impl Furnished {
    pub(crate) async fn new() -> Self {
        let orrery = Orrery::new();
        let agent = orrery.agent("A").await;
        let workflow_id = orrery.workflow("w").await;
        let child = orrery.workflow("v").await;
        let run = orrery.run(&workflow_id).await;
        let letter = orrery.fails(&run, "secret reason");
        let key = orrery.post("/api/v1/api-keys", json!({"name": "there", "role": "viewer"})).await.expect(201);
        let person = json!({"name": "there", "password": "long enough to be one", "role": "viewer"});
        let person = orrery.post("/api/v1/users", person).await.expect(201);
        let webhook = json!({"name": "there", "url": "https://receiver.example/"});
        let webhook = orrery.post("/api/v1/webhooks", webhook).await.expect(201)["webhook"].clone();
        let delivery = crate::webhooks::deliver(&orrery.store(), &webhook).await;
        let schedule = json!({"name": "there", "workflow_id": workflow_id, "cron": "0 3 * * *"});
        let schedule = orrery.post("/api/v1/schedules", schedule).await.expect(201);
        let id = |thing: &Value| thing["id"].as_str().expect("an id").to_owned();
        let number = || "1".to_owned();
        let ids = vec![
            ("{agent_id}", agent),
            ("{workflow_id}", workflow_id),
            ("{run_id}", run),
            ("{dlq_id}", letter),
            ("{schedule_id}", id(&schedule)),
            ("{key_id}", id(&key["key"])),
            ("{user_id}", id(&person)),
            ("{webhook_id}", id(&webhook)),
            ("{delivery_id}", delivery),
            ("{version}", number()),
            ("{other}", number()),
            ("{child}", child),
        ];
        Self { orrery: orrery.behind(Callers), ids }
    }

    /// The server, at whose door the callers of the tests are known.
    pub(crate) fn orrery(&self) -> &Orrery {
        &self.orrery
    }

    /// The same things behind another gate.
    pub(crate) fn behind(&self, gate: Arc<dyn Gate>) -> Self {
        Self { orrery: self.orrery.behind_any(gate), ids: self.ids.clone() }
    }

    pub(crate) fn id(&self, name: &str) -> &str {
        &self.ids.iter().find(|(known, _)| known.contains(name)).expect("it is there").1
    }

    pub(crate) fn path(&self, operation: &Operation) -> String {
        self.ids.iter().fold(operation.path.clone(), |path, (name, id)| path.replace(name, id))
    }

    pub(crate) async fn call(&self, operation: &Operation, presented: Option<&str>) -> Answer {
        self.call_at(operation, &self.path(operation), presented).await
    }

    pub(crate) async fn call_at(&self, operation: &Operation, path: &str, presented: Option<&str>) -> Answer {
        let mut body = operation.example.clone();
        // The examples name other workflows and agents than the ones that are there.
        if let Some(name) = body.get_mut("name") {
            *name = if operation.path.contains("/workflows") { "w".into() } else { "A".into() };
        }
        if let Some(workflow) = body.get_mut("workflow_id") {
            *workflow = self.id("workflow_id").into();
        }
        if operation.path == "/api/v1/workflows" || operation.path == "/api/v1/workflows/validate" {
            body = workflow("w");
        }
        if operation.name == "PUT /api/v1/workflows/{workflow_id}" {
            body = workflow("w");
            body.as_object_mut().expect("it is an object").remove("name");
        }
        self.send(operation, path, body, presented).await
    }

    pub(crate) async fn send(&self, operation: &Operation, path: &str, body: Value, presented: Option<&str>) -> Answer {
        let request = TestRequest::default().method(operation.method.parse().expect("a method"));
        // A stream that has no end has no answer to be looked at.
        let endless = operation.path == "/api/v1/runs/events";
        let request = if endless { request.insert_header(("accept", "application/json")) } else { request };
        let request = if body.is_null() { request } else { request.set_json(body) };
        let request = presented.into_iter().fold(request, presenting);
        self.orrery.send(request, path).await
    }

    pub(crate) async fn get(&self, path: &str, presented: &str) -> Answer {
        self.orrery.send(presenting(TestRequest::get(), presented), path).await
    }
}

/// Whether somebody got as far as the handler, and it did what it is for: these refuse what is there for other reasons.
fn is_let_in(operation: &Operation, answer: &Answer) -> bool {
    let status = answer.status.as_u16();
    let refuses_otherwise = match operation.name.as_str() {
        // The run has failed, and nothing of it is under way.
        "POST /api/v1/runs/{run_id}/cancel"
        | "POST /api/v1/runs/{run_id}/pause"
        | "POST /api/v1/runs/{run_id}/unpause"
        | "POST /api/v1/runs/{run_id}/events"
        | "POST /api/v1/runs/{run_id}/skip"
        | "POST /api/v1/runs/{run_id}/rerun"
        // The name is taken, the only version is the newest, the example is of another workflow.
        | "POST /api/v1/agents"
        | "PUT /api/v1/workflows/{workflow_id}"
        | "POST /api/v1/workflows/{workflow_id}/test"
        | "DELETE /api/v1/workflows/{workflow_id}/versions/{version}" => [400, 409, 422].contains(&status),
        // Nobody is called so, no token is shown, and the callers are known by neither a key nor a log-in.
        "POST /api/v1/auth/login" => status == 401,
        "POST /api/v1/auth/token" | "POST /api/v1/auth/revoke" | "POST /api/v1/auth/password" => status == 400,
        _ => false,
    };
    refuses_otherwise || operation.good.contains(&status)
}

#[actix_web::test]
async fn who_is_not_known_gets_the_same_answer_everywhere_but_at_public_routes() {
    let furnished = Furnished::new().await;
    let mut told = None;
    for operation in operations() {
        let worthless = callers::WORTHLESS.iter().map(|(text, _)| Some(*text));
        for presented in std::iter::once(None).chain(worthless) {
            let answer = furnished.call(&operation, presented).await;
            if operation.public {
                assert!(is_let_in(&operation, &answer), "{}: {}", operation.name, answer.text());
                continue;
            }
            let mut problem = answer.problem(401, "unauthenticated");
            for volatile in ["path", "request_id", "timestamp"] {
                problem[volatile].take();
            }
            assert_eq!(*told.get_or_insert_with(|| problem.clone()), problem, "{}", operation.name);
            let challenges: Vec<_> = answer.headers.get_all("www-authenticate").collect();
            assert_eq!(challenges, ["Bearer realm=\"orrery\"", "ApiKey realm=\"orrery\""]);
        }
    }
}

#[actix_web::test]
async fn each_role_may_do_what_the_policy_grants_it_and_is_told_what_it_lacks() {
    let (policy, unchanged) = (DatalogPolicy::load(), Furnished::new().await);
    for operation in operations().into_iter().filter(|operation| !operation.public) {
        for role in Role::ALL {
            let presented = callers::key_of(role);
            if let Some(right) = operation.right.filter(|right| !policy.grants(role, *right)) {
                let problem = unchanged.call(&operation, Some(&presented)).await.problem(403, "forbidden");
                assert_eq!(problem["required_right"], right.as_str());
                assert!(problem["detail"].as_str().expect("a text").contains(right.as_str()));
            } else if operation.right == Some(Right::TasksReport) {
                // A key of an agent is about no call; what a call's own token may do is tested beside its routes.
                unchanged.call(&operation, Some(&presented)).await.problem(404, "no_task");
            } else {
                // Afresh, for a caller may change what the next one would find.
                let answer = Furnished::new().await.call(&operation, Some(&presented)).await;
                assert!(is_let_in(&operation, &answer), "{} as {}: {}", operation.name, role.as_str(), answer.text());
            }
        }
    }
}

#[actix_web::test]
async fn a_token_that_only_reads_is_refused_where_something_is_changed() {
    for operation in operations() {
        let Some(right) = operation.right.filter(|right| *right != Right::TasksReport) else { continue };
        let furnished = Furnished::new().await;
        let answer = furnished.call(&operation, Some(callers::READS)).await;
        if right.reads() {
            assert!(is_let_in(&operation, &answer), "{}: {}", operation.name, answer.text());
        } else {
            answer.problem(403, "token_restricted");
        }
    }
}

#[actix_web::test]
async fn a_token_for_another_workflow_reaches_nothing_and_one_for_this_workflow_what_names_it() {
    for operation in operations() {
        if matches!(operation.right, None | Some(Right::TasksReport)) {
            continue;
        }
        let furnished = Furnished::new().await;
        furnished.call(&operation, Some(callers::FOR_OTHER)).await.problem(403, "token_restricted");
        let in_path = ["{workflow_id}", "{run_id}", "{dlq_id}", "{schedule_id}"];
        let in_body = ["POST /api/v1/workflows", "POST /api/v1/workflows/validate", "POST /api/v1/schedules"];
        let names_workflow =
            in_path.iter().any(|name| operation.path.contains(name)) || in_body.contains(&operation.name.as_str());
        let answer = furnished.call(&operation, Some(callers::FOR_W)).await;
        if names_workflow {
            assert!(is_let_in(&operation, &answer), "{}: {}", operation.name, answer.text());
        } else {
            answer.problem(403, "token_restricted");
        }
    }
}

#[actix_web::test]
async fn a_token_whose_rules_come_to_no_verdict_is_neither_let_in_nor_forbidden() {
    let furnished = Furnished::new().await;
    let asks = |right: Option<Right>| right.is_some_and(|right| right != Right::TasksReport);
    for operation in operations().iter().filter(|operation| asks(operation.right)) {
        furnished.call(operation, Some(callers::ENDLESS)).await.problem(503, "access_undecided");
    }
}

#[actix_web::test]
async fn without_the_store_of_credentials_nobody_is_let_in_and_nobody_is_told_to_be_unknown() {
    let furnished = Furnished::new().await;
    for operation in operations().iter().filter(|operation| !operation.public) {
        let answer = furnished.call(operation, Some(callers::AWAY)).await;
        answer.problem(503, "store_unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
}
