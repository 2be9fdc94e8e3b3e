//! Runs as a whole: there, ended, as people see them; and the list of all checks.

use super::{Kind, Violation, calls, news, orders, steps};
use crate::evidence::{Accepted, Event, Evidence, RunRecord};

/// Every violation.
pub(crate) fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(evidence.accepted.iter().filter_map(|accepted| accepted_run(accepted, evidence)));
    for (run, record) in &evidence.runs {
        violations.extend(end(run, record));
        violations.extend(gaps(run, record));
        violations.extend(steps::check(run, record));
    }
    violations.extend(orders::check(evidence));
    violations.extend(calls::check(evidence));
    violations.extend(news::check(evidence));
    let wrong = evidence.wrong_answers.iter();
    violations.extend(wrong.map(|answer| Violation::new(Kind::WrongAnswer, "REST", answer)));
    violations.extend(evidence.panics.iter().map(|line| Violation::new(Kind::Panic, "log", line)));
    if evidence.unlogged > 0 {
        violations.push(Violation::new(Kind::BlindWitness, "agents", format!("{} calls", evidence.unlogged)));
    }
    violations
}

fn accepted_run(accepted: &Accepted, evidence: &Evidence) -> Option<Violation> {
    let run = &accepted.run;
    let lost = |what: &str| Some(Violation::new(Kind::LostRun, run, what));
    let Some(record) = evidence.runs.get(run) else {
        return lost("it was accepted, and the database does not know it");
    };
    let Some(status) = &record.status else { return lost("it was accepted, and has no row") };
    if record.head.is_none() || record.commits.is_empty() {
        return lost("it was accepted, and has a row but no events");
    }
    let differs = status == "COMPLETED" && record.output != accepted.output;
    differs.then(|| {
        let what = format!("{} instead of {}", record.output, accepted.output);
        Violation::new(Kind::WrongOutput, run, what)
    })
}

fn end(run: &str, record: &RunRecord) -> Option<Violation> {
    let status = record.status.as_deref().unwrap_or("no row");
    let last = record.events().filter_map(|told| match told.event {
        Event::Ended(end) => Some(end.status()),
        Event::Resumed => Some("RUNNING"),
        _ => None,
    });
    let last = last.last().unwrap_or("RUNNING");
    if last == "RUNNING" || record.head.is_none_or(|head| head.is_live) {
        let seq = record.head.map_or(0, |head| head.seq);
        return Some(Violation::new(Kind::StuckRun, run, format!("{status} after {seq} events")));
    }
    (status != last).then(|| Violation::new(Kind::WrongStatus, run, format!("{status}, and its events say {last}")))
}

fn gaps(run: &str, record: &RunRecord) -> Option<Violation> {
    let mut next = 1;
    for commit in &record.commits {
        if commit.first != next || commit.events.is_empty() {
            return Some(Violation::new(Kind::Gap, run, format!("event {next} is followed by {}", commit.first)));
        }
        next = commit.last() + 1;
    }
    let head = record.head.map_or(0, |head| head.seq);
    (head + 1 != next).then(|| Violation::new(Kind::Gap, run, format!("{} events, and the head says {head}", next - 1)))
}
