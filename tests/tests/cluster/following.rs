//! Following a run at one of several processes on PostgreSQL that have an API, which is killed: the client goes on at another.

use e2e_tests::{AgentSpec, Cluster, Follower, StreamEvent, eventually, workflow};

#[tokio::test]
async fn a_client_goes_on_at_another_process_and_has_every_event_once_however_often_processes_die() {
    let cluster = Cluster::new().await;
    let (one, other) = tokio::join!(cluster.start("api", &[]), cluster.start("api", &[]));
    let (worker, spare) = tokio::join!(cluster.start("executor", &[]), cluster.start("executor", &[]));
    let slow = AgentSpec::new("slow", cluster.agents.url("slow?ms=300")).attempts(5);
    other.client().register(slow).await;
    let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let steps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "slow")).collect();
    let id = other.client().create(&workflow("followed", &steps)).await;
    let run = other.client().execute(&id, "hello").await;
    let path = format!("/runs/{run}/events");

    let mut events: Vec<StreamEvent> = Vec::new();
    let mut stream = Follower::open(one.url(), &path, None).await;
    for _ in 0..6 {
        events.push(stream.next().await.expect("the run goes on"));
    }
    one.kill9();
    // What had arrived has arrived; then the connection is gone with the process.
    events.extend(stream.rest().await);
    let last = events.last().map(|event| event.id.clone());
    let mut stream = Follower::open(other.url(), &path, last.as_deref()).await;
    events.push(stream.next().await.expect("the run goes on"));
    // Whoever looks after the run may die as well: the stream only waits for the next one.
    worker.kill9();
    events.extend(stream.rest().await);

    let numbers: Vec<u64> = events.iter().map(|event| event.id.parse().expect("a number")).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>(), "each once, and none is missing");
    assert_eq!(events.last().map(|event| event.kind.as_str()), Some("run_completed"));
    eventually("the other executor is alive", async || spare.is_ready().await.then_some(())).await;
}
