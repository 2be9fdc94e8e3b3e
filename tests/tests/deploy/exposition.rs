//! What a server tells at `/metrics`, held against what the program says it measures.

use std::collections::{BTreeMap, BTreeSet};

use e2e_tests::{AgentSpec, Cluster, DemoAgents, Orrery, eventually, workflow};

use crate::measured::Measured;

/// The series of an exposition, each with every set of labels that it has.
fn series(exposition: &str) -> BTreeMap<String, BTreeSet<BTreeSet<String>>> {
    let mut found: BTreeMap<String, BTreeSet<BTreeSet<String>>> = BTreeMap::new();
    for line in exposition.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a value"));
        let labels = rest.strip_prefix('{').and_then(|rest| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
        // A value ends where a quote is followed by a comma; the names of routes hold none.
        let names = labels.split("\",").filter(|label| !label.is_empty()).filter_map(|label| label.split("=\"").next());
        found.entry(name.to_owned()).or_default().insert(names.map(str::to_owned).collect());
    }
    found
}

/// Names with a help text and a type.
fn described(exposition: &str, what: &str) -> BTreeSet<String> {
    let lines = exposition.lines().filter_map(|line| line.strip_prefix(what)?.split(' ').next().map(str::to_owned));
    lines.collect()
}

fn assert_told_as_declared(exposition: &str, measured: &Measured) {
    let (helped, typed) = (described(exposition, "# HELP "), described(exposition, "# TYPE "));
    for (name, all_labels) in series(exposition) {
        let declared = measured.told_labels(&name).unwrap_or_else(|| panic!("{name} is told and not declared"));
        for labels in all_labels {
            assert_eq!(&labels, declared, "the labels of {name}");
        }
        let metric = measured.metric(&name).expect("it is declared");
        assert!(helped.contains(metric) && typed.contains(metric), "{metric} has no help text or type");
    }
}

#[tokio::test]
async fn a_server_tells_what_is_declared_and_nothing_else_under_its_name_and_labels() {
    let (folder, agents) = (tempfile::tempdir().expect("a folder"), DemoAgents::start().await);
    let orrery = Orrery::start(folder.path()).await;
    orrery.client().register(AgentSpec::new("echo", agents.url("echo"))).await;
    let id = orrery.client().create(&workflow("measured", &[("say", "echo")])).await;
    let run = orrery.client().execute(&id, "hello").await;
    orrery.client().reaches(&run, "COMPLETED").await;
    let exposition = eventually("it is told how much waits", async || {
        let text = orrery.client().get_root("/metrics").await.text;
        text.contains("orrery_runs_waiting").then_some(text)
    })
    .await;
    assert_told_as_declared(&exposition, &Measured::by_the_program());
    for told in [
        "orrery_runs_finished_total{status=\"COMPLETED\"} 1",
        "orrery_runs_finished_total{status=\"FAILED\"} 0",
        "orrery_leases_lost_total 0",
        "orrery_component_ready{component=\"database\"} 1",
        "orrery_runs_waiting 0",
        "orrery_runs_oldest_waiting_seconds 0",
    ] {
        assert!(exposition.lines().any(|line| line == told), "{told} is not told:\n{exposition}");
    }
    assert!(exposition.contains("role=\"all\""), "{exposition}");
}

#[tokio::test]
async fn runs_that_nobody_takes_are_seen_where_nobody_takes_them_and_gone_when_somebody_does() {
    let cluster = Cluster::new().await;
    let (api, relay) = (cluster.start("api", &[]).await, cluster.start("relay", &[]).await);
    api.client().register(AgentSpec::new("echo", cluster.agents.url("echo"))).await;
    let id = api.client().create(&workflow("measured", &[("say", "echo")])).await;
    let run = api.client().execute(&id, "hello").await;
    for process in [&api, &relay] {
        eventually("the run is seen to wait", async || {
            let waiting = process.metric("orrery_runs_waiting", "").await;
            let age = process.metric("orrery_runs_oldest_waiting_seconds", "").await;
            (waiting > 0.5 && age > 0.0).then_some(())
        })
        .await;
    }
    let executor = cluster.start("executor", &[]).await;
    api.client().reaches(&run, "COMPLETED").await;
    eventually("nothing waits any more", async || {
        let waiting = api.metric("orrery_runs_waiting", "").await + api.metric("orrery_outbox_waiting", "").await;
        (waiting < 0.5).then_some(())
    })
    .await;
    let measured = Measured::by_the_program();
    eventually("records that wait are counted", async || {
        let told = executor.client().get_root("/metrics").await.text;
        told.contains("orrery_kafka_consumer_lag{topic=").then_some(())
    })
    .await;
    for process in [&api, &executor, &relay] {
        let told = process.client().get_root("/metrics").await.text;
        assert_told_as_declared(&told, &measured);
        for series in
            ["orrery_db_pool_connections{pool=\"management\",state=\"idle\"}", "orrery_db_pool_wait_seconds_count"]
        {
            assert!(told.contains(series), "{series} is not told:\n{told}");
        }
    }
    assert!(executor.metric("orrery_db_pool_max_connections", "commits").await > 0.5);
}
