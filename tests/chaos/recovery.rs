//! How long the runs of a killed executor stood still: from its end to the next step of each elsewhere. Pure.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    evidence::{Event, Evidence, RunRecord},
    message_ids,
    moment::Moment,
};

/// An executor that was killed.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    /// When it was dead.
    pub(crate) at: Moment,
    /// What it owned.
    pub(crate) orphans: Vec<Orphan>,
}

/// A run that it owned.
#[derive(Debug, Clone)]
pub(crate) struct Orphan {
    pub(crate) run: String,
    /// The number of its last event.
    pub(crate) seq: u64,
}

/// A time in which PostgreSQL was away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) from: Moment,
    pub(crate) to: Moment,
}

/// The times of all orphans that had a call under way: the call is the next step, and its repetition is seen at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recoveries {
    /// Of those that PostgreSQL did not keep waiting, shortest first.
    pub(crate) undisturbed: Vec<Duration>,
    /// Of all, shortest first.
    pub(crate) all: Vec<Duration>,
}

/// Measures. Runs that were ended by somebody before they were taken over are left out.
pub(crate) fn recoveries(kills: &[Kill], outages: &[Outage], evidence: &Evidence) -> Recoveries {
    let calls = calls_by_run(evidence);
    let mut recoveries = Recoveries::default();
    for kill in kills {
        for orphan in &kill.orphans {
            let Some(record) = evidence.runs.get(&orphan.run).filter(|record| is_calling(record, orphan.seq)) else {
                continue;
            };
            let of_run = calls.get(orphan.run.as_str()).map_or(&[][..], Vec::as_slice);
            let called = of_run.iter().copied().filter(|at| *at > kill.at).min();
            let Some(next) = next_step(called, record, orphan.seq) else { continue };
            let took = next.since(kill.at);
            recoveries.all.push(took);
            if outages.iter().all(|outage| outage.to < kill.at || outage.from > next) {
                recoveries.undisturbed.push(took);
            }
        }
    }
    recoveries.all.sort_unstable();
    recoveries.undisturbed.sort_unstable();
    recoveries
}

/// The value that a share of a sorted sample does not exceed (nearest rank).
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn calls_by_run(evidence: &Evidence) -> BTreeMap<&str, Vec<Moment>> {
    let dispatches = message_ids::dispatches(evidence);
    let mut calls: BTreeMap<&str, Vec<Moment>> = BTreeMap::new();
    for call in &evidence.calls {
        if let Some(dispatch) = dispatches.get(&call.message_id).and_then(|repeated| repeated.first()) {
            calls.entry(dispatch.run).or_default().push(call.at);
        }
    }
    calls
}

/// Whether a call was under way when the history had so many events.
fn is_calling(record: &RunRecord, seq: u64) -> bool {
    let mut under_way = Vec::new();
    for told in record.events().take_while(|told| told.seq <= seq) {
        match told.event {
            Event::Dispatched { .. } => under_way.push(told.seq),
            Event::Succeeded { execution, .. } | Event::AttemptFailed { execution: Some(execution) } => {
                under_way.retain(|dispatched| dispatched != execution);
            }
            Event::Ended(_) => under_way.clear(),
            Event::AttemptFailed { execution: None } | Event::Resumed | Event::Other(_) => {}
        }
    }
    !under_way.is_empty()
}

/// When the run was seen to go on: with its next call or its next commit. None if somebody ended it before, whatever became of
/// it later: a call that a retry has made minutes afterwards is no recovery.
fn next_step(called: Option<Moment>, record: &RunRecord, seq: u64) -> Option<Moment> {
    let Some(next) = record.events().find(|told| told.seq > seq) else { return called };
    if matches!(next.event, Event::Ended(_) | Event::Resumed) {
        return called.filter(|called| *called <= next.durable);
    }
    Some(called.map_or(next.durable, |called| called.min(next.durable)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Call, Commit};

    fn seconds(seconds: i64) -> Moment {
        Moment::at(seconds * 1_000_000)
    }

    fn dispatched() -> Event {
        Event::Dispatched { path: "a".into(), generation: 0, round: 0 }
    }

    /// A run that dispatched its step in the first second and commits something else in the thirtieth.
    fn evidence(second: Event, called: &[i64]) -> Evidence {
        let commits = vec![
            Commit { first: 1, durable: seconds(1), events: vec![Event::Other("started".into()), dispatched()] },
            Commit { first: 3, durable: seconds(30), events: vec![second] },
        ];
        let message_id = message_ids::message_id("run-1", "a", 0, 0);
        let call = |at: &i64| Call { message_id: message_id.clone(), digest: "d".into(), at: seconds(*at) };
        Evidence {
            runs: [("run-1".to_owned(), RunRecord { commits, ..RunRecord::default() })].into(),
            calls: called.iter().map(call).collect(),
            ..Evidence::default()
        }
    }

    fn kill(at: i64, seq: u64) -> Kill {
        Kill { at: seconds(at), orphans: vec![Orphan { run: "run-1".into(), seq }] }
    }

    #[test]
    fn a_run_has_recovered_with_the_first_call_after_the_kill() {
        let done = Event::Succeeded { path: "a".into(), execution: 2 };
        let found = recoveries(&[kill(10, 2)], &[], &evidence(done, &[2, 17, 19]));
        assert_eq!(found.all, [Duration::from_secs(7)]);
        assert_eq!(found.undisturbed, found.all);
    }

    #[test]
    fn without_a_call_it_has_recovered_with_the_next_commit() {
        let done = Event::Succeeded { path: "a".into(), execution: 2 };
        assert_eq!(recoveries(&[kill(10, 2)], &[], &evidence(done, &[2])).all, [Duration::from_secs(20)]);
    }

    #[test]
    fn an_outage_of_postgresql_on_the_way_is_told_apart() {
        let outage = Outage { from: seconds(12), to: seconds(15) };
        let done = Event::Succeeded { path: "a".into(), execution: 2 };
        let found = recoveries(&[kill(10, 2)], &[outage], &evidence(done, &[17]));
        assert_eq!((found.all.len(), found.undisturbed.len()), (1, 0));
    }

    #[test]
    fn runs_that_were_not_calling_or_that_somebody_ended_are_left_out() {
        use crate::evidence::End;
        let none = Recoveries::default();
        assert_eq!(recoveries(&[kill(10, 1)], &[], &evidence(dispatched(), &[])), none);
        assert_eq!(recoveries(&[kill(10, 2)], &[], &evidence(Event::Ended(End::Cancelled), &[2])), none);
        // Cancelled in the thirtieth second, and retried by somebody later.
        assert_eq!(recoveries(&[kill(10, 2)], &[], &evidence(Event::Ended(End::Cancelled), &[2, 172])), none);
    }

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let sample: Vec<_> = (1..=100).map(Duration::from_secs).collect();
        assert_eq!(percentile(&sample, 99), Some(Duration::from_secs(99)));
        assert_eq!(percentile(&[], 50), None);
    }
}
