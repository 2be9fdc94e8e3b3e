//! Dead letters: steps that have failed for good.

use std::time::Duration;

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::{Orrery, workflow};

const DLQ: &str = "/api/v1/dlq";

/// An API with agent `A` and a workflow, whose run has failed: the ids of the workflow, the run and the dead letter.
async fn failed() -> (Orrery, String, String, String) {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let run = orrery.run(&workflow).await;
    let id = orrery.fails(&run, "HTTP 503");
    (orrery, workflow, run, id)
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().map(|item| item["dlq_id"].as_str().expect("an id")).collect()
}

#[actix_web::test]
async fn a_dead_letter_tells_what_was_asked_and_how_each_attempt_ended() {
    let (orrery, workflow, run, id) = failed().await;
    let found = orrery.get(&format!("{DLQ}/{id}")).await.expect(200);
    for (member, expected) in [
        ("dlq_id", json!(id)),
        ("run_id", json!(run)),
        ("last_run_id", json!(run)),
        ("workflow_id", json!(workflow)),
        ("workflow_name", json!("w")),
        ("workflow_version", json!(1)),
        ("step_id", json!("one")),
        ("path", json!("one")),
        ("agent_name", json!("A")),
        ("failure_reason", json!("HTTP 503")),
        ("failure_count", json!(1)),
        ("status", json!("pending_replay")),
        ("replayed_run_id", Value::Null),
        ("replayed_at", Value::Null),
    ] {
        assert_eq!(found[member], expected, "{member}");
    }
    assert_eq!(found["original_task"]["input"], json!({"x": 1}));
    assert!(found["original_task"]["task_id"].as_str().expect("an id").starts_with("task-one-"));
    let history = found["retry_history"].as_array().expect("attempts");
    assert_eq!(history.len(), 1);
    assert_eq!((&history[0]["attempt"], &history[0]["error_message"]), (&json!(1), &json!("HTTP 503")));
    orrery.get(&format!("{DLQ}/0190c0de-0000-7000-8000-000000000000")).await.problem(404, "dead_letter_not_found");
    assert_eq!(orrery.get(&format!("{DLQ}/7")).await.mistakes()[0].0, "path.dlq_id");
}

#[actix_web::test]
async fn dead_letters_are_listed_by_their_last_failure_and_can_be_narrowed() {
    let (orrery, workflow, run, first) = failed().await;
    orrery.clock.advance(Duration::from_mins(1));
    let later = orrery.run(&workflow).await;
    let second = orrery.fails(&later, "HTTP 500");
    let list = async |query: &str| orrery.get(&format!("{DLQ}{query}")).await.expect(200);
    assert_eq!(ids(&list("").await), [&second, &first]);
    let oldest = list("?sort_order=asc&page_size=1").await;
    assert_eq!((ids(&oldest), &oldest["total"]), (vec![first.as_str()], &json!(2)));
    for (query, expected) in [
        (format!("?workflow_id={workflow}"), vec![&second, &first]),
        (format!("?run_id={run}"), vec![&first]),
        ("?agent_name=A".to_owned(), vec![&second, &first]),
        ("?agent_name=B".to_owned(), vec![]),
        ("?status=replayed".to_owned(), vec![]),
        ("?status=pending_replay&failed_after=2026-01-31T12:01:00Z".to_owned(), vec![&second]),
        ("?failed_before=2026-01-31T12:00:30".to_owned(), vec![&first]),
    ] {
        assert_eq!(ids(&list(&query).await), expected, "{query}");
    }
    let wrong = orrery.get(&format!("{DLQ}?status=new&agent_name=%20&page_size=101&sort_by=x")).await.mistakes();
    let mut fields: Vec<_> = wrong.iter().map(|(field, _)| field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["query.page_size", "query.sort_by", "query.status"]);
    assert_eq!(orrery.get(&format!("{DLQ}?agent_name=%20%09x%01")).await.mistakes()[0].0, "query.agent_name");
}

#[actix_web::test]
async fn a_replay_is_a_new_run_with_the_same_input_and_happens_once_unless_it_is_forced() {
    let (orrery, workflow, run, id) = failed().await;
    let replay = format!("{DLQ}/{id}/replay");
    let answer = orrery.send(TestRequest::post(), &replay).await;
    let replayed = answer.expect(202);
    let new = replayed["run_id"].as_str().expect("an id").to_owned();
    assert_ne!(new, run);
    assert_eq!((&replayed["status"], &replayed["replay_of"]), (&json!("PENDING"), &json!(id)));
    assert_eq!((&replayed["input_data"], &replayed["workflow_id"]), (&json!({"a": 1}), &json!(workflow)));
    assert_eq!(answer.header("location"), format!("/api/v1/runs/{new}"));
    assert_eq!(orrery.get(&format!("/api/v1/runs/{new}")).await.expect(200)["status"], "PENDING");
    let entry = orrery.get(&format!("{DLQ}/{id}")).await.expect(200);
    assert_eq!((&entry["status"], &entry["replayed_run_id"]), (&json!("replayed"), &json!(new)));
    assert!(entry["replayed_at"].is_string());

    let problem = orrery.post(&replay, json!({})).await.problem(409, "dead_letter_replayed");
    assert!(problem["detail"].as_str().expect("a text").contains(&new), "{problem}");
    let again = orrery.post(&replay, json!({"force": true})).await.expect(202);
    assert_ne!(again["run_id"], json!(new));
    orrery.post(&replay, json!({"force": "yes", "at": 1})).await.problem(422, "validation_failed");
    let gone = format!("{DLQ}/0190c0de-0000-7000-8000-000000000000/replay");
    orrery.post(&gone, json!({})).await.problem(404, "dead_letter_not_found");
}

