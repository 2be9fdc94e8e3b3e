//! Steps by the word of the database: done once, with a result, and not begun again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Violation};
use crate::evidence::{Event, RunRecord};

/// Violations in a run.
pub(super) fn check(run: &str, record: &RunRecord) -> Vec<Violation> {
    let mut violations = events(run, record);
    violations.extend(rows(run, record));
    violations
}

/// Goes through the history; a rerun, which people may order, has a generation of its own.
fn events(run: &str, record: &RunRecord) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut generations = BTreeMap::new();
    let mut done = BTreeSet::new();
    for told in record.events() {
        match told.event {
            Event::Dispatched { path, generation, .. } => {
                generations.insert(told.seq, *generation);
                if done.contains(&(path, *generation)) {
                    let what = format!("event {} dispatches it after it had succeeded", told.seq);
                    violations.push(Violation::new(Kind::CalledAgain, place(run, path), what));
                }
            }
            Event::Succeeded { path, execution } => {
                let generation = generations.get(execution).copied().unwrap_or(0);
                if !done.insert((path, generation)) {
                    let what = format!("event {} says again that it succeeded", told.seq);
                    violations.push(Violation::new(Kind::DoubledCompletion, place(run, path), what));
                }
            }
            _ => {}
        }
    }
    violations
}

fn rows(run: &str, record: &RunRecord) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut done = BTreeSet::new();
    for row in record.rows.iter().filter(|row| row.is_completed) {
        if !done.insert((&row.path, row.generation)) {
            let what = format!("a second row with a result, of attempt {}", row.execution);
            violations.push(Violation::new(Kind::DoubledCompletion, place(run, &row.path), what));
        }
    }
    let completed: BTreeSet<_> =
        record.rows.iter().filter(|row| row.is_completed).map(|row| (&row.path, row.execution)).collect();
    let mut succeeded = BTreeSet::new();
    for told in record.events() {
        if let Event::Succeeded { path, execution } = told.event {
            succeeded.insert((path, *execution));
            if !completed.contains(&(path, *execution)) {
                let what = format!("attempt {execution} succeeded, and has no row with a result");
                violations.push(Violation::new(Kind::LostResult, place(run, path), what));
            }
        }
    }
    for (path, execution) in completed.difference(&succeeded) {
        let what = format!("attempt {execution} has a row with a result, and no event says that it succeeded");
        violations.push(Violation::new(Kind::InventedResult, place(run, path), what));
    }
    violations
}

/// Where something was found.
pub(super) fn place(run: &str, path: &str) -> String {
    format!("{run} {path}")
}
