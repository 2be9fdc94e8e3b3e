//! The rows of runs, as the journal writes and checks them. Whether they may be written is decided elsewhere.

use domain::{
    Timestamp,
    ids::{CommitId, RunId, Seq},
    payload::Payload,
    runs::{ClosedAttempt, RunEvent, RunStatus, RunUpdate, StepStatus},
};
use rusqlite::{Connection, params};

use crate::{
    codec::{count, first, micros, signed},
    failure::{Failure, Outcome},
};

/// The phase of a head that may move.
pub(crate) const LIVE: i64 = 0;
/// The phase of a run that completed; nothing follows, unless a step of it is to be done anew.
pub(crate) const COMPLETED: i64 = 1;
/// The phase of a run that failed or was cancelled; it can be resumed.
pub(crate) const STOPPED: i64 = 2;

/// What is read of a head to say why a commit is not accepted.
pub(crate) struct Head {
    pub(crate) seq: Seq,
    pub(crate) epoch: i64,
    pub(crate) phase: i64,
}

pub(crate) fn head_of(connection: &Connection, run: i64) -> Outcome<Head> {
    let mut select = connection.prepare_cached("SELECT seq, epoch, phase FROM run_heads WHERE run = ?1")?;
    let head = first(&mut select, [run], |row| {
        Ok(Head { seq: Seq::new(count(row, 0)?), epoch: row.get(1)?, phase: row.get(2)? })
    })?;
    head.ok_or_else(|| Failure::Corrupt(format!("run number {run} has no head")))
}

/// The number by which the other tables name a run.
pub(crate) fn number_of(connection: &Connection, run: &RunId) -> Outcome<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT run FROM workflow_runs WHERE run_id = ?1")?;
    first(&mut select, [run.as_str()], |row| Ok(row.get(0)?))
}

/// Whether the events from this number on were written by this commit.
pub(crate) fn is_at(connection: &Connection, run: i64, number: Seq, commit: CommitId) -> Outcome<bool> {
    let mut select =
        connection.prepare_cached("SELECT 1 FROM run_events WHERE run = ?1 AND first_seq = ?2 AND commit_id = ?3")?;
    Ok(select.exists(params![run, signed(number.get())?, commit.uuid().as_bytes()])?)
}

/// Whether a commit was applied; for the rare ones that do not say which number they follow.
pub(crate) fn has(connection: &Connection, run: i64, commit: CommitId) -> Outcome<bool> {
    let mut select = connection.prepare_cached("SELECT 1 FROM run_events WHERE run = ?1 AND commit_id = ?2")?;
    Ok(select.exists(params![run, commit.uuid().as_bytes()])?)
}

pub(crate) fn add_events(
    connection: &Connection,
    run: i64,
    seq: Seq,
    commit: CommitId,
    at: Timestamp,
    events: &[RunEvent],
) -> Outcome<()> {
    if events.is_empty() {
        return Ok(());
    }
    let events = serde_json::to_string(events).map_err(|error| Failure::Unstorable(error.to_string()))?;
    connection
        .prepare_cached("INSERT INTO run_events (run, first_seq, commit_id, at, events) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![run, signed(seq.next().get())?, commit.uuid().as_bytes(), micros(at), events])?;
    Ok(())
}

/// A row is written once: another one for the same attempt changes nothing.
pub(crate) fn add_step(connection: &Connection, run: i64, closed: &ClosedAttempt) -> Outcome<()> {
    let status = if closed.error.is_none() { StepStatus::Completed } else { StepStatus::Failed };
    connection
        .prepare_cached(
            "INSERT INTO step_executions (run, execution, step_id, path, agent_name, status, attempt, generation,
                                          round, started_at, completed_at, error, output, input)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (run, execution) DO NOTHING",
        )?
        .execute(params![
            run,
            signed(closed.execution.get())?,
            closed.step.as_str(),
            closed.path.as_str(),
            closed.agent.as_str(),
            status.as_str(),
            closed.attempt,
            closed.generation,
            closed.round,
            micros(closed.started_at),
            micros(closed.completed_at),
            closed.error,
            closed.output.as_ref().map(Payload::text),
            closed.input.text(),
        ])?;
    Ok(())
}

pub(crate) fn update_run(connection: &Connection, run: i64, update: &RunUpdate, at: Timestamp) -> Outcome<()> {
    connection
        .prepare_cached(
            "UPDATE workflow_runs SET status = ?2, error = ?3, updated_at = ?4,
                    completed_at = coalesce(?5, completed_at), paused = ?6, cancelled_at = coalesce(?7, cancelled_at),
                    cancelled_by = coalesce(?8, cancelled_by) WHERE run = ?1",
        )?
        .execute(params![
            run,
            update.status.as_str(),
            update.error,
            micros(at),
            completed_at(update.status, at),
            update.paused,
            (update.status == RunStatus::Cancelled).then(|| micros(at)),
            update.cancelled_by,
        ])?;
    if let Some(output) = &update.output {
        connection
            .prepare_cached("INSERT OR REPLACE INTO run_outputs (run, output) VALUES (?1, ?2)")?
            .execute(params![run, output.text()])?;
    }
    Ok(())
}

pub(crate) fn completed_at(status: RunStatus, at: Timestamp) -> Option<i64> {
    matches!(status, RunStatus::Completed | RunStatus::Failed).then(|| micros(at))
}

pub(crate) fn phase(status: RunStatus) -> i64 {
    match status {
        RunStatus::Pending | RunStatus::Running => LIVE,
        RunStatus::Completed => COMPLETED,
        RunStatus::Failed | RunStatus::Cancelled => STOPPED,
    }
}

/// Why a run failed that failed at its very start.
pub(crate) fn first_error(events: &[RunEvent]) -> Option<&str> {
    events.iter().rev().find_map(|event| match event {
        RunEvent::RunFailed { error } => Some(error.as_str()),
        _ => None,
    })
}
