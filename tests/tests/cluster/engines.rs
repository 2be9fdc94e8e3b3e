//! Two engines on one topic: what one of them is asked for, the other would take.

use e2e_tests::{Cluster, command_line, eventually};

use crate::starting::assert_names;

const EXTERNAL: [&str; 2] = ["--engine", "external"];

/// A process that is refused beside those that run: it ends with the status 1. Answers its last line.
async fn refused_beside(cluster: &Cluster, role: &str, more: &[&str]) -> String {
    let arguments = cluster.arguments(role);
    let serve = ["serve", "--listen", "127.0.0.1:0"].into_iter();
    let arguments: Vec<&str> = serve.chain(arguments.iter().map(String::as_str)).chain(more.iter().copied()).collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let ended = command_line(&arguments, folder.path()).await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr.join("\n"));
    let line = ended.stderr.last().expect("it says why").clone();
    assert!(line.starts_with("orrery: cannot join the fleet: "), "{line}");
    assert_names(&line, &["two engines would take the same requests"]);
    line
}

#[tokio::test]
async fn who_takes_requests_and_who_makes_them_are_refused_beside_each_other() {
    let cluster = Cluster::new().await.for_all(&["--lease-seconds", "3"]);
    let api = cluster.start("api", &EXTERNAL).await;
    for role in ["executor", "all"] {
        assert_names(&refused_beside(&cluster, role, &[]).await, &["--accept-requests"]);
    }
    drop(cluster.start("executor", &["--accept-requests", "false"]).await);
    drop(cluster.start("relay", &EXTERNAL).await);

    // After an orderly end its place is free at once; one that was killed is waited for until its lease is over.
    assert!(api.terminate().await.status.success());
    let executor = cluster.start("executor", &[]).await;
    for role in ["api", "relay"] {
        assert_names(&refused_beside(&cluster, role, &EXTERNAL).await, &["--engine external"]);
    }
    drop(cluster.start("api", &[]).await);
    executor.kill9();
    let relay = cluster.start("relay", &EXTERNAL).await;
    eventually("the dead one is forgotten", async || {
        let takes = "SELECT count(*) FROM fleet WHERE requests = 'takes'";
        (cluster.number(takes).await == 0).then_some(())
    })
    .await;
    drop(relay);
}
