//! Following all runs over kills of the server.

use std::collections::BTreeMap;

use e2e_tests::{AgentSpec, Follower, StreamEvent, workflow};

use crate::House;

const ALL: &str = "/runs/events?workflow_name=watched";

fn text(event: &StreamEvent, member: &str) -> String {
    event.data[member].as_str().unwrap_or_else(|| panic!("no {member} in {event:?}")).to_owned()
}

#[tokio::test]
async fn each_change_of_each_run_is_told_once_over_kills_of_the_server_and_others_are_not() {
    let mut house = House::new().await;
    house.client().register(AgentSpec::new("slow", house.agents.url("slow?ms=150")).attempts(3)).await;
    let steps = [("a", "slow"), ("b", "slow"), ("c", "slow")];
    let watched = house.client().create(&workflow("watched", &steps)).await;
    let other = house.client().create(&workflow("other", &[("a", "echo")])).await;
    let mut stream = Follower::open(house.orrery.url(), ALL, None).await;
    let mut runs = Vec::new();
    for _ in 0..12 {
        runs.push(house.client().execute(&watched, "hello").await);
        house.client().execute(&other, "hello").await;
    }
    let mut events: Vec<StreamEvent> = Vec::new();
    for _ in 0..2 {
        for _ in 0..3 {
            events.push(stream.next().await.expect("runs go on"));
        }
        house = house.crash().await;
        events.extend(stream.rest().await);
        let last = events.last().map(|event| event.id.clone());
        stream = Follower::open(house.orrery.url(), ALL, last.as_deref()).await;
    }
    let completed = |events: &[StreamEvent]| events.iter().filter(|event| text(event, "status") == "COMPLETED").count();
    while completed(&events) < runs.len() {
        events.push(stream.next().await.expect("it has no end"));
    }
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in &events {
        assert_eq!((event.kind.as_str(), text(event, "workflow_name").as_str()), ("run", "watched"));
        told.entry(text(event, "run_id")).or_default().push(text(event, "status"));
    }
    runs.sort();
    assert_eq!(told.keys().cloned().collect::<Vec<_>>(), runs);
    for (run, statuses) in told {
        let mut once = statuses.clone();
        once.dedup();
        assert_eq!(once, statuses, "run {run} is told of twice");
        assert_eq!(statuses.last().map(String::as_str), Some("COMPLETED"), "run {run}");
        assert!(statuses.len() <= 3, "run {run}: {statuses:?}");
    }
}
