//! New runs.

use std::collections::HashSet;

use domain::{
    ids::{ExecutorId, Seq},
    payload::Payload,
    runs::{CommitOutcome, RunEvent, StartRun},
};
use sqlx::PgConnection;

use super::wave::{At, Events, Verdicts, column, completed_at, phase};
use crate::{
    codec::{signed, signed_small},
    exact::beyond_jsonb,
    failure::Outcome,
};

pub(super) async fn apply<'a>(
    connection: &mut PgConnection,
    starts: &[At<'a, StartRun>],
    events: &mut Events<'a>,
    verdicts: &mut Verdicts,
) -> Outcome<()> {
    if starts.is_empty() {
        return Ok(());
    }
    let new = add(connection, &starts.iter().map(|start| start.commit).collect::<Vec<_>>(), events).await?;
    let (new, known): (Vec<_>, Vec<_>) = starts.iter().partition(|start| new.contains(start.commit.run.as_str()));
    for start in new {
        verdicts.set(start.ord, CommitOutcome::Committed);
    }
    if !known.is_empty() {
        refuse(connection, &known, verdicts).await?;
    }
    Ok(())
}

/// Adds the runs that are not there, and answers which these are.
pub(super) async fn add<'a>(
    connection: &mut PgConnection,
    starts: &[&'a StartRun],
    events: &mut Events<'a>,
) -> Outcome<HashSet<String>> {
    if starts.is_empty() {
        return Ok(HashSet::new());
    }
    let inserted = insert(connection, starts).await?;
    let new: Vec<&'a StartRun> = starts.iter().copied().filter(|start| inserted.contains(start.run.as_str())).collect();
    if new.is_empty() {
        return Ok(inserted);
    }
    for start in &new {
        events.add(&start.run, Seq::default(), start.commit, start.at, &start.events)?;
    }
    let seqs = new.iter().map(|start| signed(start.events.len() as u64)).collect::<Outcome<Vec<_>>>()?;
    sqlx::query(include_str!("../sql/start_heads.sql"))
        .bind(column(&new, |start| start.run.as_str()))
        .bind(seqs)
        .bind(column(&new, |start| i64::from(start.owner.is_some())))
        .bind(column(&new, |start| start.owner.map(ExecutorId::uuid)))
        .bind(column(&new, |start| phase(start.status)))
        .bind(column(&new, |start| start.wake_at()))
        .execute(connection)
        .await?;
    Ok(inserted)
}

/// Inserts the rows of runs that are not there, and answers which these are.
async fn insert(connection: &mut PgConnection, starts: &[&StartRun]) -> Outcome<HashSet<String>> {
    let versions = starts.iter().map(|start| signed_small(start.workflow_version));
    let inserted: Vec<String> = sqlx::query_scalar(include_str!("../sql/start_runs.sql"))
        .bind(column(starts, |start| start.run.as_str()))
        .bind(column(starts, |start| start.workflow.to_string()))
        .bind(column(starts, |start| start.workflow_name.as_str()))
        .bind(versions.collect::<Outcome<Vec<_>>>()?)
        .bind(column(starts, |start| start.plan.bytes().as_slice()))
        .bind(column(starts, |start| start.status.as_str()))
        .bind(column(starts, |start| start.input.text()))
        .bind(column(starts, |start| exact_input(&start.input)))
        .bind(column(starts, |start| start.triggered_by.as_str()))
        .bind(column(starts, |start| start.at))
        .bind(column(starts, |start| completed_at(start.status, start.at)))
        .bind(column(starts, |start| first_error(&start.events)))
        .bind(column(starts, |start| start.parent.as_ref().map(|parent| parent.run.as_str())))
        .bind(column(starts, |start| start.parent.as_ref().map(|parent| parent.path.as_str())))
        .bind(column(starts, |start| start.labels.to_json()))
        .bind(column(starts, |start| start.starts_at))
        .fetch_all(connection)
        .await?;
    Ok(inserted.into_iter().collect())
}

fn exact_input(input: &Payload) -> Option<&str> {
    beyond_jsonb(input.text())
}

/// Why runs that are there already were not started: by this very commit, or by another one.
async fn refuse(connection: &mut PgConnection, known: &[&At<'_, StartRun>], verdicts: &mut Verdicts) -> Outcome<()> {
    let same: Vec<i32> = sqlx::query_scalar(include_str!("../sql/started_by.sql"))
        .bind(column(known, |start| start.ord))
        .bind(column(known, |start| start.commit.run.as_str()))
        .bind(column(known, |start| start.commit.commit.uuid()))
        .fetch_all(connection)
        .await?;
    for start in known {
        let again = same.contains(&start.ord);
        verdicts.set(start.ord, if again { CommitOutcome::AlreadyApplied } else { CommitOutcome::Duplicate });
    }
    Ok(())
}

/// Why a run failed that failed at its very start.
fn first_error(events: &[RunEvent]) -> Option<&str> {
    events.iter().rev().find_map(|event| match event {
        RunEvent::RunFailed { error } => Some(error.as_str()),
        _ => None,
    })
}
