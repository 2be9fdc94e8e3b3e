//! What commits change beyond their runs: runs that they start, what other runs are told, and the events that steps wait for.

use domain::{
    ids::{RunId, StepPath},
    runs::{CancelRun, Outward},
};
use rusqlite::{Connection, params};

use crate::{
    codec::{all, first, parsed, text},
    failure::Outcome,
    inbox,
    journal::apply_start,
    rows::LIVE,
};

/// Does what an accepted commit says.
pub(crate) fn reach_out(connection: &Connection, run: i64, outward: &Outward) -> Outcome<()> {
    for child in &outward.children {
        apply_start(connection, child)?;
    }
    for note in &outward.notes {
        inbox::append(connection, note)?;
    }
    for wait in &outward.waits {
        connection
            .prepare_cached("INSERT OR IGNORE INTO run_waits (event, correlation, run, path) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![wait.event, wait.correlation, run, wait.path.as_str()])?;
    }
    for path in &outward.settled {
        connection
            .prepare_cached("DELETE FROM run_waits WHERE run = ?1 AND path = ?2")?
            .execute(params![run, path.as_str()])?;
    }
    Ok(())
}

/// Tells the relatives of a run that it was cancelled, and ends its waits.
pub(crate) fn cancelled(connection: &Connection, run: i64, cancel: &CancelRun) -> Outcome<()> {
    connection.prepare_cached("DELETE FROM run_waits WHERE run = ?1")?.execute([run])?;
    let mut parent = connection.prepare_cached(
        "SELECT p.run_id, r.parent_path FROM workflow_runs AS r JOIN workflow_runs AS p ON p.run = r.parent
         WHERE r.run = ?1",
    )?;
    let parent = first(&mut parent, [run], |row| {
        Ok((parsed("run id", RunId::parse(text(row, 0)?))?, parsed("step path", StepPath::parse(text(row, 1)?))?))
    })?;
    if let Some((parent, path)) = parent {
        inbox::append(connection, &cancel.tells_parent(&parent, &path))?;
    }
    let mut children = connection.prepare_cached(
        "SELECT run_id FROM workflow_runs AS r JOIN run_heads AS h USING (run) WHERE r.parent = ?1 AND h.phase = ?2",
    )?;
    let children = all(&mut children, [run, LIVE], |row| parsed("run id", RunId::parse(text(row, 0)?)))?;
    for child in children {
        inbox::append(connection, &cancel.tells_child(child))?;
    }
    Ok(())
}

/// The steps that wait for an event.
pub(crate) fn waiting_for(
    connection: &Connection,
    event: &str,
    correlation: &str,
    limit: usize,
) -> Outcome<Vec<(RunId, StepPath)>> {
    let mut select = connection.prepare_cached(
        "SELECT run_id, path FROM run_waits CROSS JOIN workflow_runs USING (run)
         WHERE event = ?1 AND correlation = ?2 ORDER BY run, path LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all(&mut select, params![event, correlation, limit], |row| {
        Ok((parsed("run id", RunId::parse(text(row, 0)?))?, parsed("step path", StepPath::parse(text(row, 1)?))?))
    })
}
