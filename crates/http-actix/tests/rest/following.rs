//! Following runs that are over: streams that end, pages, logs, and waiting for an end.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::{
    callers::{self, BLIND, presenting},
    support::{Answer, Orrery},
};

/// The events of a stream, as id, kind and data.
fn events(answer: &Answer) -> Vec<(u64, String, Value)> {
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "text/event-stream"),
        "{}",
        answer.text()
    );
    let text = answer.text();
    let mut found = Vec::new();
    for block in text.split("\n\n").filter(|block| block.starts_with("id:")) {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("no {name} in {block}"))
        };
        let data = serde_json::from_str(field("data")).expect("JSON");
        found.push((field("id").parse().expect("a number"), field("event").to_owned(), data));
    }
    found
}

async fn failed_run(orrery: &Orrery) -> String {
    orrery.agent("A").await;
    let run = orrery.run(&orrery.workflow("w").await).await;
    orrery.fails(&run, "secret reason");
    run
}

fn accepting(accept: &str) -> TestRequest {
    TestRequest::get().insert_header(("accept", accept))
}

#[actix_web::test]
async fn a_stream_of_a_run_that_is_over_tells_everything_and_ends() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let answer = orrery.send(accepting("text/event-stream"), &format!("/api/v1/runs/{run}/events")).await;
    let told = events(&answer);
    let kinds: Vec<_> = told.iter().map(|(id, kind, _)| (*id, kind.as_str())).collect();
    assert_eq!(kinds, [(1, "started"), (2, "step_dispatched"), (3, "step_failed"), (4, "run_failed")]);
    for (id, kind, data) in &told {
        assert_eq!((&data["seq"], &data["type"], &data["run_id"]), (&json!(id), &json!(kind), &json!(run)));
    }
    let failed = &told[2].2;
    assert_eq!((&failed["step"], &failed["attempt"], &failed["agent"]), (&json!("one"), &json!(1), &json!("A")));
    assert_eq!((&failed["execution"], &failed["detail"]), (&json!(2), &json!("secret reason")));
    assert!(answer.text().starts_with("retry: 1000\n\n") && answer.text().ends_with(": nothing more comes\n\n"));
    assert_eq!((answer.header("cache-control"), answer.header("x-accel-buffering")), ("no-store", "no"));
}

#[actix_web::test]
async fn a_stream_goes_on_after_the_last_event_of_the_client() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let path = format!("/api/v1/runs/{run}/events?after=1");
    let ids = |answer: &Answer| events(answer).iter().map(|(id, ..)| *id).collect::<Vec<_>>();
    assert_eq!(ids(&orrery.send(accepting("text/event-stream"), &path).await), [2, 3, 4]);
    let came_back = accepting("text/event-stream").insert_header(("last-event-id", "3"));
    assert_eq!(ids(&orrery.send(came_back, &path).await), [4], "the header is newer than the address");
    let has_all = accepting("text/event-stream").insert_header(("last-event-id", "4"));
    let answer = orrery.send(has_all, &path).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "a browser must not come back again and again");
}

#[actix_web::test]
async fn events_come_in_pages_for_those_who_want_json() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let path = format!("/api/v1/runs/{run}/events");
    let mut after = 0;
    let mut kinds = Vec::new();
    loop {
        let page =
            orrery.send(accepting("application/json"), &format!("{path}?after={after}&limit=3")).await.expect(200);
        kinds.extend(page["items"].as_array().expect("items").iter().map(|event| event["type"].clone()));
        after = page["next_after"].as_u64().expect("a number");
        assert_eq!(page["status"], "FAILED");
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((after, kinds.len()), (4, 4));
    let end = orrery.send(accepting("application/json"), &format!("{path}?after=4")).await.expect(200);
    assert_eq!(end, json!({"items": [], "next_after": 4, "has_more": false, "status": "FAILED"}));
}

#[actix_web::test]
async fn only_who_names_a_stream_gets_one() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    for path in [format!("/api/v1/runs/{run}/events"), "/api/v1/runs/events?after=start".to_owned()] {
        for request in [TestRequest::get(), accepting("*/*"), accepting("text/html, */*;q=0.8")] {
            let answer = orrery.send(request, &path).await;
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
            assert!(answer.expect(200)["items"].is_array(), "{path}");
        }
    }
    let path = format!("/api/v1/runs/{run}/events");
    let page = orrery.send(TestRequest::get().insert_header(("last-event-id", "3")), &path).await.expect(200);
    assert_eq!(page["items"][0]["seq"], 4, "the header is a place and no wish for a stream: {page}");
}

