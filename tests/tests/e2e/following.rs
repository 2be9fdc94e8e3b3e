//! Following a run: over restarts, with credentials that end, with clients that hang up, and no more of them than there may be.

use std::time::{Duration, Instant};

use e2e_tests::{AgentSpec, Follower, Piece, StreamEvent, eventually, workflow};
use reqwest::Method;
use serde_json::json;

use crate::House;

fn events_of(run: &str) -> String {
    format!("/runs/{run}/events")
}

/// A workflow whose steps take this long, and a run of it that is under way.
async fn slow_run(house: &House, steps: usize, ms: u64) -> String {
    house.client().register(AgentSpec::new("slow", house.agents.url(&format!("slow?ms={ms}"))).attempts(3)).await;
    let names: Vec<String> = (0..steps).map(|n| format!("s{n}")).collect();
    let steps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "slow")).collect();
    let id = house.client().create(&workflow("slow", &steps)).await;
    house.client().execute(&id, "hello").await
}

fn numbers(events: &[StreamEvent]) -> Vec<u64> {
    events.iter().map(|event| event.id.parse().expect("the id is a number")).collect()
}

#[tokio::test]
async fn a_stream_tells_each_event_once_as_it_comes_and_ends_with_the_run() {
    let house = House::new().await;
    let run = slow_run(&house, 3, 300).await;
    let mut stream = Follower::open(house.orrery.url(), &events_of(&run), None).await;
    let first = stream.next().await.expect("a first event");
    assert_eq!(first.kind, "started");
    assert_eq!(house.client().run(&run).await["status"], "RUNNING", "it is told while the run goes on");
    let mut events = vec![first];
    events.extend(stream.rest().await);
    assert_eq!(numbers(&events), (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.last().map(|event| event.kind.as_str()), Some("run_completed"));
    assert_eq!(house.client().run(&run).await["status"], "COMPLETED", "it ends when the run has ended");
    let again = Follower::open(house.orrery.url(), &events_of(&run), None).await.rest().await;
    assert_eq!(again, events, "who comes later is told the same");
    let over = Follower::try_open(house.orrery.url(), &events_of(&run), Some(&events.len().to_string())).await;
    assert_eq!(over.err().map(|(status, _)| status.as_u16()), Some(204));
}

#[tokio::test]
async fn after_a_kill_of_the_server_a_client_goes_on_where_it_was_and_has_every_event_once() {
    let mut house = House::new().await;
    let run = slow_run(&house, 8, 250).await;
    let mut events: Vec<StreamEvent> = Vec::new();
    for _ in 0..2 {
        let last = events.last().map(|event| event.id.clone());
        let mut stream = Follower::open(house.orrery.url(), &events_of(&run), last.as_deref()).await;
        for _ in 0..4 {
            events.push(stream.next().await.expect("the run goes on"));
        }
        house = house.crash().await;
        // What had arrived has arrived.
        events.extend(stream.rest().await);
    }
    let last = events.last().map(|event| event.id.clone());
    events.extend(Follower::open(house.orrery.url(), &events_of(&run), last.as_deref()).await.rest().await);
    assert_eq!(numbers(&events), (1..=events.len() as u64).collect::<Vec<_>>(), "each once, and none is missing");
    assert_eq!(events.last().map(|event| event.kind.as_str()), Some("run_completed"));
    assert_eq!(events.iter().filter(|event| event.kind == "step_succeeded").count(), 8);
}

#[tokio::test]
async fn streams_end_at_once_when_the_server_stops_and_hold_nothing_up() {
    let house = House::new().await;
    let run = slow_run(&house, 1, 1500).await;
    let mut stream = Follower::open(house.orrery.url(), &events_of(&run), None).await;
    stream.next().await.expect("a first event");
    let House { orrery, agents: _agents, folder: _folder } = house;
    let asked = Instant::now();
    let listens = async {
        let mut comments = Vec::new();
        while let Some(piece) = stream.piece().await {
            if let Piece::Comment(text) = piece {
                comments.push(text);
            }
        }
        (comments, asked.elapsed())
    };
    let ((comments, took), ended) = tokio::join!(listens, orrery.terminate());
    assert!(took < Duration::from_secs(4), "sooner than the server would wait for it: {took:?}");
    assert_eq!(comments.last().map(String::as_str), Some("the server stops; come back and go on"));
    assert!(ended.status.success(), "{:?}", ended.stderr);
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked() {
    let house = House::new().await;
    let run = slow_run(&house, 1, 30_000).await;
    let key = house.client().post("/api-keys", &json!({"name": "follower", "role": "viewer"})).await.expect(201);
    let url = format!("{}/api/v1{}", house.orrery.url(), events_of(&run));
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let text = key["api_key"].as_str().expect("a key");
    let answer =
        http.get(url).header("x-api-key", text).header("accept", "text/event-stream").send().await.expect("an answer");
    let mut stream = Follower::of(answer).await.unwrap_or_else(|refused| panic!("{refused:?}"));
    stream.next().await.expect("a first event");
    let path = format!("/api-keys/{}", key["key"]["id"].as_str().expect("an id"));
    house.client().send(Method::DELETE, &path, None).await;
    let revoked = Instant::now();
    while stream.piece().await.is_some() {}
    assert!(revoked.elapsed() < Duration::from_secs(5), "it took {:?}", revoked.elapsed());
}

#[tokio::test]
async fn there_are_no_more_streams_than_there_may_be_and_who_hangs_up_frees_a_place() {
    let house = House::with(&["--max-streams", "2"]).await;
    let run = slow_run(&house, 1, 30_000).await;
    let (url, path) = (house.orrery.url(), events_of(&run));
    let mut one = Follower::open(url, &path, None).await;
    let mut two = Follower::open(url, &format!("/runs/{run}/logs"), None).await;
    assert!(one.next().await.is_some() && two.next().await.is_some());
    let refused = Follower::try_open(url, &path, None).await.err().expect("there are two already");
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(refused.1.contains("too_many_streams"), "{}", refused.1);
    let page = house.client().get(&path).await;
    assert_eq!(page.status, 200, "a page takes no stream's place");
    assert!((house.orrery.metric("orrery_open_streams", "").await - 2.0).abs() < 0.1);
    drop(one);
    // Nothing happens in the run, so nothing is written by which the server could notice.
    eventually("the place is free", async || Follower::try_open(url, &path, None).await.ok().map(drop)).await;
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_outlives_every_time_of_the_server_and_is_heard_now_and_then() {
    let house = House::with(&["--keep-alive-seconds", "1", "--head-timeout-seconds", "1"]).await;
    let run = slow_run(&house, 1, 40_000).await;
    let mut stream = Follower::open(house.orrery.url(), &events_of(&run), Some("2")).await;
    assert_eq!(stream.piece().await, Some(Piece::Comment(String::new())), "a heartbeat");
    let cancelled = house.client().post(&format!("/runs/{run}/cancel"), &json!({})).await;
    let told = Instant::now();
    cancelled.expect(200);
    let event = stream.next().await.expect("the connection is there");
    assert_eq!((event.kind.as_str(), event.id.as_str()), ("run_cancelled", "3"));
    assert!(told.elapsed() < Duration::from_secs(10), "before the next heartbeat");
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_run_that_is_resumed_can_be_followed_again() {
    let house = House::new().await;
    let run = slow_run(&house, 2, 400).await;
    let mut stream = Follower::open(house.orrery.url(), &events_of(&run), None).await;
    stream.next().await.expect("a first event");
    house.client().post(&format!("/runs/{run}/cancel"), &json!({})).await.expect(200);
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event);
    }
    let last = last.expect("the cancellation is told");
    assert_eq!(last.kind, "run_cancelled");
    house.client().post(&format!("/runs/{run}/retry"), &json!({})).await.expect(202);
    let events = Follower::open(house.orrery.url(), &events_of(&run), Some(&last.id)).await.rest().await;
    assert_eq!(events.first().map(|event| event.kind.as_str()), Some("run_resumed"));
    assert_eq!(events.last().map(|event| event.kind.as_str()), Some("run_completed"));
}

#[tokio::test]
async fn the_log_of_a_run_can_be_followed_live() {
    let house = House::new().await;
    let run = slow_run(&house, 2, 200).await;
    let entries = Follower::open(house.orrery.url(), &format!("/runs/{run}/logs?level=info"), None).await.rest().await;
    let lines: Vec<_> = entries.iter().map(|entry| entry.data["message"].as_str().unwrap_or_default()).collect();
    assert_eq!((lines.first(), lines.last()), (Some(&"The run has started"), Some(&"The run has completed")));
    assert!(lines.contains(&"Step 's1' calls slow"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Step 's0' has succeeded after ")), "{lines:?}");
    let page = house.client().get(&format!("/runs/{run}/logs?step=s1")).await.expect(200);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2), "{page}");
}
