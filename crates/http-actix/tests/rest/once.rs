//! Requests that are sent again under their key.

use std::{collections::BTreeSet, sync::PoisonError, sync::atomic::Ordering, time::Duration};

use actix_web::test::TestRequest;
use domain::{
    access::Role,
    audit::AuditFilter,
    ids::RunId,
    ports::{AuditLog, Runs},
};
use serde_json::{Value, json};

use crate::{
    callers::{Callers, key_of, presenting},
    support::{Answer, Orrery, World, workflow},
};

const AGENTS: &str = "/api/v1/agents";

/// Longer than a dead process is waited for.
const OVER: Duration = Duration::from_secs(5);

impl Orrery {
    /// A POST under a key.
    async fn post_as(&self, key: &str, path: &str, body: Value) -> Answer {
        self.send(TestRequest::post().insert_header(("idempotency-key", key)).set_json(body), path).await
    }

    /// From now on, every process dies once it has done something, before the answer is kept.
    fn dies(&self, dies: bool) {
        self.keys.lost.store(dies, Ordering::Relaxed);
    }

    /// How many entries the audit log has.
    async fn entries(&self) -> usize {
        AuditLog::list(&*self.store(), &AuditFilter::default(), None, 10_000).await.expect("memory").rows.len()
    }

    /// Sends a request whose process dies, and again; checks that it was done once. Answers both.
    async fn twice(&self, path: &str, body: Value) -> (Answer, Answer) {
        self.dies(true);
        let before = self.entries().await;
        let first = self.post_as("once", path, body.clone()).await;
        assert!(first.status.is_success(), "{path}: {}", first.text());
        let done = self.entries().await;
        assert!(done > before, "{path} has done nothing");
        self.clock.advance(OVER);
        self.dies(false);
        let second = self.post_as("once", path, body.clone()).await;
        assert_eq!(second.status, first.status, "{path}: {}", second.text());
        assert_eq!(second.header("idempotency-replayed"), "", "{path}");
        assert_eq!(self.entries().await, done, "{path} was done twice");
        let third = self.post_as("once", path, body).await;
        assert_eq!((third.status, &third.body), (second.status, &second.body), "{path}");
        assert_eq!(third.header("idempotency-replayed"), "true", "{path}");
        (first, second)
    }
}

fn agent(name: &str) -> Value {
    json!({"name": name, "url": "http://agent:8080"})
}

/// A server with workflow `w`, and its id.
async fn with_workflow() -> (Orrery, String) {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let id = orrery.workflow("w").await;
    (orrery, id)
}

fn same(answers: &(Answer, Answer), member: &str) {
    let (first, second) = (answers.0.json(), answers.1.json());
    assert!(!first[member].is_null(), "{first:#}");
    assert_eq!(first[member], second[member]);
}

#[actix_web::test]
async fn a_request_that_is_sent_again_is_done_once_and_answered_the_same() {
    let orrery = Orrery::new();
    let first = orrery.post_as("k", AGENTS, agent("a")).await;
    let second = orrery.post_as("k", AGENTS, agent("a")).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(first.body, second.body);
    for name in ["location", "content-type"] {
        assert!(!first.header(name).is_empty());
        assert_eq!(first.header(name), second.header(name));
    }
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"));
    assert_eq!(orrery.get(AGENTS).await.expect(200)["total"], 1);
    assert_eq!(orrery.entries().await, 1);
}

#[actix_web::test]
async fn without_a_key_each_request_is_one_of_its_own() {
    let (orrery, workflow) = with_workflow().await;
    let runs: BTreeSet<String> = [orrery.run(&workflow).await, orrery.run(&workflow).await].into();
    assert_eq!(runs.len(), 2);
}

#[actix_web::test]
async fn a_key_in_quotes_is_the_same_key() {
    let orrery = Orrery::new();
    orrery.post_as("k", AGENTS, agent("a")).await.expect(201);
    let again = orrery.post_as("\"k\"", AGENTS, agent("a")).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, "true"));
}

#[actix_web::test]
async fn a_key_stands_for_one_request() {
    let orrery = Orrery::new();
    orrery.post_as("k", AGENTS, agent("a")).await.expect(201);
    let problem = orrery.post_as("k", AGENTS, agent("b")).await.problem(422, "idempotency_key_reused");
    let place = &problem["errors"][0];
    assert_eq!((&place["in"], &place["pointer"]), (&json!("header"), &json!("/Idempotency-Key")));
    let document = json!({"name": "w", "start_step": "one", "steps": {}});
    let answer = orrery.post_as("k", "/api/v1/workflows/validate", document).await;
    answer.problem(422, "idempotency_key_reused");
    orrery.post_as("l", AGENTS, agent("b")).await.expect(201);
    assert_eq!(orrery.get(AGENTS).await.expect(200)["total"], 2);
}

