//! Requests that are sent again under their key: at once, later, and after the server was killed.

use std::collections::BTreeSet;

use e2e_tests::{Answer, Client, eventually, workflow};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::House;

/// How often one request is sent at once.
const COPIES: usize = 50;

/// How many requests are under way when the server is killed.
const LOAD: usize = 150;

fn input(number: usize) -> Value {
    json!({"input_data": {"text": format!("text {number}")}})
}

/// The answers to one request that is sent many times at once.
async fn at_once(client: &Client, key: &str, path: &str, body: &Value) -> Vec<Answer> {
    let mut sent = JoinSet::new();
    for _ in 0..COPIES {
        let (client, key, path, body) = (client.clone(), key.to_owned(), path.to_owned(), body.clone());
        sent.spawn(async move { client.post_under(&key, &path, &body).await.expect("the server is there") });
    }
    sent.join_all().await
}

/// The ids that answers tell, and how many answers are not repetitions.
fn told(answers: &[Answer], status: u16, member: &str) -> (BTreeSet<String>, usize) {
    let ids = answers.iter().map(|answer| answer.expect(status)[member].as_str().expect("an id").to_owned());
    (ids.collect(), answers.iter().filter(|answer| !answer.replayed).count())
}

#[tokio::test]
async fn a_start_that_is_sent_fifty_times_at_once_and_again_after_a_kill_is_one_run() {
    let house = House::new().await;
    let id = house.client().create(&workflow("once", &[("only", "echo")])).await;
    let path = format!("/workflows/{id}/execute");

    let answers = at_once(house.client(), "k", &path, &input(1)).await;
    let (runs, first) = told(&answers, 202, "run_id");
    assert_eq!((runs.len(), first), (1, 1));
    assert!(answers.iter().all(|answer| answer.text == answers[0].text && answer.location == answers[0].location));

    let house = house.crash().await;

    let again = at_once(house.client(), "k", &path, &input(1)).await;
    assert_eq!(told(&again, 202, "run_id"), (runs, 0));
    assert_eq!(again[0].text, answers[0].text, "byte for byte, from before the kill");
    assert_eq!(house.client().total("runs").await, 1);
}

#[tokio::test]
async fn what_was_under_way_when_the_server_was_killed_is_done_once_when_it_is_sent_again() {
    let house = House::new().await;
    let id = house.client().create(&workflow("once", &[("only", "echo")])).await;
    let paths = [format!("/workflows/{id}/execute"), "/agents".to_owned(), "/api-keys".to_owned()];
    let request = move |number: usize| {
        let body = match number % 3 {
            0 => input(number),
            1 => json!({"name": format!("agent {number}"), "url": "http://127.0.0.1:9/"}),
            _ => json!({"name": format!("key {number}"), "role": "viewer"}),
        };
        (paths[number % 3].clone(), body)
    };
    let mut sent = JoinSet::new();
    for number in 0..LOAD {
        let (client, (path, body)) = (house.client().clone(), request(number));
        sent.spawn(async move { (number, client.post_under(&format!("k{number}"), &path, &body).await) });
    }
    let client = house.client().clone();
    eventually("some of it is done", async || (client.total("runs").await >= 5).then_some(())).await;
    let house = house.crash().await;
    let answered: Vec<(usize, Option<Answer>)> = sent.join_all().await;
    let before: Vec<_> = answered.into_iter().filter_map(|(number, answer)| Some((number, answer?))).collect();
    println!("{} of {LOAD} requests were answered before the kill", before.len());

    let mut again = JoinSet::new();
    for number in 0..LOAD {
        let (client, (path, body)) = (house.client().clone(), request(number));
        again.spawn(async move {
            let key = format!("k{number}");
            (number, client.post_under(&key, &path, &body).await.expect("the server is there"))
        });
    }
    let mut answers = again.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    for (number, answer) in &answers {
        assert!(matches!(answer.status, 201 | 202), "{number}: {} {}", answer.status, answer.text);
    }
    for (number, answer) in &before {
        assert_eq!(answer.text, answers[*number].1.text, "what was answered stays so: {number}");
    }
    let third = LOAD / 3;
    let count = async |list: &str| house.client().total(list).await;
    assert_eq!(usize::try_from(count("runs").await).expect("few"), third);
    // The house has agents and keys of its own.
    let named = async |list: &str, name: &str| {
        let mut found = 0;
        for page in 1..=3 {
            let items = house.client().get(&format!("/{list}?page={page}&page_size=100")).await.expect(200);
            let items = items["items"].as_array().expect("items").clone();
            found += items.iter().filter(|item| item["name"].as_str().is_some_and(|n| n.starts_with(name))).count();
        }
        found
    };
    assert_eq!((named("agents", "agent ").await, named("api-keys", "key ").await), (third, third));
}
