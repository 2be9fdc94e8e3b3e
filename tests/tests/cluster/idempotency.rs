//! Requests that are sent again under their key, to whichever replica.

use std::collections::BTreeSet;

use e2e_tests::{Answer, Client, Cluster, eventually, workflow};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::register;

/// How often one request is sent at once.
const COPIES: usize = 50;

/// How many requests are under way when a replica is killed.
const LOAD: usize = 200;

fn input(number: usize) -> Value {
    json!({"input_data": {"text": format!("text {number}")}})
}

/// The answers to requests that are sent at once, each with a key of its own or all with the same.
async fn sent(requests: Vec<(Client, String, String, Value)>) -> Vec<Option<Answer>> {
    let mut sent = JoinSet::new();
    for (place, (client, key, path, body)) in requests.into_iter().enumerate() {
        sent.spawn(async move { (place, client.post_under(&key, &path, &body).await) });
    }
    let mut answers = sent.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn run_of(answer: &Answer) -> String {
    answer.expect(202)["run_id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_start_that_is_sent_fifty_times_to_two_replicas_and_again_after_a_kill_is_one_run() {
    let cluster = Cluster::new().await;
    let (killed, survivor) = tokio::join!(cluster.start("all", &[]), cluster.start("all", &[]));
    register(&cluster, survivor.client(), 20).await;
    let id = survivor.client().create(&workflow("once", &[("only", "echo")])).await;
    let path = format!("/workflows/{id}/execute");
    let copies = |clients: [&Client; 2]| {
        let clients = clients.map(Client::clone);
        (0..COPIES).map(|n| (clients[n % 2].clone(), "k".to_owned(), path.clone(), input(1))).collect::<Vec<_>>()
    };

    let answers = sent(copies([killed.client(), survivor.client()])).await;
    let answers: Vec<Answer> = answers.into_iter().map(|answer| answer.expect("both are there")).collect();
    let runs: BTreeSet<String> = answers.iter().map(run_of).collect();
    assert_eq!(runs.len(), 1);
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.text == answers[0].text));

    killed.kill9();

    let again = sent(copies([survivor.client(), survivor.client()])).await;
    for answer in again.iter().flatten() {
        assert_eq!((&answer.text, answer.replayed), (&answers[0].text, true));
    }
    assert_eq!(again.iter().flatten().count(), COPIES);
    assert_eq!(survivor.client().total("runs").await, 1);
    for run in &runs {
        survivor.client().reaches(run, "COMPLETED").await;
    }
}

#[tokio::test]
async fn what_was_under_way_in_a_killed_replica_is_done_once_when_another_is_asked() {
    let cluster = Cluster::new().await.for_all(&["--lease-seconds", "2"]);
    let (killed, survivor) = tokio::join!(cluster.start("all", &[]), cluster.start("all", &[]));
    register(&cluster, survivor.client(), 20).await;
    let id = survivor.client().create(&workflow("once", &[("only", "echo")])).await;
    let path = format!("/workflows/{id}/execute");
    let load = |client: &Client| {
        let client = client.clone();
        (0..LOAD).map(|n| (client.clone(), format!("k{n}"), path.clone(), input(n))).collect::<Vec<_>>()
    };

    let starting = sent(load(killed.client()));
    let killing = async {
        eventually("starts are committed", async || {
            (cluster.number("SELECT count(*) FROM run_heads").await >= 20).then_some(())
        })
        .await;
        killed.kill9();
    };
    let (before, ()) = tokio::join!(starting, killing);
    let committed = cluster.number("SELECT count(*) FROM run_heads").await;
    let kept = cluster.number("SELECT count(*) FROM idempotency_keys WHERE answer IS NOT NULL").await;
    let answered = before.iter().flatten().count();
    println!("of {LOAD} starts {committed} were committed, {kept} answers kept and {answered} given before the kill");
    assert!(answered < LOAD, "it was killed in the midst of the starts");

    let again = sent(load(survivor.client())).await;
    let runs: Vec<String> = again.iter().map(|answer| run_of(answer.as_ref().expect("it is there"))).collect();
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), LOAD);
    for (place, answer) in before.iter().enumerate() {
        if let Some(answer) = answer {
            assert_eq!(answer.text, again[place].as_ref().expect("it is there").text);
        }
    }
    assert_eq!(cluster.number("SELECT count(*) FROM run_heads").await, i64::try_from(LOAD).expect("few"));
    for run in &runs {
        survivor.client().reaches(run, "COMPLETED").await;
    }
    let calls = cluster.agents.calls().await;
    let twice = calls.by_message_id.values().filter(|count| **count > 1).count();
    println!("{twice} calls were repeated, of steps that were in flight");
    assert_eq!(calls.of_step("only").len(), LOAD, "each run has called its agent under one id");
}
