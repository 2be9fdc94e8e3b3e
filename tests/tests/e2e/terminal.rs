//! Runs at the terminal: started, followed, listed, cancelled, retried, and what the exit codes say.

use std::{fs, time::Duration};

use e2e_tests::{AgentSpec, Behaviour, DemoAgents, Orrery, Stub, command_line, eventually, workflow};
use serde_json::json;
use tokio::{net::TcpListener, time::timeout};

use super::{
    House,
    moving_in::{document, orrery},
};

#[tokio::test]
async fn a_run_is_started_followed_and_found_again() {
    let house = House::new().await;
    let (client, server, folder) = (house.client(), house.orrery.url(), house.folder.path());
    client.create(&workflow("hello", &[("say", "echo"), ("shout", "echo")])).await;

    let started =
        orrery(server, folder, &["run", "hello", "--input", r#"{"text": "hi"}"#, "--label", "team=blue"]).await;
    assert_eq!(started.status.code(), Some(0), "{:?}", started.stderr);
    let run = started.stdout.join("");
    assert!(run.starts_with("run-"), "the id alone goes to standard output: {run}");
    client.reaches(&run, "COMPLETED").await;

    fs::write(folder.join("in.yaml"), "text: from a file\n").expect("written");
    let followed = orrery(server, folder, &["run", "hello", "-i", "in.yaml", "--follow"]).await;
    assert_eq!(followed.status.code(), Some(0), "{:?}", followed.stderr);
    assert!(followed.stdout.join("\n").contains("from a file"), "{:?}", followed.stdout);
    let log = followed.stderr.join("\n");
    assert!(log.contains("[say]") && log.contains("[shout]") && log.contains("is COMPLETED"), "{log}");

    let (all, _) = document(server, folder, &["runs", "--label", "team=blue"]).await;
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all:#}");
    assert_eq!(all[0]["run_id"], json!(run));
    let table = orrery(server, folder, &["runs", "--status", "completed", "--workflow", "hello"]).await.stdout;
    assert_eq!(table.len(), 3, "{table:?}");
    assert!(table[0].starts_with("RUN ") && table[1].contains("hello v1"), "{table:?}");
    let one = orrery(server, folder, &["runs", &run]).await.stdout.join("\n");
    assert!(one.contains("is COMPLETED") && one.contains("STEP") && one.contains("shout"), "{one}");
    let log = orrery(server, folder, &["logs", &run, "--step", "say"]).await.stdout;
    assert!(!log.is_empty() && log.iter().all(|line| line.contains("[say]")), "{log:?}");
    let (ran, code) = document(server, folder, &["run", "hello", "-i", "in.yaml", "--wait"]).await;
    assert_eq!((ran["status"].as_str(), code), (Some("COMPLETED"), Some(0)));
}

#[tokio::test]
async fn a_run_that_fails_is_told_by_the_exit_code_and_can_be_retried() {
    let house = House::new().await;
    let (client, server, folder) = (house.client(), house.orrery.url(), house.folder.path());
    let stub = Stub::start(Behaviour::Status(500)).await;
    client.register(AgentSpec::new("moody", stub.url())).await;
    client.create(&workflow("shaky", &[("first", "echo"), ("try", "moody")])).await;
    let failed = orrery(server, folder, &["run", "shaky", "--wait", "--input", r#"{"text": "x"}"#]).await;
    assert_eq!(failed.status.code(), Some(3), "{:?}", failed.stderr);
    let (runs, _) = document(server, folder, &["runs", "--status", "FAILED"]).await;
    let run = runs[0]["run_id"].as_str().expect("a run").to_owned();
    assert_eq!(orrery(server, folder, &["logs", &run, "--follow"]).await.status.code(), Some(3));
    stub.behave(Behaviour::Answer);
    let retried = orrery(server, folder, &["retry", &run, "--follow"]).await;
    assert_eq!(retried.status.code(), Some(0), "{:?}", retried.stderr);
    assert!(!retried.stderr.join("\n").contains("[first]"), "only what is new is shown: {:?}", retried.stderr);
    let refused = orrery(server, folder, &["retry", &run]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.join("\n").contains("run_not_retryable"), "{:?}", refused.stderr);
}

#[tokio::test]
async fn a_run_that_is_cancelled_ends_the_waiting_of_others() {
    let house = House::new().await;
    let (client, server, folder) = (house.client(), house.orrery.url(), house.folder.path());
    client.register(AgentSpec::new("slow", house.agents.url("slow?ms=60000")).timeout_ms(120_000)).await;
    client.create(&workflow("long", &[("wait", "slow")])).await;
    let input = r#"{"text": "x"}"#;
    let left = orrery(server, folder, &["run", "long", "--input", input, "--timeout", "1"]).await;
    assert_eq!(left.status.code(), Some(5), "{:?}", left.stderr);
    assert!(left.stderr.join("\n").contains("it waits:"), "{:?}", left.stderr);

    let follow = ["run", "long", "--input", input, "--follow"];
    let waiting = orrery(server, folder, &follow);
    let cancelling = async {
        let runs = eventually("the second run is there", async || {
            let (runs, _) = document(server, folder, &["runs", "--status", "RUNNING,PENDING"]).await;
            (runs.as_array().map(Vec::len) == Some(2)).then_some(runs)
        })
        .await;
        let ids: Vec<&str> = runs.as_array().into_iter().flatten().filter_map(|run| run["run_id"].as_str()).collect();
        orrery(server, folder, &[&["cancel", "--reason", "enough", "run-unknown"], &ids[..]].concat()).await
    };
    let (waited, cancelled) = tokio::join!(waiting, cancelling);
    assert_eq!(cancelled.status.code(), Some(1), "one of them is unknown: {:?}", cancelled.stderr);
    assert_eq!(
        cancelled.stderr.iter().filter(|line| line.contains("is cancelled")).count(),
        2,
        "{:?}",
        cancelled.stderr
    );
    assert_eq!(waited.status.code(), Some(4), "{:?}", waited.stderr);
    assert!(waited.stderr.join("\n").contains("enough"), "{:?}", waited.stderr);
}

#[tokio::test]
async fn who_follows_a_run_waits_for_a_server_that_is_started_again() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (running, agents) = (Orrery::start_reachable(folder.path()).await, DemoAgents::start().await);
    running.client().register(AgentSpec::new("slow", agents.url("slow?ms=2000")).attempts(3)).await;
    running.client().create(&workflow("long", &[("wait", "slow")])).await;
    let server = running.url().to_owned();
    let address = server.trim_start_matches("http://").to_owned();

    let follow = ["run", "long", "--input", r#"{"text": "x"}"#, "--follow"];
    let following = orrery(&server, folder.path(), &follow);
    let restarting = async {
        eventually("the agent is called", async || (!agents.calls().await.of_step("wait").is_empty()).then_some(()))
            .await;
        running.kill9();
        // Five attempts make a request; the sixth is one more request.
        let nobody = TcpListener::bind(&address).await.expect("the address is free");
        for _ in 0..6 {
            let connected = timeout(Duration::from_mins(1), nobody.accept()).await;
            drop(connected.expect("it is tried again").expect("a connection"));
        }
        drop(nobody);
        Orrery::start_at(&address, folder.path()).await
    };
    let (followed, _running) = tokio::join!(following, restarting);
    let said = followed.stderr.join("\n");
    assert_eq!(followed.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("the server does not answer; trying again").count(), 1, "{said}");
    assert_eq!(said.matches("The run has started").count(), 1, "nothing is shown twice: {said}");
}

#[tokio::test]
async fn what_goes_wrong_is_explained() {
    let house = House::new().await;
    let (server, folder) = (house.orrery.url(), house.folder.path());
    let nobody = command_line(&["runs", "--server", "http://127.0.0.1:9"], folder).await;
    assert_eq!(nobody.status.code(), Some(1));
    assert!(nobody.stderr.join("\n").contains("is the server running"), "{:?}", nobody.stderr);
    let stranger = command_line(&["runs", "--server", server, "--json"], folder).await;
    assert_eq!(stranger.status.code(), Some(1));
    assert!(stranger.stderr.join("\n").contains("--api-key or ORRERY_API_KEY"), "{:?}", stranger.stderr);
    assert!(stranger.stdout.join("\n").contains("\"status\": 401"), "{:?}", stranger.stdout);
    let unknown = orrery(server, folder, &["run", "nothing"]).await;
    assert!(unknown.stderr.join("\n").contains("no workflow is called 'nothing'"), "{:?}", unknown.stderr);
    let misspelt = orrery(server, folder, &["runs", "--status", "DONE"]).await;
    assert!(misspelt.stderr.join("\n").contains("must be one of"), "{:?}", misspelt.stderr);
    let usage = command_line(&["apply"], folder).await;
    assert_eq!(usage.status.code(), Some(64), "2 is for differences");
}
