//! The next events of runs, made by their owners.

use domain::{
    ids::{RunId, StepExecutionId},
    payload::Payload,
    runs::{AdvanceRun, ClosedAttempt, CommitOutcome, RunUpdate, StepStatus, Wake},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    families, inbox,
    wave::{At, Events, LIVE, Verdicts, column, completed_at, phase},
};
use crate::{
    codec::{signed, signed_small},
    exact::beyond_jsonb,
    failure::Outcome,
};

/// Answers the runs that were told something.
pub(super) async fn apply<'a>(
    connection: &mut PgConnection,
    advances: &[At<'a, AdvanceRun>],
    events: &mut Events<'a>,
    verdicts: &mut Verdicts,
) -> Outcome<Vec<String>> {
    if advances.is_empty() {
        return Ok(Vec::new());
    }
    for ord in move_heads(connection, advances).await? {
        verdicts.set(ord, CommitOutcome::Committed);
    }
    let (refused, accepted): (Vec<_>, Vec<_>) = advances.iter().partition(|advance| verdicts.is_open(advance.ord));
    if !refused.is_empty() {
        refuse(connection, &refused, verdicts).await?;
    }
    for At { commit, .. } in &accepted {
        events.add(&commit.run, commit.seq, commit.commit, commit.at, &commit.events)?;
    }
    let attempts = |advance: &&At<'a, AdvanceRun>| {
        let commit = advance.commit;
        commit.closed.iter().map(move |closed| (&commit.run, closed))
    };
    add_steps(connection, &accepted.iter().flat_map(attempts).collect::<Vec<_>>()).await?;
    let update = |advance: &&At<'a, AdvanceRun>| Some((advance.commit, advance.commit.update.as_ref()?));
    update_runs(connection, &accepted.iter().filter_map(update).collect::<Vec<_>>()).await?;
    inbox::settle(connection, &accepted).await?;
    families::reach_out(connection, &accepted, events).await
}