#[actix_web::test]
async fn a_replay_that_was_written_down_and_never_started_is_started_under_its_name() {
    let (orrery, _, _, letter) = failed().await;
    orrery.claims(&letter, "run-promised").await;
    let replay = format!("{DLQ}/{letter}/replay");
    assert_eq!(orrery.post(&replay, json!({})).await.expect(202)["run_id"], "run-promised");
    orrery.get("/api/v1/runs/run-promised").await.expect(200);
    orrery.post(&replay, json!({})).await.problem(409, "dead_letter_replayed");
}

#[actix_web::test]
async fn a_replay_executes_the_version_that_is_active_now_or_the_one_that_failed() {
    let (orrery, id, _, letter) = failed().await;
    let mut changed = workflow("w");
    changed["steps"]["one"]["input_mapping"] = json!({"y": 2});
    let change = json!({"start_step": "one", "steps": changed["steps"]});
    orrery.put(&format!("/api/v1/workflows/{id}"), change).await.expect(200);
    let replay = format!("{DLQ}/{letter}/replay");
    let now = orrery.post(&replay, json!({})).await.expect(202);
    let same = orrery.post(&replay, json!({"same_version": true, "force": true})).await.expect(202);
    assert_eq!((&now["workflow_version"], &same["workflow_version"]), (&json!(2), &json!(1)));
}

#[actix_web::test]
async fn what_failed_as_an_old_version_is_replayed_as_the_active_one() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let head = orrery.workflow("w").await;
    let mut changed = workflow("w");
    changed["steps"]["one"]["input_mapping"] = json!({"y": 2});
    let change = json!({"start_step": "one", "steps": changed["steps"]});
    orrery.put(&format!("/api/v1/workflows/{head}"), change).await.expect(200);
    let versions = orrery.get(&format!("/api/v1/workflows/{head}/versions")).await.expect(200);
    let old = versions["items"][1]["id"].as_str().expect("an id").to_owned();
    let run = orrery.run(&old).await;
    let letter = orrery.fails(&run, "HTTP 503");
    let replayed = orrery.post(&format!("{DLQ}/{letter}/replay"), json!({})).await.expect(202);
    assert_eq!((&replayed["workflow_version"], &replayed["workflow_id"]), (&json!(2), &json!(head)));
}

#[actix_web::test]
async fn a_replay_that_cannot_be_started_leaves_the_entry_as_it_was() {
    let (orrery, id, _, letter) = failed().await;
    let replay = format!("{DLQ}/{letter}/replay");
    let path = format!("/api/v1/workflows/{id}");
    let schema = json!({"type": "object", "required": ["b"]});
    orrery.put(&path, json!({"input_schema": schema})).await.expect(200);
    let problem = orrery.post(&replay, json!({})).await.problem(409, "dead_letter_not_replayable");
    assert!(problem["detail"].as_str().expect("a text").contains("input_schema"), "{problem}");
    orrery.put(&path, json!({"status": "inactive"})).await.expect(200);
    orrery.post(&replay, json!({})).await.problem(400, "workflow_not_active");
    let entry = orrery.get(&format!("{DLQ}/{letter}")).await.expect(200);
    assert_eq!((&entry["status"], &entry["replayed_run_id"]), (&json!("pending_replay"), &Value::Null));
}

#[actix_web::test]
async fn a_replay_that_the_store_has_no_room_for_leaves_the_entry_as_it_was() {
    let (orrery, _, _, letter) = failed().await;
    let full = orrery.overloaded();
    full.post(&format!("{DLQ}/{letter}/replay"), json!({})).await.problem(503, "overloaded");
    let entry = full.get(&format!("{DLQ}/{letter}")).await.expect(200);
    assert_eq!((&entry["status"], &entry["replayed_run_id"]), (&json!("pending_replay"), &Value::Null));
    let many =
        full.post(&format!("{DLQ}/bulk-replay"), json!({"filter": {"status": "pending_replay"}})).await.expect(200);
    assert_eq!((&many["refused"], &many["outcomes"][0]["code"]), (&json!(1), &json!("overloaded")));
}

