//! Reads the evidence: the database, the agents' log and the topic that tells of ended runs.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::{
    checker,
    evidence::{Call, Commit, Event, Evidence, Head, News, Row, RunRecord},
    ledger::Entries,
    moment::Moment,
    site::Site,
};

/// How long the topic is read for what it must hold.
const TOPIC: Duration = Duration::from_secs(20);

/// Where ended runs are told.
const ENDED_RUNS: &str = "workflow.run.events";

/// Collects everything; all must have come to rest.
pub(crate) async fn collect(site: &Site, entries: &Entries) -> anyhow::Result<Evidence> {
    let mut evidence = Evidence {
        accepted: entries.accepted.clone(),
        orders: entries.orders.clone(),
        wrong_answers: entries.wrong_answers.clone(),
        thaws: entries.thaws.clone(),
        runs: runs(&site.database_url).await.context("the database")?,
        ..Evidence::default()
    };
    (evidence.calls, evidence.unlogged) = calls(&site.agents.url("calls")).await.context("the agents' log")?;
    evidence.news = news(site, checker::ends(&evidence).len()).await;
    evidence.panics = site.logged("panicked at");
    Ok(evidence)
}

/// How much is still to be done: runs that have not ended and messages that have not been sent.
pub(crate) async fn unfinished(database_url: &str) -> anyhow::Result<(i64, i64)> {
    let mut connection = PgConnection::connect(database_url).await?;
    let count = "SELECT (SELECT count(*) FROM run_heads WHERE phase = 0), (SELECT count(*) FROM outbox)";
    let counted = sqlx::query_as(count).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(counted)
}

async fn runs(database_url: &str) -> anyhow::Result<BTreeMap<String, RunRecord>> {
    let mut connection = PgConnection::connect(database_url).await?;
    let mut runs: BTreeMap<String, RunRecord> = BTreeMap::new();

    let seen = "SELECT run_id::text, status::text, COALESCE(output_text, output_data::text) FROM workflow_runs";
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(seen).fetch_all(&mut connection).await?;
    for (run, status, output) in rows {
        let record = runs.entry(run).or_default();
        record.status = Some(status);
        record.output = output.map(|output| serde_json::from_str(&output)).transpose()?.unwrap_or_default();
    }

    let heads = "SELECT run_id::text, seq, phase = 0 FROM run_heads";
    let rows: Vec<(String, i64, bool)> = sqlx::query_as(heads).fetch_all(&mut connection).await?;
    for (run, seq, is_live) in rows {
        runs.entry(run).or_default().head = Some(Head { seq: seq.unsigned_abs(), is_live });
    }

    // The commit's own time is that of its transaction, not the one that an executor wrote into it beforehand.
    let commits = "SELECT run_id::text, first_seq, events::text,
                          (extract(epoch FROM COALESCE(pg_xact_commit_timestamp(xmin), at)) * 1000000)::bigint
                   FROM run_events ORDER BY run_id, first_seq";
    let rows: Vec<(String, i64, String, i64)> = sqlx::query_as(commits).fetch_all(&mut connection).await?;
    for (run, first, events, durable) in rows {
        let stored: Vec<Value> = serde_json::from_str(&events)?;
        let events = stored.iter().map(Event::read).collect();
        let commit = Commit { first: first.unsigned_abs(), durable: Moment::at(durable), events };
        runs.entry(run).or_default().commits.push(commit);
    }

    let attempts = "SELECT run_id::text, path::text, execution, COALESCE(generation, 0)::bigint, status = 'COMPLETED'
                    FROM step_executions WHERE path IS NOT NULL AND execution IS NOT NULL";
    let rows: Vec<(String, String, i64, i64, bool)> = sqlx::query_as(attempts).fetch_all(&mut connection).await?;
    for (run, path, execution, generation, is_completed) in rows {
        let (execution, generation) = (execution.unsigned_abs(), generation.unsigned_abs());
        runs.entry(run).or_default().rows.push(Row { path, execution, generation, is_completed });
    }
    connection.close().await?;
    Ok(runs)
}

async fn calls(url: &str) -> anyhow::Result<(Vec<Call>, u64)> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build()?;
    let report: Value = serde_json::from_slice(&client.get(url).send().await?.bytes().await?)?;
    let started = report["started_at_us"].as_i64().context("the agents say when they started")?;
    let log = report["log"].as_array().context("the agents have a log")?;
    let text = |entry: &Value, member: &str| entry[member].as_str().unwrap_or_default().to_owned();
    let call = |entry: &Value| Call {
        message_id: text(entry, "message_id"),
        digest: text(entry, "body_sha256"),
        at: Moment::at(started + entry["at_us_since_start"].as_i64().unwrap_or(0)),
    };
    Ok((log.iter().map(call).collect(), report["unlogged"].as_u64().unwrap_or(0)))
}

/// Reads until there are as many records as ends, or for a while: what is missing then is missing.
async fn news(site: &Site, ends: usize) -> Vec<News> {
    let deadline = Instant::now() + TOPIC;
    let enough = move |records: &[e2e_tests::Record]| {
        let told = records.iter().map(|record| record.value["event_id"].as_str());
        told.collect::<std::collections::BTreeSet<_>>().len() >= ends || Instant::now() > deadline
    };
    let records = site.topics.read(ENDED_RUNS, "the end of every run", enough).await;
    let news = |record: e2e_tests::Record| News {
        event_id: record.value["event_id"].as_str().unwrap_or_default().to_owned(),
        value: record.value,
    };
    records.into_iter().map(news).collect()
}
