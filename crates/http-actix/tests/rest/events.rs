//! Events that runs are told of, and runs that runs have started.

use serde_json::{Value, json};

use crate::support::{Orrery, step};

const EVENTS: &str = "/api/v1/events";

async fn run_that_waits(orrery: &Orrery) -> String {
    orrery.agent("A").await;
    let document = json!({"name": "w", "start_step": "wait", "steps": {
        "wait": {"id": "wait", "type": "wait_for_event", "event_config": {"event": "approved"}, "next_step": "one"},
        "one": step("one"),
    }});
    let made = orrery.post("/api/v1/workflows", document).await.expect(201);
    orrery.run(made["id"].as_str().expect("an id")).await
}

#[actix_web::test]
async fn a_run_that_is_told_of_an_event_is_named_in_the_receipt() {
    let orrery = Orrery::new();
    let run = run_that_waits(&orrery).await;
    let path = format!("/api/v1/runs/{run}/events");
    for body in [
        json!({"event": "approved", "data": {"by": "somebody"}, "id": "approval-17"}),
        json!({"event": "approved"}),
        json!({"event": "nobody waits for this", "data": [1, null]}),
        json!({"event": "approved", "data": {"by": "somebody"}, "id": "approval-17"}),
    ] {
        let told = orrery.post(&path, body).await.expect(202);
        assert_eq!(
            (&told["delivered_to"], &told["message"]),
            (&json!([run]), &json!("1 run was told; its steps decide whether the event counts"))
        );
        assert!(told["timestamp"].is_string());
    }
}

#[actix_web::test]
async fn a_run_that_is_over_or_unknown_is_told_of_nothing() {
    let orrery = Orrery::new();
    let run = run_that_waits(&orrery).await;
    orrery.post(&format!("/api/v1/runs/{run}/cancel"), json!({})).await.expect(200);
    let event = json!({"event": "approved"});
    let refused = orrery.post(&format!("/api/v1/runs/{run}/events"), event.clone()).await;
    let problem = refused.problem(400, "run_not_listening");
    assert_eq!(problem["detail"], "Only pending and running runs can be told of events. Current status: CANCELLED");
    orrery.post("/api/v1/runs/undefined/events", event).await.problem(404, "run_not_found");
}

#[actix_web::test]
async fn an_event_that_nobody_waits_for_reaches_nobody() {
    let orrery = Orrery::new();
    run_that_waits(&orrery).await;
    for body in [
        json!({"event": "paid", "correlation": "order-1", "data": 1}),
        json!({"event": "paid"}),
        json!({"event": "paid", "correlation": null}),
    ] {
        let told = orrery.post(EVENTS, body).await.expect(202);
        assert_eq!((&told["delivered_to"], &told["message"]), (&json!([]), &json!("Nobody waits for this event")));
    }
}

#[actix_web::test]
async fn what_is_no_event_is_refused_with_every_mistake_in_it() {
    let orrery = Orrery::new();
    let run = run_that_waits(&orrery).await;
    let long = "x".repeat(201);
    for path in [format!("/api/v1/runs/{run}/events"), EVENTS.to_owned()] {
        for (body, places) in [
            (json!({}), vec!["body.event"]),
            (json!({"event": ""}), vec!["body.event"]),
            (json!({"event": 7}), vec!["body.event"]),
            (json!({"event": long, "id": ""}), vec!["body.event", "body.id"]),
            (json!({"event": "a\nb", "id": "c\u{7}"}), vec!["body.event", "body.id"]),
            (json!({"event": "e", "id": long, "payload": 1}), vec!["body.id", "body.payload"]),
            (json!({"event": "e", "data": "a\u{0}b"}), vec!["body.data"]),
        ] {
            let mut found: Vec<_> =
                orrery.post(&path, body).await.mistakes().into_iter().map(|(field, _)| field).collect();
            found.sort_unstable();
            assert_eq!(found, places);
        }
        let large = json!({"event": "e", "data": "x".repeat(64 << 10)});
        let problem = orrery.post(&path, large).await.problem(413, "body_too_large");
        assert_eq!(problem["detail"], "The event's data has 65538 bytes, more than the limit of 65536");
    }
    let to_one = json!({"event": "e", "correlation": "c"});
    let found = orrery.post(&format!("/api/v1/runs/{run}/events"), to_one).await.mistakes();
    assert_eq!(found[0].0, "body.correlation");
    for correlation in [json!(long), json!("a\u{0}b"), json!(4711)] {
        let found = orrery.post(EVENTS, json!({"event": "e", "correlation": correlation})).await.mistakes();
        assert_eq!(found[0].0, "body.correlation");
    }
}

#[actix_web::test]
async fn a_run_names_its_parent_and_a_list_holds_only_the_children_of_one() {
    let orrery = Orrery::new();
    orrery.agent("A").await;
    let workflow = orrery.workflow("w").await;
    let (parent, other) = (orrery.run(&workflow).await, orrery.run(&workflow).await);
    let read = orrery.get(&format!("/api/v1/runs/{parent}")).await.expect(200);
    assert_eq!((&read["parent_run_id"], &read["output_data"]), (&Value::Null, &Value::Null));

    let children = [orrery.child(&parent, "first").await, orrery.child(&parent, "second").await];
    orrery.child(&other, "first").await;
    let read = orrery.get(&format!("/api/v1/runs/{}", children[0])).await.expect(200);
    assert_eq!((&read["parent_run_id"], &read["triggered_by"]), (&json!(parent), &json!(parent)));
    let list = orrery.get(&format!("/api/v1/runs?parent_run_id={parent}&sort_by=created_at&sort_order=asc")).await;
    let list = list.expect(200);
    let mut ids: Vec<_> = list["items"].as_array().expect("items").iter().map(|run| run["id"].clone()).collect();
    ids.sort_by_key(ToString::to_string);
    let mut expected = children.map(Value::from).to_vec();
    expected.sort_by_key(ToString::to_string);
    assert_eq!((&list["total"], ids), (&json!(2), expected));
    let none = orrery.get(&format!("/api/v1/runs?parent_run_id={parent}&status=COMPLETED")).await.expect(200);
    assert_eq!(none["total"], 0);
    assert_eq!(orrery.get("/api/v1/runs?parent_run_id=undefined").await.expect(200)["total"], 0);
    for odd in ["x".repeat(256), "a%00b".to_owned()] {
        let found = orrery.get(&format!("/api/v1/runs?parent_run_id={odd}")).await.mistakes();
        assert_eq!(found[0].0, "query.parent_run_id");
    }
}