#[actix_web::test]
async fn what_is_no_key_is_a_mistake_that_is_told_with_the_others() {
    let orrery = Orrery::new();
    let long = "x".repeat(256);
    for key in ["", "a b", "\"a", "ü", &long] {
        let answer = orrery.post_as(key, AGENTS, json!({"name": "a"})).await;
        let problem = answer.problem(422, "validation_failed");
        let errors = problem["errors"].as_array().expect("mistakes");
        let in_header = |mistake: &&Value| mistake["in"] == "header" && mistake["pointer"] == "/Idempotency-Key";
        assert_eq!(errors.iter().filter(in_header).count(), 1, "{problem:#}");
        assert_eq!(errors.iter().filter(|mistake| mistake["in"] == "body").count(), 1, "{problem:#}");
    }
    let twice = TestRequest::post().append_header(("idempotency-key", "a")).append_header(("idempotency-key", "a"));
    let mistakes = orrery.send(twice.set_json(agent("a")), AGENTS).await.mistakes();
    assert_eq!(mistakes, [("header.Idempotency-Key".to_owned(), "is given more than once".to_owned())]);
    assert_eq!(orrery.entries().await, 0);
}

#[actix_web::test]
async fn a_mistake_in_the_request_takes_no_key() {
    let orrery = Orrery::new();
    orrery.post_as("k", AGENTS, json!({"name": "a"})).await.problem(422, "validation_failed");
    orrery.post_as("k", AGENTS, agent("a")).await.expect(201);
}

#[actix_web::test]
async fn a_definite_refusal_is_repeated_too() {
    let (orrery, workflow) = with_workflow().await;
    let run = orrery.run(&workflow).await;
    let path = format!("/api/v1/runs/{run}/retry");
    let first = orrery.post_as("k", &path, json!({})).await;
    first.problem(400, "run_not_retryable");
    orrery.post(&format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    let second = orrery.post_as("k", &path, json!({})).await;
    second.problem(400, "run_not_retryable");
    assert_eq!((&first.body, second.header("idempotency-replayed")), (&second.body, "true"));
}

#[actix_web::test]
async fn what_was_refused_for_the_moment_can_be_sent_again() {
    let (orrery, workflow) = with_workflow().await;
    let path = format!("/api/v1/workflows/{workflow}/execute");
    let body = json!({"input_data": {"a": 1}});
    orrery.overloaded().post_as("k", &path, body.clone()).await.problem(503, "overloaded");
    orrery.post_as("k", &path, body).await.expect(202);
    assert_eq!(orrery.get("/api/v1/runs").await.expect(200)["total"], 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_while_it_is_done_waits_and_is_told_to_ask_again() {
    let orrery = Orrery::new();
    orrery.dies(true);
    orrery.post_as("k", AGENTS, agent("a")).await.expect(201);
    // Nobody has answered, and the clock stands still: the first may yet be at it.
    let answer = orrery.post_as("k", AGENTS, agent("a")).await;
    answer.problem(409, "idempotency_in_progress");
    assert_eq!(answer.header("retry-after"), "1");
    orrery.post_as("k", AGENTS, agent("b")).await.problem(422, "idempotency_key_reused");
}

#[actix_web::test]
async fn keys_of_others_are_others() {
    let orrery = Orrery::new();
    let door = orrery.behind(Callers);
    for (role, name) in [(Role::Admin, "a"), (Role::Designer, "b")] {
        let document = json!({"name": name, "start_step": "one", "steps": {}});
        let request = TestRequest::post().insert_header(("idempotency-key", "k")).set_json(document);
        let answer = door.send(presenting(request, &key_of(role)), "/api/v1/workflows/validate").await;
        assert_eq!((answer.status.as_u16(), answer.header("idempotency-replayed")), (200, ""));
    }
}

#[actix_web::test]
async fn answers_are_kept_for_a_day() {
    let orrery = Orrery::new();
    let path = "/api/v1/workflows/validate";
    let body = json!({"name": "w", "start_step": "one", "steps": {}});
    orrery.post_as("k", path, body.clone()).await.expect(200);
    let day = Duration::from_hours(24);
    orrery.clock.advance(day);
    assert_eq!(orrery.post_as("k", path, body.clone()).await.header("idempotency-replayed"), "true");
    orrery.clock.advance(Duration::from_secs(1));
    assert_eq!(orrery.post_as("k", path, body).await.header("idempotency-replayed"), "");
}

#[actix_web::test]
async fn what_is_kept_is_sealed() {
    let orrery = Orrery::new();
    let key = json!({"name": "ci", "role": "operator"});
    let answer = orrery.post_as("k", "/api/v1/api-keys", key).await;
    let text = answer.expect(201)["api_key"].as_str().expect("a key").to_owned();
    let kept = orrery.keys.answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].starts_with("orrery-sealed:") && !kept[0].contains(&text) && !kept[0].contains("operator"));
}

#[actix_web::test]
async fn an_agent_is_registered_once_although_the_process_dies() {
    let orrery = Orrery::new();
    same(&orrery.twice(AGENTS, agent("a")).await, "id");
    assert_eq!(orrery.get(AGENTS).await.expect(200)["total"], 1);
}

#[actix_web::test]
async fn a_workflow_is_created_once_although_the_process_dies() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let answers = orrery.twice("/api/v1/workflows", workflow("w")).await;
    same(&answers, "id");
    assert_eq!(answers.1.json()["version"], 1);
}

