//! The steps that the old executor has done.

use std::collections::HashMap;

use domain::ids::{RunId, Seq};
use sqlx::PgConnection;

use super::runs;
use crate::{codec::signed, failure::Outcome, journal::wave::column};

/// The last row of a step.
pub(super) struct LastRow {
    pub(super) id: String,
    pub(super) is_completed: bool,
    /// How many rows the step has.
    pub(super) attempt: i32,
}

/// The last row of each step of some runs.
#[derive(Default)]
pub(super) struct LastRows(HashMap<String, HashMap<String, LastRow>>);

impl LastRows {
    pub(super) fn of(&self, run: &RunId, step: &str) -> Option<&LastRow> {
        self.0.get(run.as_str())?.get(step)
    }
}

pub(super) async fn last_rows(connection: &mut PgConnection, of: &[&RunId]) -> Outcome<LastRows> {
    if of.is_empty() {
        return Ok(LastRows::default());
    }
    let rows: Vec<(String, String, String, bool, i32)> = sqlx::query_as(include_str!("../../sql/last_steps.sql"))
        .bind(runs(of.iter().copied()))
        .fetch_all(connection)
        .await?;
    let mut found = LastRows::default();
    for (run, step, id, is_completed, attempt) in rows {
        found.0.entry(run).or_default().insert(step, LastRow { id, is_completed, attempt });
    }
    Ok(found)
}

/// Gives rows the numbers by which events name them from now on.
pub(super) async fn number(connection: &mut PgConnection, rows: &[(&LastRow, Seq)]) -> Outcome<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let executions = rows.iter().map(|(_, execution)| signed(execution.get())).collect::<Outcome<Vec<_>>>()?;
    sqlx::query(include_str!("../../sql/adopt_steps.sql"))
        .bind(column(rows, |(row, _)| row.id.as_str()))
        .bind(executions)
        .bind(column(rows, |(row, _)| row.attempt))
        .execute(connection)
        .await?;
    Ok(())
}
