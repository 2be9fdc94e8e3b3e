//! What the external executor is told next, and the end of runs that it has left lying.

use chrono::TimeDelta;
use domain::{Timestamp, ids::RunId, payload::Payload, runs::ExternalRequest, workflows::WorkflowDocument};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};

use super::{CANCEL, START};
use crate::{
    codec::{parsed, sound},
    exact,
    failure::{Failure, Outcome},
    journal::retried,
};

/// How many requests that are due the statement looks at in one go.
const SLICE: i64 = 50;

/// How often a cancellation is sent.
const MOST_CANCELLATIONS: i32 = 10;

/// How long steps of a cancelled run are watched: longer than the old executor waits for an agent, with all its attempts
/// (contract 6, Timeouts).
const WATCHED: TimeDelta = TimeDelta::hours(1);

/// How many requests were due, and what there is of the one that is to be sent.
type Answer = (
    i64,
    Option<String>,
    Option<String>,
    Option<Timestamp>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Value>,
);

pub(super) async fn next(pool: &PgPool, now: Timestamp, patience: TimeDelta) -> Outcome<Option<ExternalRequest>> {
    loop {
        let next = || async {
            let next = sqlx::query_as(include_str!("../sql/next_external_request.sql"))
                .bind(now)
                .bind(now + patience)
                .bind(MOST_CANCELLATIONS)
                .bind(now - WATCHED);
            Ok(next.fetch_one(pool).await?)
        };
        let answer: Answer = retried(next).await?;
        let due = answer.0;
        match request(answer)? {
            Some(request) => return Ok(Some(request)),
            // Those that were looked at are settled; there may be more.
            None if due == SLICE => {}
            None => return Ok(None),
        }
    }
}

fn request((_, run, wants, at, by, reason, document, text, json): Answer) -> Outcome<Option<ExternalRequest>> {
    let (Some(run), Some(wants), Some(at)) = (run, wants, at) else { return Ok(None) };
    let run = parsed("run id", RunId::parse(&run))?;
    match wants.as_str() {
        START => {
            let document = sound("plan of a run", document)?;
            let document: WorkflowDocument = parsed("workflow document", serde_json::from_str(&document))?;
            let input = exact::payload(text, json)?.unwrap_or_else(Payload::empty);
            Ok(Some(ExternalRequest::Start { run, document, input, at }))
        }
        CANCEL => Ok(Some(ExternalRequest::Cancel { run, by, reason, at })),
        other => Err(Failure::Corrupt(format!("a stored request wants {other}"))),
    }
}

pub(super) async fn told(pool: &PgPool, request: &ExternalRequest, now: Timestamp) -> Outcome<()> {
    let (run, wants, at) = key(request);
    let told = "UPDATE external_requests SET told_at = $4 WHERE run_id = $1 AND wants = $2 AND wanted_at = $3";
    sqlx::query(told).bind(run.as_str()).bind(wants).bind(at).bind(now).execute(pool).await?;
    Ok(())
}

pub(super) async fn undelivered(pool: &PgPool, run: &RunId) -> Outcome<Option<Timestamp>> {
    let waits = "SELECT wanted_at FROM external_requests WHERE run_id = $1 AND told_at IS NULL";
    Ok(sqlx::query_scalar(waits).bind(run.as_str()).fetch_optional(pool).await?)
}

/// Whoever calls it has locked the run's row.
pub(super) async fn refused(
    connection: &mut PgConnection,
    request: &ExternalRequest,
    now: Timestamp,
    reason: &str,
) -> Outcome<()> {
    let (run, wants, at) = key(request);
    let refused = sqlx::query(include_str!("../sql/refuse_external.sql")).bind(run.as_str()).bind(wants).bind(at);
    refused.bind(now).bind(reason).execute(connection).await?;
    Ok(())
}

/// What tells a stored request from others, older ones of the same run included.
fn key(request: &ExternalRequest) -> (&RunId, &'static str, Timestamp) {
    match request {
        ExternalRequest::Start { run, at, .. } => (run, START, *at),
        ExternalRequest::Cancel { run, at, .. } => (run, CANCEL, *at),
    }
}

pub(super) async fn give_up_silent(pool: &PgPool, now: Timestamp, silence: TimeDelta) -> Outcome<u64> {
    let reason = format!("the external executor has not been heard of for {} seconds", silence.num_seconds());
    let give_up = || async {
        let give_up = sqlx::query(include_str!("../sql/give_up_silent.sql")).bind(now).bind(now - silence);
        Ok(give_up.bind(&reason).execute(pool).await?.rows_affected())
    };
    retried(give_up).await
}
