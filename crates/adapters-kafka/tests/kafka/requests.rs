//! Requests of foreign producers: each is handled, in order for each run, and none is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use domain::{
    ports::{Handled, RequestHandler},
    runs::{CancellationRequest, ExecutionRequest},
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{Place, run_id, until};

/// Writes down what it is given, and answers as it is told.
struct Secretary {
    seen: Mutex<Vec<String>>,
    /// How often each run is put off.
    later: Mutex<BTreeMap<String, u32>>,
    refused: BTreeSet<String>,
    /// A request takes as long as nobody lets it go on.
    gate: Option<Semaphore>,
    /// The only run whose requests ever end.
    only: Option<&'static str>,
}

impl Secretary {
    fn new() -> Self {
        Self { seen: Mutex::default(), later: Mutex::default(), refused: BTreeSet::new(), gate: None, only: None }
    }

    async fn take(&self, what: &str, run: &str) -> Handled {
        self.seen.lock().expect("no panic").push(format!("{what} {run}"));
        if self.only.is_some_and(|only| only != run) {
            std::future::pending::<()>().await;
        }
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("open").forget();
        }
        if let Some(times @ 1..) = self.later.lock().expect("no panic").get_mut(run) {
            *times -= 1;
            return Handled::Later("not now".into());
        }
        if self.refused.contains(run) { Handled::Refused("not here".into()) } else { Handled::Done }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl RequestHandler for Secretary {
    async fn execution(&self, request: ExecutionRequest) -> Handled {
        self.take("start", request.run.as_str()).await
    }

    async fn cancellation(&self, request: CancellationRequest) -> Handled {
        self.take("cancel", request.run.as_str()).await
    }
}

fn start(run: &str) -> String {
    json!({"run_id": run, "workflow_plan": {"start_step": "a"}, "input_data": {}}).to_string()
}

fn cancel(run: &str) -> String {
    json!({"run_id": run, "reason": null}).to_string()
}

async fn all_acknowledged(place: &Place, topic: &str, count: i64) {
    let group = &place.config.groups.requests;
    until("all records are acknowledged", async || place.acknowledged(group, topic) == count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_both_kinds_reach_the_handler_and_are_acknowledged() {
    let mut place = Place::new().await;
    let topics = place.config.topics.clone();
    let secretary = Arc::new(Secretary::new());
    for n in 0..20 {
        let run = run_id(n);
        place.send(&topics.execution_requests, run.as_str(), start(run.as_str()).as_str()).await;
        place.send(&topics.cancellation_requests, run.as_str(), cancel(run.as_str()).as_str()).await;
    }
    let (requests, handler) = (place.bus.requests(), Arc::clone(&secretary));
    place.run(|shutdown| requests.run(handler, shutdown));
    all_acknowledged(&place, &topics.execution_requests, 20).await;
    all_acknowledged(&place, &topics.cancellation_requests, 20).await;
    assert_eq!(secretary.seen().into_iter().collect::<BTreeSet<_>>().len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_kept_as_dead_letters_and_its_partition_goes_on() {
    let mut place = Place::with(|config| {
        config.topic_shape.partitions = 1;
        config.max_received_bytes = 1000;
    })
    .await;
    let topics = place.config.topics.clone();
    let secretary = Arc::new(Secretary { refused: BTreeSet::from(["run-refused".to_owned()]), ..Secretary::new() });
    let long = format!("{{\"run_id\": \"{}\"}}", "x".repeat(2000));
    let poison = [
        (Some("{"), "the value is not JSON: EOF while parsing an object at line 1 column 1"),
        (None, "the record has no value"),
        (Some("[]"), "the value is not a JSON object"),
        (Some("{\"run_id\": \"r\"}"), "the record is neither an execution nor a cancellation request"),
        (Some("{\"workflow_plan\": {}}"), "run_id is missing"),
        (Some("{\"workflow_plan\": {}, \"run_id\": \"\"}"), "run_id cannot be taken: run id is empty"),
        (Some(long.as_str()), "the value has 2014 bytes, of which at most 1000 are taken"),
        (Some("{\"workflow_plan\": {}, \"run_id\": \"run-refused\"}"), "not here"),
    ];
    for (n, (value, _)) in poison.iter().enumerate() {
        place.send(&topics.execution_requests, &format!("key-{n}"), *value).await;
    }
    place.send(&topics.execution_requests, "good", start("good").as_str()).await;
    let (requests, handler) = (place.bus.requests(), Arc::clone(&secretary));
    place.run(|shutdown| requests.run(handler, shutdown));
    all_acknowledged(&place, &topics.execution_requests, 9).await;
    assert!(secretary.seen().contains(&"start good".to_owned()));
    let mut letters = place.records(&topics.dead_letters, poison.len()).await;
    letters.sort_by_key(|letter| letter.key.clone());
    for (n, (letter, (value, reason))) in letters.iter().zip(poison).enumerate() {
        assert_eq!((letter.value.as_deref(), letter.headers["dead-letter.reason"].as_str()), (value, reason));
        assert_eq!(letter.headers["dead-letter.topic"], topics.execution_requests);
        assert_eq!(letter.headers["dead-letter.partition"], "0");
        assert_eq!(letter.headers["dead-letter.offset"], n.to_string());
        assert_eq!(letter.headers["dead-letter.key"], format!("key-{n}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_put_off_comes_again_before_what_follows_for_its_run() {
    let mut place = Place::with(|config| config.topic_shape.partitions = 1).await;
    let topics = place.config.topics.clone();
    let later = Mutex::new(BTreeMap::from([("run-1".to_owned(), 3)]));
    let secretary = Arc::new(Secretary { later, ..Secretary::new() });
    for (run, value) in [("run-1", start("run-1")), ("run-1", cancel("run-1")), ("run-2", start("run-2"))] {
        place.send(&topics.execution_requests, run, value.as_str()).await;
    }
    let (requests, handler) = (place.bus.requests(), Arc::clone(&secretary));
    place.run(|shutdown| requests.run(handler, shutdown));
    all_acknowledged(&place, &topics.execution_requests, 3).await;
    let seen = secretary.seen();
    let of_run_1: Vec<_> = seen.iter().filter(|seen| seen.ends_with("run-1")).collect();
    assert_eq!(of_run_1, ["start run-1", "start run-1", "start run-1", "start run-1", "cancel run-1"]);
    let other = seen.iter().position(|seen| seen == "start run-2").expect("it was handled");
    assert!(other < 4, "others do not wait for it: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_dealt_with_before_a_crash_comes_again() {
    let mut place = Place::with(|config| config.topic_shape.partitions = 1).await;
    let topics = place.config.topics.clone();
    for run in ["run-1", "run-2", "run-3"] {
        place.send(&topics.execution_requests, run, start(run).as_str()).await;
    }
    // The others are under way when it crashes.
    let crashed = Arc::new(Secretary { only: Some("run-1"), ..Secretary::new() });
    let (requests, handler) = (place.bus.requests(), Arc::clone(&crashed));
    place.run(|shutdown| requests.run(handler, shutdown));
    until("all are begun", async || crashed.seen().len() == 3).await;
    all_acknowledged(&place, &topics.execution_requests, 1).await;
    place.crash().await;
    let next = Arc::new(Secretary::new());
    let (requests, handler) = (place.bus.requests(), Arc::clone(&next));
    place.run(|shutdown| requests.run(handler, shutdown));
    all_acknowledged(&place, &topics.execution_requests, 3).await;
    assert_eq!(next.seen(), ["start run-2", "start run-3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_told_to_stop_ends_what_it_has_begun() {
    let mut place = Place::with(|config| config.topic_shape.partitions = 1).await;
    let topics = place.config.topics.clone();
    place.send(&topics.execution_requests, "run-1", start("run-1").as_str()).await;
    let secretary = Arc::new(Secretary { gate: Some(Semaphore::new(0)), ..Secretary::new() });
    let (requests, handler) = (place.bus.requests(), Arc::clone(&secretary));
    let shutdown = place.run(|shutdown| requests.run(handler, shutdown));
    until("it is begun", async || secretary.seen().len() == 1).await;
    shutdown.cancel();
    secretary.gate.as_ref().expect("a gate").add_permits(1);
    place.background.join_next().await.expect("it was spawned").expect("no panic");
    assert_eq!(place.acknowledged(&place.config.groups.requests, &topics.execution_requests), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_are_handled_at_once_are_all_handled() {
    let mut place = Place::with(|config| config.max_in_flight = 4).await;
    let topics = place.config.topics.clone();
    let sent = (0..60).map(|n| {
        let (place, topics) = (&place, &topics);
        async move {
            let run = run_id(n);
            place.send(&topics.execution_requests, run.as_str(), start(run.as_str()).as_str()).await
        }
    });
    futures_util::future::join_all(sent).await;
    let secretary = Arc::new(Secretary::new());
    let (requests, handler) = (place.bus.requests(), Arc::clone(&secretary));
    place.run(|shutdown| requests.run(handler, shutdown));
    all_acknowledged(&place, &topics.execution_requests, 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_another_consumer_joins() {
    let mut place = Place::new().await;
    let topics = place.config.topics.clone();
    let (first, second) = (Arc::new(Secretary::new()), Arc::new(Secretary::new()));
    let (requests, handler) = (place.bus.requests(), Arc::clone(&first));
    place.run(|shutdown| requests.run(handler, shutdown));
    for n in 0..30 {
        if n == 10 {
            let (requests, handler) = (place.bus.requests(), Arc::clone(&second));
            place.run(|shutdown| requests.run(handler, shutdown));
        }
        let run = run_id(n);
        place.send(&topics.execution_requests, run.as_str(), start(run.as_str()).as_str()).await;
    }
    all_acknowledged(&place, &topics.execution_requests, 30).await;
    let mut number = 30;
    // Until the newcomer has its share.
    while second.seen().is_empty() {
        assert!(number < 2000, "the second consumer is given nothing");
        let run = run_id(number);
        place.send(&topics.execution_requests, run.as_str(), start(run.as_str()).as_str()).await;
        number += 1;
    }
    all_acknowledged(&place, &topics.execution_requests, i64::from(number)).await;
    let seen: BTreeSet<_> = first.seen().into_iter().chain(second.seen()).collect();
    assert_eq!(seen.len(), usize::try_from(number).expect("small"));
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_are_made_later_are_found() {
    let mut place = Place::with(|config| config.topic_shape.create = false).await;
    let topics = place.config.topics.clone();
    let secretary = Arc::new(Secretary::new());
    let (requests, handler) = (place.bus.requests(), Arc::clone(&secretary));
    place.run(|shutdown| requests.run(handler, shutdown));
    // The broker makes a topic for its first record.
    place.send(&topics.execution_requests, "run-1", start("run-1").as_str()).await;
    until("it is handled", async || secretary.seen() == ["start run-1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_its_hands_full_lets_others_join() {
    let mut place = Place::with(|config| {
        config.topic_shape.partitions = 2;
        config.max_in_flight = 2;
    })
    .await;
    let topics = place.config.topics.clone();
    for n in 0..20 {
        let run = run_id(n);
        place.send(&topics.execution_requests, run.as_str(), start(run.as_str()).as_str()).await;
    }
    let busy = Arc::new(Secretary { gate: Some(Semaphore::new(0)), ..Secretary::new() });
    let (requests, handler) = (place.bus.requests(), Arc::clone(&busy));
    place.run(|shutdown| requests.run(handler, shutdown));
    until("it has its hands full", async || busy.seen().len() == 2).await;
    let newcomer = Arc::new(Secretary::new());
    let (requests, handler) = (place.bus.requests(), Arc::clone(&newcomer));
    place.run(|shutdown| requests.run(handler, shutdown));
    until("the newcomer has its share", async || !newcomer.seen().is_empty()).await;
    assert_eq!(busy.seen().len(), 2, "it was given no more than it can hold");
    busy.gate.as_ref().expect("a gate").add_permits(100);
    all_acknowledged(&place, &topics.execution_requests, 20).await;
}