/// Accepts commits by moving their runs' heads, where epoch, number and phase allow it, and answers which were accepted.
async fn move_heads(connection: &mut PgConnection, advances: &[At<'_, AdvanceRun>]) -> Outcome<Vec<i32>> {
    let numbers = |number: fn(&AdvanceRun) -> u64| {
        advances.iter().map(|advance| signed(number(advance.commit))).collect::<Outcome<Vec<_>>>()
    };
    let phase_after = |advance: &AdvanceRun| advance.update.as_ref().map_or(LIVE, |update| phase(update.status));
    let wake_at = |advance: &AdvanceRun| match advance.wake {
        Wake::At(at) => Some(at),
        Wake::Owned | Wake::Asleep | Wake::Never => None,
    };
    let accepted = sqlx::query_scalar(include_str!("../sql/advance_heads.sql"))
        .bind(column(advances, |advance| advance.ord))
        .bind(column(advances, |advance| advance.commit.run.as_str()))
        .bind(numbers(|advance| advance.epoch.get())?)
        .bind(numbers(|advance| advance.seq.get())?)
        .bind(numbers(|advance| advance.seq.get() + advance.events.len() as u64)?)
        .bind(column(advances, |advance| phase_after(advance.commit)))
        .bind(column(advances, |advance| advance.commit.wake == Wake::Owned))
        .bind(column(advances, |advance| wake_at(advance.commit)))
        .fetch_all(connection)
        .await?;
    Ok(accepted)
}

/// Why commits were not accepted.
async fn refuse(
    connection: &mut PgConnection,
    refused: &[&At<'_, AdvanceRun>],
    verdicts: &mut Verdicts,
) -> Outcome<()> {
    let numbers = |number: fn(&AdvanceRun) -> u64| {
        refused.iter().map(|advance| signed(number(advance.commit))).collect::<Outcome<Vec<_>>>()
    };
    let found: Vec<(i32, bool, bool, bool, bool)> = sqlx::query_as(include_str!("../sql/why_not_advanced.sql"))
        .bind(column(refused, |advance| advance.ord))
        .bind(column(refused, |advance| advance.commit.run.as_str()))
        .bind(numbers(|advance| advance.epoch.get())?)
        .bind(numbers(first_event)?)
        .bind(column(refused, |advance| advance.commit.commit.uuid()))
        .fetch_all(connection)
        .await?;
    for (ord, known, applied, fenced, ended) in found {
        let outcome = match (known, applied, fenced, ended) {
            (false, ..) => CommitOutcome::Gone,
            (true, true, ..) => CommitOutcome::AlreadyApplied,
            (true, false, true, _) => CommitOutcome::Fenced,
            (true, false, false, true) => CommitOutcome::Absorbed,
            (true, false, false, false) => CommitOutcome::Moved,
        };
        verdicts.set(ord, outcome);
    }
    Ok(())
}

/// The number of a commit's first event. A commit without events leaves no record, and nothing has the number 0; giving
/// back twice what is given back already is harmless.
fn first_event(advance: &AdvanceRun) -> u64 {
    if advance.events.is_empty() { 0 } else { advance.seq.next().get() }
}

async fn add_steps(connection: &mut PgConnection, closed: &[(&RunId, &ClosedAttempt)]) -> Outcome<()> {
    if closed.is_empty() {
        return Ok(());
    }
    let small = |number: fn(&ClosedAttempt) -> u32| {
        closed.iter().map(|(_, closed)| signed_small(number(closed))).collect::<Outcome<Vec<_>>>()
    };
    let executions = closed.iter().map(|(_, closed)| signed(closed.execution.get())).collect::<Outcome<Vec<_>>>()?;
    sqlx::query(include_str!("../sql/steps.sql"))
        .bind(column(closed, |(run, closed)| row_id(run, closed)))
        .bind(column(closed, |(run, _)| run.as_str()))
        .bind(executions)
        .bind(column(closed, |(_, closed)| closed.step.as_str()))
        .bind(column(closed, |(_, closed)| closed.agent.as_str()))
        .bind(column(closed, |(_, closed)| status(closed).as_str()))
        .bind(column(closed, |(_, closed)| closed.path.as_str()))
        .bind(small(|closed| closed.attempt)?)
        .bind(small(|closed| closed.generation)?)
        .bind(small(|closed| closed.round)?)
        .bind(column(closed, |(_, closed)| closed.input.text()))
        .bind(column(closed, |(_, closed)| beyond_jsonb(closed.input.text())))
        .bind(column(closed, |(_, closed)| closed.output.as_ref().map(Payload::text)))
        .bind(column(closed, |(_, closed)| closed.output.as_ref().and_then(|output| beyond_jsonb(output.text()))))
        .bind(column(closed, |(_, closed)| closed.started_at))
        .bind(column(closed, |(_, closed)| closed.completed_at))
        .bind(column(closed, |(_, closed)| closed.error.as_deref()))
        .execute(connection)
        .await?;
    Ok(())
}

fn status(closed: &ClosedAttempt) -> StepStatus {
    if closed.error.is_none() { StepStatus::Completed } else { StepStatus::Failed }
}

/// The key of an attempt's row. It is the id that people see, but for runs with very long foreign ids: the old column has
/// room for 255 characters, so the tail gives way to a digest.
fn row_id(run: &RunId, closed: &ClosedAttempt) -> String {
    let id = StepExecutionId::derive(run, &closed.step, closed.execution);
    let id = id.as_str();
    if id.chars().count() <= 255 {
        return id.to_owned();
    }
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes()).simple();
    id.chars().take(220).chain(format!("-{digest}").chars()).collect()
}

async fn update_runs(connection: &mut PgConnection, updates: &[(&AdvanceRun, &RunUpdate)]) -> Outcome<()> {
    if updates.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/update_runs.sql"))
        .bind(column(updates, |(advance, _)| advance.run.as_str()))
        .bind(column(updates, |(_, update)| update.status.as_str()))
        .bind(column(updates, |(_, update)| update.error.as_deref()))
        .bind(column(updates, |(advance, _)| advance.at))
        .bind(column(updates, |(advance, update)| completed_at(update.status, advance.at)))
        .bind(column(updates, |(_, update)| update.paused))
        .bind(column(updates, |(_, update)| update.cancelled_by.as_deref()))
        .bind(column(updates, |(_, update)| update.output.as_ref().map(Payload::text)))
        .bind(column(updates, |(_, update)| update.output.as_ref().and_then(|output| beyond_jsonb(output.text()))))
        .execute(connection)
        .await?;
    Ok(())
}