#[actix_web::test]
async fn a_version_is_made_once_although_the_process_dies() {
    let (orrery, id) = with_workflow().await;
    let answers = orrery.twice("/api/v1/workflows", workflow("w")).await;
    same(&answers, "id");
    assert_eq!(answers.1.json()["version"], 2);
    let versions = orrery.get(&format!("/api/v1/workflows/{id}/versions")).await.expect(200);
    assert_eq!(versions["total"], 2);
}

#[actix_web::test]
async fn a_workflow_is_rolled_back_once_although_the_process_dies() {
    let (orrery, id) = with_workflow().await;
    orrery.workflow("w").await;
    let answers = orrery.twice(&format!("/api/v1/workflows/{id}/rollback"), json!({"version": 1})).await;
    assert_eq!((&answers.0.json()["version"], &answers.1.json()["version"]), (&json!(3), &json!(3)));
}

#[actix_web::test]
async fn a_run_is_started_once_although_the_process_dies() {
    for executor in [false, true] {
        let orrery = Orrery::within(World { executor, ..World::default() });
        orrery.agent("A").await;
        let id = orrery.workflow("w").await;
        let path = format!("/api/v1/workflows/{id}/execute");
        same(&orrery.twice(&path, json!({"input_data": {"a": 1}})).await, "run_id");
        assert_eq!(orrery.get("/api/v1/runs").await.expect(200)["total"], 1);
    }
}

#[actix_web::test]
async fn a_started_run_is_answered_whatever_has_become_of_its_workflow() {
    let (orrery, id) = with_workflow().await;
    let path = format!("/api/v1/workflows/{id}/execute");
    orrery.dies(true);
    let first = orrery.post_as("k", &path, json!({"input_data": {"a": 1}})).await.expect(202);
    orrery.delete(&format!("/api/v1/workflows/{id}")).await.expect(200);
    orrery.clock.advance(OVER);
    let second = orrery.post_as("k", &path, json!({"input_data": {"a": 1}})).await.expect(202);
    assert_eq!(first["run_id"], second["run_id"]);
}

#[actix_web::test]
async fn a_run_is_cancelled_once_although_the_process_dies() {
    let (orrery, workflow) = with_workflow().await;
    let run = orrery.run(&workflow).await;
    let answers = orrery.twice(&format!("/api/v1/runs/{run}/cancel"), json!({"reason": "enough"})).await;
    assert_eq!(answers.1.json()["status"], "CANCELLED");
}

