//! Schedules over HTTP. Nothing ticks here: that is tested over the use cases, and over the real binary.

use serde_json::{Value, json};

use crate::support::{Orrery, workflow};

const SCHEDULES: &str = "/api/v1/schedules";

async fn furnished() -> (Orrery, String) {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    (orrery, workflow)
}

fn nightly(workflow: &str) -> Value {
    json!({"name": "nightly", "workflow_id": workflow, "cron": "0 3 * * *", "time_zone": "Europe/Berlin"})
}

async fn made(orrery: &Orrery, body: Value) -> (String, Value) {
    let schedule = orrery.post(SCHEDULES, body).await.expect(201);
    (format!("{SCHEDULES}/{}", schedule["id"].as_str().expect("an id")), schedule)
}

#[actix_web::test]
async fn a_schedule_is_made_with_defaults_read_and_listed() {
    let (orrery, workflow) = furnished().await;
    let answer = orrery.post(SCHEDULES, nightly(&workflow)).await;
    let schedule = answer.expect(201);
    assert_eq!(answer.header("location"), format!("{SCHEDULES}/{}", schedule["id"].as_str().expect("an id")));
    let expected = json!({
        "name": "nightly", "workflow_id": workflow, "version": null, "cron": "0 3 * * *", "time_zone": "Europe/Berlin",
        "starts_at": null, "ends_at": null, "input_data": {}, "overlap": "allow", "missed": "last", "missed_limit": null,
        "grace_seconds": 60, "state": "active", "next_at": "2026-02-01T02:00:00.000000Z", "has_queued_tick": false,
        "last_tick": null, "created_by": "system",
    });
    for (member, value) in expected.as_object().expect("members") {
        assert_eq!(schedule[member], *value, "{member}");
    }
    let path = answer.header("location");
    assert_eq!(orrery.get(path).await.expect(200), schedule);
    assert_eq!(orrery.get(SCHEDULES).await.expect(200)["items"], json!([schedule]));
    for (filter, count) in [("state=active", 1), ("state=paused", 0), ("schedule_name=nightly", 1)] {
        assert_eq!(orrery.get(&format!("{SCHEDULES}?{filter}")).await.expect(200)["total"], count, "{filter}");
    }
}

#[actix_web::test]
async fn every_mistake_is_told_at_once_with_its_place() {
    let (orrery, _) = furnished().await;
    let body = json!({
        "name": "x", "workflow_id": "0190c0de-0000-7000-8000-0000000000ff", "cron": "61 * * * *", "time_zone": "Mars/Base",
        "starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z", "input_data": {"a": ["${schedule.tiem}"]},
    });
    let answer = orrery.post(SCHEDULES, body).await;
    let places: Vec<_> = answer.mistakes().into_iter().map(|(place, _)| place).collect();
    assert_eq!(
        places,
        ["body.ends_at", "body.cron", "body.time_zone", "body.input_data.a.0", "body.workflow_id"],
        "{}",
        answer.text()
    );

    let shape =
        json!({"name": " x", "workflow_id": "w", "cron": "", "missed_limit": 3, "grace_seconds": 3601, "more": 1});
    let answer = orrery.post(SCHEDULES, shape).await;
    assert!(answer.mistakes().len() >= 4, "{}", answer.text());
}

#[actix_web::test]
async fn an_input_that_does_not_fit_the_workflow_is_refused_where_it_stands() {
    let (orrery, _) = furnished().await;
    let mut document = workflow("typed");
    document["input_schema"] = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "format": "date-time"}, "n": {"type": "integer"}}});
    let typed = orrery.post("/api/v1/workflows", document).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let mut body = nightly(&typed);
    body["input_data"] = json!({"a": "${schedule.time}", "n": "many"});
    let mistakes = orrery.post(SCHEDULES, body.clone()).await.mistakes();
    assert_eq!(mistakes.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["body.input_data.n"]);
    body["input_data"]["n"] = json!(3);
    orrery.post(SCHEDULES, body).await.expect(201);
}

#[actix_web::test]
async fn a_version_that_is_not_there_and_an_end_without_a_tick_are_refused() {
    let (orrery, workflow) = furnished().await;
    let mut body = nightly(&workflow);
    body["version"] = json!(9);
    body["ends_at"] = json!("2026-02-01T01:59:59Z");
    let places: Vec<_> = orrery.post(SCHEDULES, body).await.mistakes().into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["body.ends_at", "body.version"]);
}

