//! What commits change among the dead letters. Most batches change nothing.

use std::collections::{HashMap, HashSet};

use domain::{
    Timestamp,
    ids::{DeadLetterId, RunId, WorkflowRef},
    runs::{AdvanceRun, DeadLetter, DeadLetterEntry, DeadLetterStatus},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::wave::{Events, column};
use crate::{
    codec::{parsed, signed, signed_small, small},
    failure::Outcome,
};

/// A letter of an accepted commit, and what stands in its entry now.
pub(super) type Left<'a> = (&'a AdvanceRun, &'a DeadLetter, DeadLetterEntry);

/// Does what accepted commits say.
pub(super) async fn change<'a>(
    connection: &mut PgConnection,
    reaching: &[&'a AdvanceRun],
    events: &mut Events<'a>,
) -> Outcome<()> {
    let letters = reaching.iter().flat_map(|commit| commit.outward.dead_letters.iter().map(|letter| (*commit, letter)));
    let mut letters: Vec<(&AdvanceRun, &DeadLetter)> = letters.collect();
    // A run and the one that does its work after all may fail in the same batch: the same entry, twice.
    while !letters.is_empty() {
        let mut seen = HashSet::new();
        let (first, again): (Vec<_>, Vec<_>) = letters.into_iter().partition(|(_, letter)| seen.insert(letter.id));
        leave(connection, &first, events).await?;
        letters = again;
    }
    let resolved: Vec<Uuid> = reaching.iter().flat_map(|commit| &commit.outward.resolved).map(|id| id.uuid()).collect();
    if !resolved.is_empty() {
        sqlx::query(include_str!("../sql/resolve_dead_letters.sql")).bind(resolved).execute(connection).await?;
    }
    Ok(())
}

async fn leave<'a>(
    connection: &mut PgConnection,
    letters: &[(&'a AdvanceRun, &'a DeadLetter)],
    events: &mut Events<'a>,
) -> Outcome<()> {
    let small_numbers = |number: fn(&DeadLetter) -> u32| {
        letters.iter().map(|(_, letter)| signed_small(number(letter))).collect::<Outcome<Vec<_>>>()
    };
    let executions = letters.iter().map(|(_, letter)| signed(letter.execution.get())).collect::<Outcome<Vec<_>>>()?;
    let rows: Vec<Row> = sqlx::query_as(include_str!("../sql/leave_dead_letters.sql"))
        .bind(column(letters, |(_, letter)| letter.id.uuid()))
        .bind(column(letters, |(commit, _)| commit.run.as_str()))
        .bind(column(letters, |(_, letter)| letter.step.as_str()))
        .bind(column(letters, |(_, letter)| letter.path.as_str()))
        .bind(column(letters, |(_, letter)| letter.agent.as_str()))
        .bind(executions)
        .bind(small_numbers(|letter| letter.generation)?)
        .bind(small_numbers(|letter| letter.round)?)
        .bind(small_numbers(|letter| letter.attempts)?)
        .bind(column(letters, |(_, letter)| letter.reason.as_str()))
        .bind(column(letters, |(commit, _)| commit.at))
        .fetch_all(connection)
        .await?;
    let mut stored: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.0, row)).collect();
    for (commit, letter) in letters {
        if let Some(row) = stored.remove(&letter.id.uuid()) {
            events.left.push((*commit, *letter, entry(commit, letter, row)?));
        }
    }
    Ok(())
}

/// The id, the first run, its workflow with name and version, the time of the first failure, and how many there are.
type Row = (Uuid, String, String, String, Option<i32>, Timestamp, i32);

fn entry(commit: &AdvanceRun, letter: &DeadLetter, row: Row) -> Outcome<DeadLetterEntry> {
    let (id, run, workflow, workflow_name, version, first_failed_at, failures) = row;
    debug_assert_eq!(DeadLetterId::new(id), letter.id);
    Ok(DeadLetterEntry {
        run: parsed("run id", RunId::parse(&run))?,
        last_run: commit.run.clone(),
        workflow: WorkflowRef::from_text(&workflow),
        workflow_name,
        workflow_version: version.map(small).transpose()?,
        last: letter.clone(),
        first_failed_at,
        last_failed_at: commit.at,
        failure_count: small(failures)?,
        status: DeadLetterStatus::PendingReplay,
        replay: None,
    })
}