#[actix_web::test]
async fn a_cancellation_does_not_come_back_after_a_retry() {
    let (orrery, workflow) = with_workflow().await;
    let run = orrery.run(&workflow).await;
    orrery.dies(true);
    orrery.post_as("k", &format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    orrery.clock.advance(OVER);
    orrery.post(&format!("/api/v1/runs/{run}/retry"), json!({})).await.expect(202);
    orrery.post_as("k", &format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    assert_eq!(orrery.get(&format!("/api/v1/runs/{run}")).await.expect(200)["status"], "PENDING");
}

#[actix_web::test]
async fn a_run_is_retried_rerun_and_skipped_once_although_the_process_dies() {
    for (change, body) in
        [("retry", json!({})), ("rerun", json!({"from_step": "one"})), ("skip", json!({"step": "one", "output": {}}))]
    {
        let (orrery, workflow) = with_workflow().await;
        let run = orrery.run(&workflow).await;
        orrery.fails(&run, "no");
        let answers = orrery.twice(&format!("/api/v1/runs/{run}/{change}"), body).await;
        same(&answers, "id");
        let id = RunId::parse(&run).expect("an id");
        let resumed = orrery.store().history(&id).await.expect("memory");
        assert_eq!(resumed.len(), 3, "{change}: started, failed, resumed");
    }
}

#[actix_web::test]
async fn a_live_run_is_told_once_although_the_process_dies() {
    for (change, body) in [("pause", json!({})), ("unpause", json!({})), ("events", json!({"event": "paid"}))] {
        let (orrery, workflow) = with_workflow().await;
        let run = orrery.run(&workflow).await;
        orrery.twice(&format!("/api/v1/runs/{run}/{change}"), body).await;
        let claimed = orrery.store().claim_now(domain::ids::ExecutorId::new(uuid::Uuid::nil()), 1, now(&orrery));
        assert_eq!(claimed[0].inbox.len(), 1, "{change}");
    }
}

fn now(orrery: &Orrery) -> domain::Timestamp {
    domain::ports::Clock::now(&orrery.clock)
}

#[actix_web::test]
async fn many_runs_are_changed_once_and_no_more_than_asked_for_although_the_process_dies() {
    let (orrery, workflow) = with_workflow().await;
    for _ in 0..5 {
        orrery.run(&workflow).await;
    }
    let body = json!({"filter": {"workflow_id": workflow}, "limit": 3});
    let answers = orrery.twice("/api/v1/runs/bulk-cancel", body).await;
    let changed = |answer: &Answer| answer.json()["changed"].clone();
    assert_eq!((changed(&answers.0), changed(&answers.1)), (json!(3), json!(3)));
    let left = orrery.get("/api/v1/runs?status=PENDING").await.expect(200);
    assert_eq!(left["total"], 2);
}

#[actix_web::test]
async fn dead_letters_are_replayed_once_although_the_process_dies() {
    let (orrery, workflow) = with_workflow().await;
    let run = orrery.run(&workflow).await;
    let letter = orrery.fails(&run, "no");
    same(&orrery.twice(&format!("/api/v1/dlq/{letter}/replay"), json!({})).await, "run_id");
    assert_eq!(orrery.get("/api/v1/runs").await.expect(200)["total"], 2);
}

#[actix_web::test]
async fn many_dead_letters_are_replayed_once_although_the_process_dies() {
    let (orrery, workflow) = with_workflow().await;
    for _ in 0..3 {
        let run = orrery.run(&workflow).await;
        orrery.fails(&run, "no");
    }
    orrery.twice("/api/v1/dlq/bulk-replay", json!({"filter": {"workflow_id": workflow}, "limit": 2})).await;
    assert_eq!(orrery.get("/api/v1/runs").await.expect(200)["total"], 5);
}

#[actix_web::test]
async fn a_key_is_made_once_and_told_the_same_although_the_process_dies() {
    let orrery = Orrery::new();
    let answers = orrery.twice("/api/v1/api-keys", json!({"name": "ci", "role": "operator"})).await;
    same(&answers, "api_key");
    assert_eq!(orrery.get("/api/v1/api-keys").await.expect(200)["total"], 1);
    let id = answers.0.json()["key"]["id"].as_str().expect("an id").to_owned();
    let other = Orrery::new();
    let made = other.post("/api/v1/api-keys", json!({"name": "ci", "role": "operator"})).await.expect(201);
    let made = made["key"]["id"].as_str().expect("an id").to_owned();
    let rotated = other.twice(&format!("/api/v1/api-keys/{made}/rotate"), json!({})).await;
    same(&rotated, "api_key");
    assert!(!id.is_empty());
}

#[actix_web::test]
async fn a_person_is_added_once_although_the_process_dies() {
    let orrery = Orrery::new();
    let person = json!({"name": "eve", "password": "correct horse battery staple", "role": "viewer"});
    same(&orrery.twice("/api/v1/users", person).await, "id");
}

#[actix_web::test]
async fn an_answer_that_nobody_can_give_any_more_is_said_to_be_lost() {
    let orrery = Orrery::new();
    orrery.dies(true);
    let body = json!({"name": "ci", "role": "operator"});
    let made = orrery.post_as("k", "/api/v1/api-keys", body.clone()).await.expect(201);
    let id = made["key"]["id"].as_str().expect("an id");
    orrery.post(&format!("/api/v1/api-keys/{id}/rotate"), json!({})).await.expect(200);
    orrery.clock.advance(OVER);
    orrery.dies(false);
    let done = orrery.entries().await;
    for replayed in ["", "true"] {
        let answer = orrery.post_as("k", "/api/v1/api-keys", body.clone()).await;
        answer.problem(409, "idempotency_answer_lost");
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
    assert_eq!(orrery.entries().await, done);
}

#[test]
fn every_post_of_somebody_who_is_known_tells_of_the_key() {
    let document = http_actix::openapi_document();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(post) = item.get("post") else { continue };
        let parameters = post["parameters"].as_array().into_iter().flatten();
        let has = parameters.into_iter().any(|one| one["in"] == "header" && one["name"] == "Idempotency-Key");
        assert_eq!(has, post.get("security").is_some(), "{path}");
        let described = post["responses"]["409"]["content"]["application/problem+json"]["examples"].is_object();
        assert_eq!(described, has, "{path}");
    }
}
