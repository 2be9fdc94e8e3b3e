//! Requests for runs that have events: repeated ones, and those by which the old API asks for a retry. It has no other way
//! than to make the row of an ended run PENDING and to publish its request again.

use domain::{
    Timestamp,
    ids::RunId,
    runs::{AdoptRun, CommitOutcome, RunEvent, RunStatus},
};
use sqlx::PgConnection;

use super::{Head, runs};
use crate::{
    failure::Outcome,
    journal::{
        blind,
        wave::{At, COMPLETED, Events, STOPPED, Verdicts, column},
    },
};

/// Who resumes a run in this way: the old API has no users (contract 1.2).
const BY: &str = "system";

/// A request for a run that has events.
pub(super) struct Returning<'r, 'a> {
    pub(super) adoption: &'r At<'a, AdoptRun>,
    pub(super) head: Head,
    pub(super) status: Option<RunStatus>,
}

pub(super) async fn apply<'a>(
    connection: &mut PgConnection,
    requests: Vec<Returning<'_, 'a>>,
    events: &mut Events<'a>,
    verdicts: &mut Verdicts,
) -> Outcome<()> {
    if requests.is_empty() {
        return Ok(());
    }
    let known = applied_before(connection, &requests).await?;
    let (mut resumed, mut restored) = (Vec::new(), Vec::new());
    for Returning { adoption: At { ord, commit }, head, status } in requests {
        let is_asked_for = status == Some(RunStatus::Pending);
        let outcome = match head.phase {
            _ if known.contains(ord) => CommitOutcome::AlreadyApplied,
            STOPPED if is_asked_for => {
                let event = RunEvent::RunResumed { by: BY.to_owned() };
                events.add(&commit.run, head.seq, commit.commit, commit.at, &[event])?;
                resumed.push((&commit.run, commit.at));
                CommitOutcome::Committed
            }
            COMPLETED if is_asked_for => {
                restored.push((&commit.run, commit.at));
                CommitOutcome::Committed
            }
            _ => CommitOutcome::Duplicate,
        };
        verdicts.set(*ord, outcome);
    }
    blind::resume(connection, &resumed).await?;
    restore(connection, &restored).await
}

async fn applied_before(connection: &mut PgConnection, requests: &[Returning<'_, '_>]) -> Outcome<Vec<i32>> {
    let applied = sqlx::query_scalar(include_str!("../../sql/applied_before.sql"))
        .bind(column(requests, |request| request.adoption.ord))
        .bind(column(requests, |request| request.adoption.commit.run.as_str()))
        .bind(column(requests, |request| request.adoption.commit.commit.uuid()))
        .fetch_all(connection)
        .await?;
    Ok(applied)
}

/// What has completed is not done again, whatever the row was made to say.
async fn restore(connection: &mut PgConnection, completed: &[(&RunId, Timestamp)]) -> Outcome<()> {
    if completed.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../../sql/restore_runs.sql"))
        .bind(runs(completed.iter().map(|(run, _)| *run)))
        .bind(column(completed, |(_, at)| *at))
        .execute(connection)
        .await?;
    Ok(())
}
