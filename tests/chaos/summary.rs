//! What is said about a chaos run: lines for people who watch, and a section for `docs/reference/guarantees.md`.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    checker::{self, Kind, Violation},
    evidence::{End, Event, Evidence, Ordered, RunRecord},
    ledger::Entries,
    recovery::{self, Recoveries, percentile},
    schedule::{APIS, EXECUTORS, RELAYS},
};

/// How many violations of a kind are shown.
const SHOWN: usize = 8;

/// Everything that is said.
pub(crate) struct Summary {
    pub(crate) seed: u64,
    pub(crate) minutes: f64,
    pub(crate) lease: Duration,
    violations: Vec<Violation>,
    facts: Vec<(&'static str, String)>,
}

impl Summary {
    /// Checks the evidence and counts what there is.
    pub(crate) fn of(seed: u64, minutes: f64, lease: Duration, entries: &Entries, evidence: &Evidence) -> Self {
        let recoveries = recovery::recoveries(&entries.kills, &entries.outages, evidence);
        let facts = vec![
            ("runs", runs(entries, evidence)),
            ("ended", ended(evidence)),
            ("orders of people", orders(evidence)),
            ("steps", steps(evidence)),
            ("calls", calls(evidence)),
            ("told", told(evidence)),
            ("faults", faults(entries)),
            ("servers that ended by themselves and were started again", listed(&entries.ended)),
            ("recovery", recovered(&recoveries)),
        ];
        Self { seed, minutes, lease, violations: checker::check(evidence), facts }
    }

    /// Whether every guarantee held.
    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// For people who watch.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("chaos with seed {}, {} minutes of faults\n", self.seed, self.minutes);
        for (name, fact) in &self.facts {
            // Writing to a text does not fail.
            let _ = writeln!(text, "  {name}: {fact}");
        }
        let _ = writeln!(text, "  violations: {}", self.verdict());
        let mut shown: BTreeMap<Kind, usize> = BTreeMap::new();
        for violation in &self.violations {
            let of_kind = shown.entry(violation.kind).or_default();
            *of_kind += 1;
            if *of_kind <= SHOWN {
                let _ = writeln!(text, "VIOLATION: {violation}");
            }
        }
        text
    }

    /// Every violation, a line each.
    pub(crate) fn violations(&self) -> String {
        self.violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// The section of the page, without its heading.
    pub(crate) fn markdown(&self) -> String {
        let lease = self.lease.as_secs();
        let mut text = format!(
            "{APIS} APIs, {EXECUTORS} executors and {RELAYS} relays (leases of {lease} s) on one PostgreSQL and one Kafka broker; {} \
             minutes of faults, seed {}, then quiet until everything had ended.\n\n| | |\n|---|---|\n",
            self.minutes, self.seed
        );
        for (name, fact) in &self.facts {
            let _ = writeln!(text, "| {name} | {fact} |");
        }
        let _ = writeln!(text, "| **violations** | **{}** |", self.verdict());
        text
    }

    fn verdict(&self) -> String {
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for violation in &self.violations {
            *kinds.entry(violation.kind.name().to_owned()).or_default() += 1;
        }
        listed(&kinds)
    }
}

fn runs(entries: &Entries, evidence: &Evidence) -> String {
    let (accepted, all) = (entries.accepted.len(), evidence.runs.len());
    let (refused, unanswered) = (entries.refused, entries.unanswered);
    format!(
        "{accepted} accepted, {refused} refused (503, 408), {unanswered} without an answer; {all} in the database, with children"
    )
}

fn ended(evidence: &Evidence) -> String {
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    for record in evidence.runs.values() {
        *statuses.entry(record.status.clone().unwrap_or_default()).or_default() += 1;
    }
    listed(&statuses)
}

fn orders(evidence: &Evidence) -> String {
    let of = |what: Ordered| evidence.orders.iter().filter(|order| order.what == what).count();
    let cancelled = events(evidence, |event| *event == Event::Ended(End::Cancelled));
    let resumed = events(evidence, |event| *event == Event::Resumed);
    let (cancels, retries) = (of(Ordered::Cancel), of(Ordered::Retry));
    format!(
        "{cancels} cancellations and {retries} retries acknowledged; {cancelled} and {resumed} in the histories, with children"
    )
}

fn steps(evidence: &Evidence) -> String {
    let done = events(evidence, |event| matches!(event, Event::Succeeded { .. }));
    let failed = events(evidence, |event| matches!(event, Event::AttemptFailed { .. }));
    let commits: usize = evidence.runs.values().map(|record| record.commits.len()).sum();
    format!("{done} done, {failed} failed attempts and blocks; {commits} commits")
}

fn calls(evidence: &Evidence) -> String {
    let all = evidence.calls.len();
    let mut ids: Vec<&str> = evidence.calls.iter().map(|call| call.message_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let (different, late) = (ids.len(), checker::late_calls(evidence));
    let repeats = all - different;
    format!(
        "{all} calls of {different} messages: {repeats} repeated, {late} of them late, by executors that were just thawed"
    )
}

fn told(evidence: &Evidence) -> String {
    let doubles = checker::doubles(evidence);
    format!("{} records tell of {} ends, {doubles} of them twice", evidence.news.len(), checker::ends(evidence).len())
}

fn faults(entries: &Entries) -> String {
    let all: u64 = entries.faults.values().sum();
    let left_out = entries.left_out;
    format!("{all}: {}; {left_out} left out, because the victim was away", listed(&entries.faults))
}

fn recovered(recoveries: &Recoveries) -> String {
    let said = |sample: &[Duration]| match (percentile(sample, 50), percentile(sample, 99), sample.last()) {
        (Some(p50), Some(p99), Some(most)) => {
            let [p50, p99, most] = [p50, p99, *most].map(|time| time.as_secs_f64());
            format!("p50 {p50:.1} s, p99 {p99:.1} s, most {most:.1} s ({} runs)", sample.len())
        }
        _ => "not measured".to_owned(),
    };
    let (undisturbed, all) = (said(&recoveries.undisturbed), said(&recoveries.all));
    format!(
        "from kill -9 of an executor to the next step elsewhere {undisturbed}; with outages of PostgreSQL on the way {all}"
    )
}

fn events(evidence: &Evidence, wanted: impl Fn(&Event) -> bool) -> usize {
    evidence.runs.values().flat_map(RunRecord::events).filter(|told| wanted(told.event)).count()
}

/// Counts by name; `none` if there is nothing.
fn listed(counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}