#[actix_web::test]
async fn an_address_that_asks_for_a_stream_and_a_header_that_takes_none_contradict_each_other() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let path = format!("/api/v1/runs/{run}/logs?follow=true");
    orrery.send(accepting("application/json"), &path).await.problem(406, "not_acceptable");
    for request in [TestRequest::get(), accepting("*/*"), accepting("application/json, text/plain, */*")] {
        assert_eq!(events(&orrery.send(request, &path).await).len(), 4);
    }
}

#[actix_web::test]
async fn what_cannot_be_meant_is_refused_where_it_was_said() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let path = format!("/api/v1/runs/{run}/events");
    orrery.send(accepting("text/html"), &path).await.problem(406, "not_acceptable");
    orrery.get("/api/v1/runs/nobody/events").await.problem(404, "run_not_found");
    orrery.send(accepting("application/json"), "/api/v1/runs/nobody/events").await.problem(404, "run_not_found");
    orrery.get("/api/v1/runs/nobody/logs").await.problem(404, "run_not_found");
    let ahead = "the run has 4 events so far, so none after number 5 can follow".to_owned();
    for accept in ["text/event-stream", "application/json"] {
        let answer = orrery.send(accepting(accept), &format!("{path}?after=5")).await;
        assert_eq!(answer.mistakes(), [("query.after".to_owned(), ahead.clone())]);
        let answer = orrery.send(accepting(accept).insert_header(("last-event-id", "5")), &path).await;
        assert_eq!(answer.mistakes(), [("header.Last-Event-ID".to_owned(), ahead.clone())]);
    }
    let answer =
        orrery.send(accepting("*/*").insert_header(("last-event-id", "x")), &format!("{path}?limit=0&x=1")).await;
    let fields: Vec<_> = answer.mistakes().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["query.limit", "query.x", "header.Last-Event-ID"], "all at once");
}

#[actix_web::test]
async fn the_log_of_a_run_is_read_by_level_and_step() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let path = format!("/api/v1/runs/{run}/logs");
    let log = orrery.get(&path).await.expect(200);
    let lines: Vec<_> =
        log["items"].as_array().expect("items").iter().map(|e| (e["level"].as_str(), e["message"].as_str())).collect();
    assert_eq!(
        lines,
        [
            (Some("info"), Some("The run has started")),
            (Some("info"), Some("Step 'one' calls A")),
            (Some("error"), Some("Step 'one' has failed for good after 0 ms")),
            (Some("error"), Some("The run has failed")),
        ]
    );
    let seqs = async |query: &str| {
        let log = orrery.get(&format!("{path}?{query}")).await.expect(200);
        log["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|entry| entry["seq"].as_u64().expect("a number"))
            .collect::<Vec<_>>()
    };
    assert_eq!(seqs("level=error").await, [3, 4]);
    assert_eq!(seqs("step=one").await, [2, 3]);
    assert_eq!(seqs("step=one&level=WARN").await, [3]);
    assert_eq!(seqs("level=error&limit=1").await, [3]);
    assert_eq!(seqs("after=2").await, [3, 4]);
    assert_eq!(seqs("step=two").await, [0_u64; 0]);
    let page = orrery.get(&format!("{path}?level=error&limit=1")).await.expect(200);
    assert_eq!((&page["next_after"], &page["has_more"]), (&json!(3), &json!(true)));
}

#[actix_web::test]
async fn a_log_can_be_followed() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let path = format!("/api/v1/runs/{run}/logs");
    let by_parameter = events(&orrery.get(&format!("{path}?follow=true&level=error")).await);
    let by_header = events(&orrery.send(accepting("text/event-stream"), &format!("{path}?level=error")).await);
    assert_eq!(by_parameter, by_header);
    assert_eq!(
        by_header.iter().map(|(id, kind, _)| (*id, kind.as_str())).collect::<Vec<_>>(),
        [(3, "log"), (4, "log")]
    );
    let answer = orrery.get(&format!("{path}?follow=perhaps")).await;
    assert_eq!(answer.mistakes()[0].0, "query.follow");
}

