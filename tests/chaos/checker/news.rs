//! What others were told of ended runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Kind, Violation};
use crate::evidence::{Event, Evidence};

/// Ends that nobody was told of, and news of ends that did not happen.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let ends = ends(evidence);
    let mut told: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut violations = Vec::new();
    for news in &evidence.news {
        let id = news.event_id.as_str();
        let before = *told.entry(id).or_insert(&news.value);
        if *before != news.value {
            let what = format!("told as {before} and as {}", news.value);
            violations.push(Violation::new(Kind::InventedEnd, id, what));
        }
        match ends.get(id) {
            None => violations.push(Violation::new(Kind::InventedEnd, id, "told, and the database does not know it")),
            Some(status) if news.value["status"] != *status => {
                let what = format!("told as {}, and it was {status}", news.value["status"]);
                violations.push(Violation::new(Kind::InventedEnd, id, what));
            }
            Some(_) => {}
        }
    }
    let untold = ends.iter().filter(|(id, _)| !told.contains_key(id.as_str()));
    violations.extend(untold.map(|(id, status)| Violation::new(Kind::UntoldEnd, id, *status)));
    violations
}

/// The ids under which others are told of the ends of runs: run and number of the last event of the commit.
pub(crate) fn ends(evidence: &Evidence) -> BTreeMap<String, &'static str> {
    let commits = evidence.runs.iter().flat_map(|(run, record)| record.commits.iter().map(move |commit| (run, commit)));
    let ends = commits.filter_map(|(run, commit)| {
        let end = commit.events.iter().rev().find_map(|event| match event {
            Event::Ended(end) => Some(end.status()),
            _ => None,
        })?;
        Some((format!("{run}-{}", commit.last()), end))
    });
    ends.collect()
}

/// How many records said again what had been said.
pub(crate) fn doubles(evidence: &Evidence) -> usize {
    let ids: BTreeSet<&str> = evidence.news.iter().map(|news| news.event_id.as_str()).collect();
    evidence.news.len() - ids.len()
}