#[actix_web::test]
async fn a_replay_that_fails_again_shows_in_the_same_entry_with_all_attempts() {
    let (orrery, _, run, letter) = failed().await;
    let replayed = orrery.post(&format!("{DLQ}/{letter}/replay"), json!({})).await.expect(202);
    let new = replayed["run_id"].as_str().expect("an id").to_owned();
    orrery.clock.advance(Duration::from_secs(1));
    assert_eq!(orrery.fails(&new, "HTTP 500"), letter);
    let entry = orrery.get(&format!("{DLQ}/{letter}")).await.expect(200);
    assert_eq!((&entry["run_id"], &entry["last_run_id"]), (&json!(run), &json!(new)));
    assert_eq!((&entry["status"], &entry["failure_count"]), (&json!("pending_replay"), &json!(2)));
    let history = entry["retry_history"].as_array().expect("attempts");
    let runs: Vec<_> = history.iter().map(|attempt| &attempt["run_id"]).collect();
    assert_eq!(runs, [&json!(run), &json!(new)]);
    orrery.post(&format!("{DLQ}/{letter}/replay"), json!({})).await.expect(202);
}

#[actix_web::test]
async fn a_dead_letter_can_be_deleted() {
    let (orrery, _, run, letter) = failed().await;
    let path = format!("{DLQ}/{letter}");
    let told = orrery.delete(&path).await.expect(200);
    assert_eq!(told["message"], "Dead letter deleted successfully");
    orrery.get(&path).await.problem(404, "dead_letter_not_found");
    orrery.delete(&path).await.problem(404, "dead_letter_not_found");
    orrery.get(&format!("/api/v1/runs/{run}")).await.expect(200);
}

#[actix_web::test]
async fn many_are_replayed_by_a_filter_oldest_first_and_up_to_a_limit() {
    let (orrery, workflow, _, first) = failed().await;
    orrery.clock.advance(Duration::from_secs(1));
    let run = orrery.run(&workflow).await;
    let second = orrery.fails(&run, "HTTP 503");
    let path = format!("{DLQ}/bulk-replay");
    let tried = orrery.post(&path, json!({"filter": {"agent_name": "A"}, "dry_run": true})).await.expect(200);
    let outcomes = |tried: &Value| -> Vec<(String, String)> {
        let outcomes = tried["outcomes"].as_array().expect("outcomes").iter();
        let text = |outcome: &Value, member: &str| outcome[member].as_str().expect("a text").to_owned();
        outcomes.map(|outcome| (text(outcome, "dlq_id"), text(outcome, "outcome"))).collect()
    };
    let would = "would_replay".to_owned();
    assert_eq!(outcomes(&tried), [(first.clone(), would.clone()), (second.clone(), would)]);
    assert_eq!(ids(&orrery.get(&format!("{DLQ}?status=replayed")).await.expect(200)), [""; 0]);

    let one = orrery.post(&path, json!({"filter": {"workflow_id": workflow}, "limit": 1})).await.expect(200);
    assert_eq!(outcomes(&one), [(first.clone(), "replayed".to_owned())]);
    let new = one["outcomes"][0]["run_id"].as_str().expect("an id");
    orrery.get(&format!("/api/v1/runs/{new}")).await.expect(200);
    let rest = orrery.post(&path, json!({"filter": {"status": "pending_replay"}})).await.expect(200);
    assert_eq!(outcomes(&rest), [(second, "replayed".to_owned())]);
    let none = orrery.post(&path, json!({"filter": {"status": "pending_replay"}})).await.expect(200);
    assert_eq!((&none["replayed"], &none["outcomes"]), (&json!(0), &json!([])));
}

#[actix_web::test]
async fn many_are_replayed_by_their_ids_and_one_that_is_refused_keeps_no_other_back() {
    let (orrery, _, _, letter) = failed().await;
    let unknown = "0190c0de-0000-7000-8000-000000000000";
    let path = format!("{DLQ}/bulk-replay");
    let tried = orrery.post(&path, json!({"dlq_ids": [unknown, letter, letter]})).await.expect(200);
    assert_eq!((&tried["replayed"], &tried["refused"]), (&json!(1), &json!(1)));
    let refused = &tried["outcomes"][0];
    assert_eq!((&refused["dlq_id"], &refused["code"]), (&json!(unknown), &json!("dead_letter_not_found")));
    let again = orrery.post(&path, json!({"dlq_ids": [letter], "dry_run": true})).await.expect(200);
    assert_eq!(again["outcomes"][0]["code"], "dead_letter_replayed");
    let forced = orrery.post(&path, json!({"dlq_ids": [letter], "dry_run": true, "force": true})).await.expect(200);
    assert_eq!(forced["outcomes"][0]["outcome"], "would_replay");

    for (body, field) in [
        (json!({}), "body.filter"),
        (json!({"dlq_ids": [letter], "filter": {}}), "body.filter"),
        (json!({"filter": {"agent_name": "  "}}), "body.filter.agent_name"),
        (json!({"filter": {"status": "pending_replay"}, "limit": 1001}), "body.limit"),
        (json!({"dlq_ids": []}), "body.dlq_ids"),
    ] {
        assert_eq!(orrery.post(&path, body.clone()).await.mistakes()[0].0, field, "{body}");
    }
}