#[actix_web::test]
async fn what_agents_and_people_said_is_hidden_from_those_who_see_no_data() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let orrery = orrery.behind(callers::Callers);
    for (path, accept) in [
        ("events", "text/event-stream"),
        ("events", "application/json"),
        ("logs", "text/event-stream"),
        ("logs", "application/json"),
    ] {
        let send = async |caller: &str| {
            let answer =
                orrery.send(presenting(accepting(accept), caller), &format!("/api/v1/runs/{run}/{path}")).await;
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
            answer.text()
        };
        let (seen, hidden) = (send(&callers::key_of(domain::access::Role::Admin)).await, send(BLIND).await);
        assert!(seen.contains("secret reason") && !seen.contains("payloads_hidden"), "{path} {accept}");
        assert!(!hidden.contains("secret reason") && hidden.contains("payloads_hidden"), "{path} {accept}: {hidden}");
    }
}

#[actix_web::test]
async fn who_would_wait_longer_than_the_run_takes_is_answered_as_without_waiting() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let path = format!("/api/v1/workflows/{}/execute", orrery.workflow("w").await);
    let start =
        |prefer: &str| TestRequest::post().insert_header(("prefer", prefer)).set_json(json!({"input_data": {"a": 1}}));
    let answer = orrery.send(start("wait=0"), &path).await;
    assert_eq!(answer.expect(202)["status"], "PENDING");
    assert_eq!((answer.header("preference-applied"), answer.header("location").is_empty()), ("wait=0", false));
    let answer = orrery.send(start("respond-async"), &path).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (202, ""));
}

#[actix_web::test]
async fn the_changes_of_all_runs_come_in_pages_each_once() {
    let orrery = Orrery::new();
    let run = failed_run(&orrery).await;
    let other = orrery.run(&orrery.workflow("other").await).await;
    let page = async |query: &str| {
        orrery.send(accepting("application/json"), &format!("/api/v1/runs/events?{query}")).await.expect(200)
    };
    let changes = |page: &Value| -> Vec<(String, String)> {
        let text = |item: &Value, name: &str| item[name].as_str().expect("a text").to_owned();
        page["items"].as_array().expect("items").iter().map(|c| (text(c, "run_id"), text(c, "status"))).collect()
    };
    let told = |run: &str, status: &str| (run.to_owned(), status.to_owned());
    let all = [told(&run, "PENDING"), told(&run, "FAILED"), told(&other, "PENDING")];
    assert_eq!(changes(&page("after=start").await), all);
    let (mut after, mut found) = ("start".to_owned(), Vec::new());
    loop {
        let one = page(&format!("after={after}&limit=1")).await;
        found.extend(changes(&one));
        after = one["next_after"].as_str().expect("a place").to_owned();
        if one["has_more"] == false {
            break;
        }
    }
    assert_eq!(found, all);
    assert_eq!(changes(&page("after=start&status=FAILED").await), [told(&run, "FAILED")]);
    assert_eq!(changes(&page("after=start&workflow_name=other").await), [told(&other, "PENDING")]);
    let now = page("").await;
    assert_eq!((changes(&now), &now["next_after"]), (vec![], &json!(after)), "from now on there is nothing yet");
    let answer = orrery.send(accepting("application/json"), "/api/v1/runs/events?after=42&limit=0").await;
    assert_eq!(answer.mistakes().len(), 2, "{}", answer.text());
}

#[actix_web::test]
async fn who_goes_on_from_a_place_after_which_something_was_forgotten_is_told_so() {
    use domain::{Timestamp, ids::FeedPlace, ports::RunFeed};
    let orrery = Orrery::new();
    failed_run(&orrery).await;
    let (store, last) = (orrery.store(), FeedPlace::new(u64::from(u32::MAX)));
    let forgotten = store.forget(Timestamp::MAX_UTC, last, 1).await.expect("memory");
    assert_eq!(forgotten, 1);
    for accept in ["application/json", "text/event-stream"] {
        let answer = orrery.send(accepting(accept), "/api/v1/runs/events?after=c0").await;
        answer.problem(410, "place_forgotten");
    }
    let rest = orrery.send(accepting("application/json"), "/api/v1/runs/events?after=start").await.expect(200);
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(1), "who begins anew is told what there is: {rest}");
}
