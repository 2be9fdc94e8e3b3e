//! Agents with limits and circuit breakers: how the calls to them are getting on.

use std::{sync::Arc, time::Duration};

use domain::agents::{Outcomes, Report, Tally};
use serde_json::{Value, json};

use crate::support::{NoTraffic, Orrery, World};

const AGENTS: &str = "/api/v1/agents";

async fn guarded(orrery: &Orrery) -> String {
    let new = json!({"name": "A", "url": "http://h", "max_concurrent_calls": 5,
        "circuit_breaker_config": {"failure_threshold": 4, "timeout_seconds": 30}});
    orrery.post(AGENTS, new).await.expect(201)["id"].as_str().expect("an id").to_owned()
}

fn failing(report: &Report) -> Report {
    let outcomes = Outcomes { epoch: 0, tally: Tally { successes: 1, failures: 5 }, streak: 5 };
    Report { outcomes, in_flight: 2, waiting: 9, ..report.clone() }
}

async fn seen(orrery: &Orrery, agent: &str) -> Value {
    let one = orrery.get(&format!("{AGENTS}/{agent}")).await.expect(200);
    assert_eq!(orrery.get(AGENTS).await.expect(200)["items"][0], one, "the list says the same");
    one
}

#[actix_web::test]
async fn an_agent_that_nobody_has_called_has_a_closed_breaker_and_no_calls() {
    let orrery = Orrery::new();
    let agent = seen(&orrery, &guarded(&orrery).await).await;
    let closed =
        json!({"state": "closed", "opened_at": null, "retry_at": null, "recent_calls": 0, "recent_failures": 0});
    assert_eq!(agent["circuit_breaker"], closed);
    assert_eq!(agent["calls"], json!({"in_flight": 0, "waiting": 0, "limit": 5}));
}

#[actix_web::test]
async fn an_open_breaker_says_since_when_and_until_when_and_is_half_open_then() {
    let orrery = Orrery::new();
    let id = guarded(&orrery).await;
    orrery.told(&id, failing).await;
    let agent = seen(&orrery, &id).await;
    let breaker = &agent["circuit_breaker"];
    assert_eq!((&breaker["state"], &breaker["opened_at"]), (&json!("open"), &json!("2026-01-31T12:00:00.123456Z")));
    assert_eq!(breaker["retry_at"], "2026-01-31T12:00:30.123456Z");
    assert_eq!(agent["calls"], json!({"in_flight": 2, "waiting": 9, "limit": 5}));

    orrery.clock.advance(Duration::from_secs(30));
    let breaker = &seen(&orrery, &id).await["circuit_breaker"];
    assert_eq!((&breaker["state"], &breaker["retry_at"]), (&json!("half_open"), &Value::Null));
}

#[actix_web::test]
async fn an_agent_without_a_breaker_has_no_state_of_one() {
    let orrery = Orrery::new();
    let new = json!({"name": "A", "url": "http://h", "max_concurrent_calls": 5, "circuit_breaker_config": {"enabled": false}});
    let id = orrery.post(AGENTS, new).await.expect(201)["id"].as_str().expect("an id").to_owned();
    orrery.told(&id, |report| Report { in_flight: 3, ..report.clone() }).await;
    let agent = seen(&orrery, &id).await;
    assert_eq!((agent.get("circuit_breaker"), &agent["calls"]["in_flight"]), (None, &json!(3)));
}

#[actix_web::test]
async fn where_it_is_not_known_the_agent_is_told_without_it() {
    let orrery = Orrery::within(World { traffic: Some(Arc::new(NoTraffic)), ..World::default() });
    let agent = seen(&orrery, &guarded(&orrery).await).await;
    assert_eq!((agent.get("circuit_breaker"), agent.get("calls")), (None, None));
    assert_eq!(agent["max_concurrent_calls"], 5);
}