#[actix_web::test]
async fn a_name_is_given_once() {
    let (orrery, workflow) = furnished().await;
    let (path, _) = made(&orrery, nightly(&workflow)).await;
    let taken = orrery.post(SCHEDULES, nightly(&workflow)).await.problem(409, "schedule_name_taken");
    assert_eq!(taken["errors"][0]["pointer"], "/name");
    let mut other = nightly(&workflow);
    other["name"] = json!("other");
    let (other, _) = made(&orrery, other).await;
    orrery.put(&other, json!({"name": "nightly"})).await.problem(409, "schedule_name_taken");
    orrery.delete(&path).await.expect(200);
    orrery.put(&other, json!({"name": "nightly"})).await.expect(200);
}

#[actix_web::test]
async fn what_is_sent_is_changed_and_the_rest_stays() {
    let (orrery, workflow) = furnished().await;
    let mut body = nightly(&workflow);
    body["ends_at"] = json!("2026-03-01T00:00:00Z");
    body["input_data"] = json!({"a": 1});
    let (path, before) = made(&orrery, body).await;
    let changes =
        json!({"cron": "*/10 * * * * *", "ends_at": null, "missed": "all", "missed_limit": 4, "overlap": "queue"});
    let after = orrery.put(&path, changes).await.expect(200);
    assert_eq!(after["next_at"], "2026-01-31T12:00:10.000000Z");
    assert_eq!(
        (&after["ends_at"], &after["missed_limit"], &after["overlap"]),
        (&json!(null), &json!(4), &json!("queue"))
    );
    for same in ["id", "name", "time_zone", "input_data", "created_at", "state"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    let alone = orrery.put(&path, json!({"missed_limit": 4})).await;
    assert_eq!(alone.mistakes()[0].0, "body.missed_limit");
    assert_eq!(orrery.put(&path, json!({"cron": "x"})).await.mistakes()[0].0, "body.cron");
    assert_eq!(orrery.get(&path).await.expect(200), after);
}

#[actix_web::test]
async fn a_schedule_is_paused_and_resumed_as_often_as_one_likes() {
    let (orrery, workflow) = furnished().await;
    let (path, before) = made(&orrery, nightly(&workflow)).await;
    for _ in 0..2 {
        let paused = orrery.post(&format!("{path}/pause"), Value::Null).await.expect(200);
        assert_eq!((&paused["state"], &paused["next_at"]), (&json!("paused"), &json!(null)));
    }
    for _ in 0..2 {
        let resumed = orrery.post(&format!("{path}/resume"), Value::Null).await.expect(200);
        assert_eq!((&resumed["state"], &resumed["next_at"]), (&json!("active"), &before["next_at"]));
    }
    let mut paused = nightly(&workflow);
    paused["name"] = json!("asleep");
    paused["paused"] = json!(true);
    let (_, asleep) = made(&orrery, paused).await;
    assert_eq!((&asleep["state"], &asleep["next_at"]), (&json!("paused"), &json!(null)));
}

#[actix_web::test]
async fn a_run_can_be_had_at_once_and_is_listed_among_the_ticks() {
    let (orrery, workflow) = furnished().await;
    let mut body = nightly(&workflow);
    body["input_data"] = json!({"a": "${schedule.name} at ${schedule.time}"});
    let (path, _) = made(&orrery, body).await;
    let tick = orrery.post(&format!("{path}/trigger"), Value::Null).await.expect(202);
    assert_eq!((&tick["manual"], &tick["status"]), (&json!(true), &json!("started")));
    let run = orrery.get(&format!("/api/v1/runs/{}", tick["run_id"].as_str().expect("a run"))).await.expect(200);
    assert_eq!(run["input_data"], json!({"a": "nightly at 2026-01-31T12:00:00.123456Z"}));
    assert_eq!(run["triggered_by"], "system");
    let ticks = orrery.get(&format!("{path}/runs")).await.expect(200);
    assert_eq!((&ticks["items"], &ticks["total"]), (&json!([tick]), &json!(1)));
    assert_eq!(orrery.get(&path).await.expect(200)["last_tick"], Value::Null, "it is none of the schedule's own");

    orrery.put(&format!("/api/v1/workflows/{workflow}"), json!({"status": "inactive"})).await.expect(200);
    orrery.post(&format!("{path}/trigger"), Value::Null).await.problem(409, "schedule_not_started");
    let ticks = orrery.get(&format!("{path}/runs?page_size=2")).await.expect(200);
    let refused = ticks["items"].as_array().expect("items").iter().find(|tick| tick["status"] == "refused");
    let refused = refused.expect("it is written down");
    assert_eq!((&refused["reason"], &refused["run_id"]), (&json!("not_started"), &json!(null)));
    assert!(refused["error_message"].as_str().is_some_and(|why| why.contains("inactive")), "{refused}");
}

#[actix_web::test]
async fn the_next_ticks_can_be_looked_at_before_and_after_a_schedule_is_made() {
    let (orrery, workflow) = furnished().await;
    let timing =
        json!({"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "starts_at": "2026-03-28T00:00:00Z", "count": 3});
    let next = orrery.post(&format!("{SCHEDULES}/preview"), timing).await.expect(200);
    let expected = json!([
        {"at": "2026-03-28T01:30:00.000000Z", "local": "2026-03-28T02:30:00+01:00"},
        {"at": "2026-03-29T01:00:00.000000Z", "local": "2026-03-29T03:00:00+02:00"},
        {"at": "2026-03-30T00:30:00.000000Z", "local": "2026-03-30T02:30:00+02:00"},
    ]);
    assert_eq!(next["items"], expected);
    let wrong = orrery.post(&format!("{SCHEDULES}/preview"), json!({"cron": "x", "time_zone": "y"})).await;
    assert_eq!(wrong.mistakes().len(), 2);

    let mut body = nightly(&workflow);
    body["ends_at"] = json!("2026-02-02T12:00:00Z");
    let (path, _) = made(&orrery, body).await;
    let all = orrery.get(&format!("{path}/next?count=10")).await.expect(200);
    let local: Vec<_> = all["items"].as_array().expect("items").iter().map(|tick| &tick["local"]).collect();
    assert_eq!(local, ["2026-02-01T03:00:00+01:00", "2026-02-02T03:00:00+01:00"]);
    orrery.post(&format!("{path}/pause"), Value::Null).await.expect(200);
    assert_eq!(orrery.get(&format!("{path}/next?count=10")).await.expect(200), all);
}

#[actix_web::test]
async fn what_is_not_there_is_not_found() {
    let (orrery, _) = furnished().await;
    let path = format!("{SCHEDULES}/0190c0de-0000-7000-8000-0000000000ff");
    orrery.get(&path).await.problem(404, "schedule_not_found");
    orrery.put(&path, json!({"name": "x"})).await.problem(404, "schedule_not_found");
    orrery.delete(&path).await.problem(404, "schedule_not_found");
    for action in ["pause", "resume", "trigger"] {
        orrery.post(&format!("{path}/{action}"), Value::Null).await.problem(404, "schedule_not_found");
    }
    for list in ["runs", "next"] {
        orrery.get(&format!("{path}/{list}")).await.problem(404, "schedule_not_found");
    }
}

#[actix_web::test]
async fn every_change_is_in_the_audit_log() {
    let (orrery, workflow) = furnished().await;
    let (path, schedule) = made(&orrery, nightly(&workflow)).await;
    orrery.put(&path, json!({"cron": "0 4 * * *", "input_data": {"secret": 1}})).await.expect(200);
    for action in ["pause", "resume"] {
        orrery.post(&format!("{path}/{action}"), Value::Null).await.expect(200);
    }
    orrery.post(&format!("{path}/trigger"), Value::Null).await.expect(202);
    orrery.delete(&path).await.expect(200);
    let id = schedule["id"].as_str().expect("an id");
    let log = orrery.get(&format!("/api/v1/audit-logs?entity_type=schedule&entity_id={id}")).await.expect(200);
    let rows = log["items"].as_array().expect("rows");
    let mut actions: Vec<_> = rows.iter().map(|row| row["action"].as_str().expect("an action")).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["create", "delete", "execute", "pause", "unpause", "update"]);
    assert!(!log.to_string().contains("secret"), "of an input only size and digest are told");
}
