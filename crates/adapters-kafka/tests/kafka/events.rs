//! Events of foreign producers: each reaches the handler as it was meant, under an id of its own, and none is lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use domain::{
    ids::RunId,
    ports::{EventHandler, Handled},
    runs::{RaisedEvent, Receivers},
};
use serde_json::json;

use crate::support::{Place, payload, until};

/// Writes down what it is told, and answers as it is told to.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<RaisedEvent>>,
    /// How often each event is put off.
    later: Mutex<BTreeMap<String, u32>>,
    refused: BTreeSet<String>,
    /// The events that never end.
    endless: BTreeSet<String>,
}

impl Ear {
    fn heard(&self) -> Vec<RaisedEvent> {
        self.heard.lock().expect("no panic").clone()
    }

    /// The ids under which an event came.
    fn ids(&self, name: &str) -> Vec<String> {
        self.heard().into_iter().filter(|event| event.name == name).map(|event| event.id).collect()
    }
}

#[async_trait]
impl EventHandler for Ear {
    async fn event(&self, event: RaisedEvent) -> Handled {
        let name = event.name.clone();
        self.heard.lock().expect("no panic").push(event);
        if self.endless.contains(&name) {
            std::future::pending::<()>().await;
        }
        if let Some(times @ 1..) = self.later.lock().expect("no panic").get_mut(&name) {
            *times -= 1;
            return Handled::Later("not now".into());
        }
        if self.refused.contains(&name) { Handled::Refused("nobody is there".into()) } else { Handled::Done }
    }
}

/// One partition, so that places are known.
async fn place() -> Place {
    Place::with(|config| {
        config.topic_shape.partitions = 1;
        config.max_received_bytes = 1000;
    })
    .await
}

fn listen(place: &mut Place, ear: &Arc<Ear>) {
    let (events, handler) = (place.bus.events(), Arc::clone(ear));
    place.run(|shutdown| events.run(handler, shutdown));
}

async fn all_acknowledged(place: &Place, count: i64) {
    let (group, topic) = (&place.config.groups.events, &place.config.topics.events);
    until("all records are acknowledged", async || place.acknowledged(group, topic) == count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_handler_with_those_whom_they_concern_and_an_id() {
    let mut place = place().await;
    let topic = place.config.topics.events.clone();
    for value in [
        json!({"event": "paid", "run_id": "run-1", "data": {"n": 1}}),
        json!({"event": "shipped", "correlation": "order-7", "data": [2], "id": "parcel-3"}),
        json!({"event": "closed"}),
    ] {
        place.send(&topic, "k", value.to_string().as_str()).await;
    }
    let ear = Arc::new(Ear::default());
    listen(&mut place, &ear);
    all_acknowledged(&place, 3).await;
    let event =
        |name: &str, to, data, id: &str| RaisedEvent { name: name.into(), to, data: payload(data), id: id.into() };
    let waiting = |correlation: &str| Receivers::Waiting { correlation: correlation.into() };
    let heard = [
        event(
            "paid",
            Receivers::Run(RunId::parse("run-1").expect("an id")),
            json!({"n": 1}),
            &format!("kafka/{topic}/0/0"),
        ),
        event("shipped", waiting("order-7"), json!([2]), "parcel-3"),
        event("closed", waiting(""), json!(null), &format!("kafka/{topic}/0/2")),
    ];
    assert_eq!(ear.heard(), heard, "in their order: they have the same key");
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_kept_as_dead_letters_and_the_partition_of_events_goes_on() {
    let mut place = place().await;
    let topics = place.config.topics.clone();
    let ear = Arc::new(Ear { refused: BTreeSet::from(["refused".to_owned()]), ..Ear::default() });
    let long = json!({"event": "e", "data": "x".repeat(2000)}).to_string();
    let poison = [
        (Some("{"), "the value is not JSON: EOF while parsing an object at line 1 column 1"),
        (None, "the record has no value"),
        (Some("[]"), "the value is not a JSON object"),
        (Some("{\"event\": \"\"}"), "event is not a text of 1 to 200 characters"),
        (Some("{\"event\": \"e\", \"to\": 1}"), "'to' is not a member that is known"),
        (
            Some("{\"event\": \"e\", \"run_id\": \"r\", \"correlation\": \"c\"}"),
            "run_id and correlation exclude each other",
        ),
        (Some(long.as_str()), "the value has 2023 bytes, of which at most 1000 are taken"),
        (Some("{\"event\": \"refused\"}"), "nobody is there"),
    ];
    for (n, (value, _)) in poison.iter().enumerate() {
        place.send(&topics.events, &format!("key-{n}"), *value).await;
    }
    place.send(&topics.events, "good", "{\"event\": \"good\"}").await;
    listen(&mut place, &ear);
    all_acknowledged(&place, 9).await;
    assert_eq!(ear.ids("good").len(), 1);
    let mut letters = place.records(&topics.dead_letters, poison.len()).await;
    letters.sort_by_key(|letter| letter.key.clone());
    for (n, (letter, (value, reason))) in letters.iter().zip(poison).enumerate() {
        assert_eq!((letter.value.as_deref(), letter.headers["dead-letter.reason"].as_str()), (value, reason));
        assert_eq!(letter.headers["dead-letter.topic"], topics.events);
        assert_eq!(letter.headers["dead-letter.offset"], n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_put_off_comes_again_under_the_same_id() {
    let mut place = place().await;
    let topic = place.config.topics.events.clone();
    for name in ["first", "second"] {
        place.send(&topic, "k", json!({"event": name}).to_string().as_str()).await;
    }
    let ear = Ear { later: Mutex::new(BTreeMap::from([("first".to_owned(), 2)])), ..Ear::default() };
    let ear = Arc::new(ear);
    listen(&mut place, &ear);
    all_acknowledged(&place, 2).await;
    let names: Vec<_> = ear.heard().into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["first", "first", "first", "second"], "what has its key waits for it");
    assert_eq!(ear.ids("first"), vec![format!("kafka/{topic}/0/0"); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_crash_leaves_unacknowledged_comes_again_under_the_same_id() {
    let mut place = place().await;
    let topic = place.config.topics.events.clone();
    for name in ["one", "two"] {
        place.send(&topic, name, json!({"event": name}).to_string().as_str()).await;
    }
    let crashed = Arc::new(Ear { endless: BTreeSet::from(["two".to_owned()]), ..Ear::default() });
    listen(&mut place, &crashed);
    until("both are begun", async || crashed.heard().len() == 2).await;
    all_acknowledged(&place, 1).await;
    place.crash().await;
    let next = Arc::new(Ear::default());
    listen(&mut place, &next);
    all_acknowledged(&place, 2).await;
    assert_eq!(next.heard().len(), 1);
    assert_eq!(next.ids("two"), crashed.ids("two"));
}
