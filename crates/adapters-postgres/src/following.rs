//! What those read who follow runs: events after a number, where runs stand, rows of attempts without their data.

use chrono::NaiveDateTime;
use domain::{
    Timestamp,
    agents::AgentName,
    ids::{RunId, Seq},
    runs::{EndedAttempt, NumberedEvent, RunStatus, RunTip},
};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    codec::{count, parsed, signed, small, sound},
    failure::Outcome,
    leases::record,
    runs::step_status,
};

/// The events of a run after a number.
pub(crate) async fn events(pool: &PgPool, run: &RunId, after: Seq, limit: u32) -> Outcome<Vec<NumberedEvent>> {
    let select = sqlx::query_as(include_str!("sql/events_after.sql"))
        .bind(run.as_str())
        .bind(signed(after.get())?)
        .bind(i64::from(limit));
    let rows: Vec<(i64, Uuid, Timestamp, Value)> = select.fetch_all(pool).await?;
    let records = rows.into_iter().map(|(first, commit, at, events)| record(first, commit, at, events));
    Ok(NumberedEvent::of(records.collect::<Outcome<_>>()?, after, limit))
}

/// Where runs stand.
pub(crate) async fn tips(pool: &PgPool, runs: &[RunId]) -> Outcome<Vec<(RunId, RunTip)>> {
    let asked: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    let select = sqlx::query_as(include_str!("sql/tips.sql")).bind(asked);
    let rows: Vec<(String, i64, String)> = select.fetch_all(pool).await?;
    let tip = |(run, last, status): (String, i64, String)| {
        let tip = RunTip { last: Seq::new(count(last)?), status: sound("status", RunStatus::parse(&status))? };
        Ok((parsed("run id", RunId::parse(&run))?, tip))
    };
    rows.into_iter().map(tip).collect()
}

/// The rows of attempts, without their data.
pub(crate) async fn attempts(pool: &PgPool, run: &RunId, executions: &[Seq]) -> Outcome<Vec<EndedAttempt>> {
    type Row = (i64, i32, String, String, NaiveDateTime, Option<NaiveDateTime>, Option<String>);
    let asked = executions.iter().map(|execution| signed(execution.get())).collect::<Outcome<Vec<_>>>()?;
    let select = sqlx::query_as(include_str!("sql/attempts.sql")).bind(run.as_str()).bind(asked);
    let rows: Vec<Row> = select.fetch_all(pool).await?;
    let row = |(execution, attempt, agent, status, started_at, completed_at, error): Row| {
        Ok(EndedAttempt {
            execution: Seq::new(count(execution)?),
            attempt: small(attempt)?,
            agent: parsed("agent's name", AgentName::parse(&agent))?,
            status: step_status(&status)?,
            started_at: started_at.and_utc(),
            completed_at: completed_at.map(|at| at.and_utc()),
            error,
        })
    };
    rows.into_iter().map(row).collect()
}
