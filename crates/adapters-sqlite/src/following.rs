//! What those read who follow runs: events after a number, where runs stand, rows of attempts without their data.

use domain::{
    agents::AgentName,
    ids::{RunId, Seq},
    runs::{EndedAttempt, NumberedEvent, RunStatus, RunTip},
};
use rusqlite::{Connection, params};

use crate::{
    codec::{all, count, first, parsed, signed, small, sound, text, time},
    failure::Outcome,
    runs::{record, step_status},
};

const NUMBER: &str = "(SELECT run FROM workflow_runs WHERE run_id = ?1)";

/// The events of a run after a number.
pub(crate) fn events(connection: &Connection, run: &RunId, after: Seq, limit: u32) -> Outcome<Vec<NumberedEvent>> {
    // Events have no gaps, so the records that hold the wanted ones are known by their first numbers. The oldest of them may
    // begin before.
    let sql = format!(
        "SELECT first_seq, commit_id, at, events FROM run_events
         WHERE run = {NUMBER} AND first_seq <= ?2 + ?3 AND first_seq >= coalesce(
           (SELECT max(first_seq) FROM run_events WHERE run = {NUMBER} AND first_seq <= ?2 + 1), 0)
         ORDER BY first_seq"
    );
    let parameters = params![run.as_str(), signed(after.get())?, limit];
    let records = all(&mut *connection.prepare_cached(&sql)?, parameters, record)?;
    Ok(NumberedEvent::of(records, after, limit))
}

/// Where runs stand.
pub(crate) fn tips(connection: &Connection, runs: Vec<RunId>) -> Outcome<Vec<(RunId, RunTip)>> {
    // In one transaction of a connection that only reads, one look-up by its key for each.
    let mut select = connection.prepare_cached(
        "SELECT seq, status FROM workflow_runs JOIN run_heads USING (run) WHERE workflow_runs.run_id = ?1",
    )?;
    let mut tips = Vec::with_capacity(runs.len());
    for run in runs {
        let found = first(&mut select, [run.as_str()], |row| {
            Ok(RunTip { last: Seq::new(count(row, 0)?), status: sound("status", RunStatus::parse(text(row, 1)?))? })
        })?;
        tips.extend(found.map(|tip| (run, tip)));
    }
    Ok(tips)
}

/// The rows of attempts, without their data.
pub(crate) fn attempts(connection: &Connection, run: &RunId, executions: &[Seq]) -> Outcome<Vec<EndedAttempt>> {
    let sql = format!(
        "SELECT attempt, agent_name, status, started_at, completed_at, error FROM step_executions
         WHERE run = {NUMBER} AND execution = ?2"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = Vec::with_capacity(executions.len());
    for execution in executions {
        rows.extend(first(&mut select, params![run.as_str(), signed(execution.get())?], |row| {
            Ok(EndedAttempt {
                execution: *execution,
                attempt: small(row, 0)?,
                agent: parsed("agent's name", AgentName::parse(text(row, 1)?))?,
                status: step_status(text(row, 2)?)?,
                started_at: time(row, 3)?,
                completed_at: Some(time(row, 4)?),
                error: row.get(5)?,
            })
        })?);
    }
    Ok(rows)
}
