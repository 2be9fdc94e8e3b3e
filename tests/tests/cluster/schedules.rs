//! A schedule that several servers look after: each of its ticks starts one run, whoever is killed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use e2e_tests::{AgentSpec, Cluster, eventually, eventually_within, workflow};
use serde_json::json;

/// How many ticks are watched: two minutes of them where the long tests are wanted (`cargo xtask test --full`).
fn ticks() -> i64 {
    if dev_services::full_tests() { 120 } else { 16 }
}

const DECIDED: &str = "SELECT coalesce(sum(ticks), 0)::bigint FROM schedule_ticks";

#[tokio::test]
async fn each_tick_starts_one_run_though_three_servers_look_and_one_is_killed() {
    let cluster = Cluster::new().await;
    let (first, second, killed, _executor) = tokio::join!(
        cluster.start("api", &[]),
        cluster.start("api", &[]),
        cluster.start("api", &[]),
        cluster.start("executor", &[])
    );
    let client = first.client();
    client.register(AgentSpec::new("echo", cluster.agents.url("echo"))).await;
    let id = client.create(&workflow("ticking", &[("one", "echo")])).await;
    let schedule = json!({
        "name": "every second", "workflow_id": id, "cron": "* * * * * *", "input_data": {"text": "${schedule.time}"},
        // Nothing may be left out on a slow machine.
        "grace_seconds": 600, "overlap": "allow",
    });
    let schedule = client.post("/schedules", &schedule).await.expect(201);
    let path = format!("/schedules/{}", schedule["id"].as_str().expect("an id"));

    let (wanted, began) = (ticks(), Instant::now());
    let patience = Duration::from_secs(wanted.unsigned_abs() + 60);
    let decided = async |count| {
        let reached = async || (cluster.number(DECIDED).await >= count).then_some(());
        eventually_within(patience, &format!("{count} ticks are decided"), reached).await;
    };
    decided(wanted / 2).await;
    killed.kill9();
    decided(wanted).await;
    second.client().post(&format!("{path}/pause"), &json!(null)).await.expect(200);
    eventually("nothing is left to be started", async || {
        let left = "SELECT count(*) FROM schedule_ticks WHERE status = 'starting'";
        (cluster.number(left).await == 0).then_some(())
    })
    .await;

    let rows = "SELECT to_char(tick_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), status || ' ' || ticks
                FROM schedule_ticks ORDER BY tick_at";
    let told = cluster.pairs(rows).await;
    assert!(told.iter().all(|(_, status)| status == "started 1"), "{told:#?}");
    let times: Vec<DateTime<Utc>> = told.iter().map(|(at, _)| at.parse().expect("a time")).collect();
    let gaps: Vec<_> = times.windows(2).filter(|pair| pair[1] - pair[0] != TimeDelta::seconds(1)).collect();
    assert_eq!(gaps, Vec::<&[DateTime<Utc>]>::new(), "each second has one tick");

    let runs = "SELECT input_data->>'text', triggered_by FROM workflow_runs ORDER BY 1";
    let runs = cluster.pairs(runs).await;
    let inputs: BTreeSet<_> = runs.iter().map(|(at, _)| at).collect();
    assert_eq!((inputs.len(), runs.len()), (told.len(), told.len()), "no tick has two runs, and none has none");
    assert!(told.iter().all(|(at, _)| inputs.contains(at)), "the runs are those of the ticks");
    assert!(runs.iter().all(|(_, by)| by == "schedule:every second"), "{runs:#?}");
    eventually("every run completes", async || {
        let open = "SELECT count(*) FROM workflow_runs WHERE status <> 'COMPLETED'";
        (cluster.number(open).await == 0).then_some(())
    })
    .await;
    println!("{} ticks in {:?}, one run each", told.len(), began.elapsed());
}
