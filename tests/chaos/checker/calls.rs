//! Calls by the word of the agents, held against what the database had recorded by then.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Kind, Violation, steps::place};
use crate::{
    evidence::{Call, End, Event, Evidence, RunRecord},
    message_ids::{self, Dispatch},
    moment::Moment,
};

/// How long after the thaw of an executor a call may arrive that it had been about to make when it was frozen (G6 says so of
/// cancelled runs; the same call of a run that others have gone on with is no different).
const THAWING: Duration = Duration::from_secs(2);

/// How long an owner may take to hear of a cancellation (G6).
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Two clocks, one of which is read later: when a commit is stamped and when a call is noted.
const SLACK: Duration = Duration::from_millis(50);

type Dispatches<'a> = BTreeMap<String, Vec<Dispatch<'a>>>;

/// Violations by calls.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let dispatches = message_ids::dispatches(evidence);
    let mut violations = other_bytes(evidence);
    violations.extend(unrecorded(evidence, &dispatches));
    violations.extend(judged(evidence, &dispatches).filter(|(_, excused)| !excused).map(|(violation, _)| violation));
    violations.extend(never_called(evidence, &dispatches));
    violations
}

/// How many calls came too late and are excused, because an executor had just been let go on that was about to make them.
pub(crate) fn late_calls(evidence: &Evidence) -> usize {
    let dispatches = message_ids::dispatches(evidence);
    judged(evidence, &dispatches).filter(|(_, excused)| *excused).count()
}

fn other_bytes(evidence: &Evidence) -> Vec<Violation> {
    let mut digests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for call in &evidence.calls {
        digests.entry(&call.message_id).or_default().insert(&call.digest);
    }
    let different = digests.into_iter().filter(|(_, digests)| digests.len() > 1);
    different.map(|(id, digests)| Violation::new(Kind::OtherBytes, id, format!("{} bodies", digests.len()))).collect()
}

/// A call is made after the commit that records it, so the commit is there.
fn unrecorded(evidence: &Evidence, dispatches: &Dispatches<'_>) -> Vec<Violation> {
    let early = evidence.calls.iter().filter_map(|call| {
        let what = match dispatches.get(&call.message_id) {
            None => "no event says that it may be made",
            Some(known) if known.iter().all(|dispatch| dispatch.durable > call.at.plus(SLACK)) => {
                "it was made before the commit that records it"
            }
            Some(_) => return None,
        };
        Some(Violation::new(Kind::UnrecordedCall, &call.message_id, what))
    });
    early.collect()
}

/// Calls of steps that were done and of runs that were cancelled, and whether a thaw excuses them.
fn judged<'a>(
    evidence: &'a Evidence,
    dispatches: &'a Dispatches<'a>,
) -> impl Iterator<Item = (Violation, bool)> + use<'a> {
    let done = done(evidence);
    evidence.calls.iter().filter_map(move |call| {
        let dispatch = dispatches.get(&call.message_id)?.first()?;
        let violation = again(call, dispatch, &done).or_else(|| after_cancel(call, dispatch, evidence))?;
        Some((violation, thaws_shortly_before(call.at, evidence)))
    })
}

type Done<'a> = BTreeMap<(&'a str, &'a str, u64), Moment>;

/// When each step was done, durably.
fn done(evidence: &Evidence) -> Done<'_> {
    let mut done = Done::new();
    for (run, record) in &evidence.runs {
        let mut generations = BTreeMap::new();
        for told in record.events() {
            match told.event {
                Event::Dispatched { generation, .. } => {
                    generations.insert(told.seq, *generation);
                }
                Event::Succeeded { path, execution } => {
                    let generation = generations.get(execution).copied().unwrap_or(0);
                    done.entry((run, path, generation)).or_insert(told.durable);
                }
                _ => {}
            }
        }
    }
    done
}

fn again(call: &Call, dispatch: &Dispatch<'_>, done: &Done<'_>) -> Option<Violation> {
    let since = *done.get(&(dispatch.run, dispatch.path, dispatch.generation))?;
    let late = call.at.since(since.plus(SLACK));
    (late > Duration::ZERO).then(|| {
        let what = format!("{} arrived {late:?} after its result was durable", call.message_id);
        Violation::new(Kind::CalledAgain, place(dispatch.run, dispatch.path), what)
    })
}

fn after_cancel(call: &Call, dispatch: &Dispatch<'_>, evidence: &Evidence) -> Option<Violation> {
    let record = evidence.runs.get(dispatch.run)?;
    let since = cancelled_at(record, call.at)?;
    let late = call.at.since(since.plus(HEARD_WITHIN));
    (late > Duration::ZERO).then(|| {
        let what = format!("{} arrived {:?} after the run was cancelled", call.message_id, late + HEARD_WITHIN);
        Violation::new(Kind::CalledAfterCancel, place(dispatch.run, dispatch.path), what)
    })
}

/// Since when a run had been cancelled at a moment, if it had.
fn cancelled_at(record: &RunRecord, at: Moment) -> Option<Moment> {
    let before = record.events().filter(|told| told.durable <= at.plus(SLACK));
    before.fold(None, |since, told| match told.event {
        Event::Ended(End::Cancelled) => Some(told.durable),
        Event::Resumed => None,
        _ => since,
    })
}

fn thaws_shortly_before(at: Moment, evidence: &Evidence) -> bool {
    // The thaw is noted before the signal is sent.
    evidence.thaws.iter().any(|thaw| *thaw <= at && at <= thaw.plus(THAWING))
}

/// Steps that have a result of a call that no agent saw.
fn never_called(evidence: &Evidence, dispatches: &Dispatches<'_>) -> Vec<Violation> {
    let called: BTreeSet<&str> = evidence.calls.iter().map(|call| call.message_id.as_str()).collect();
    let made =
        dispatches.iter().flat_map(|(id, repeated)| repeated.iter().map(move |dispatch| (id.as_str(), dispatch)));
    let ids: BTreeMap<(&str, u64), &str> = made.map(|(id, dispatch)| ((dispatch.run, dispatch.seq), id)).collect();
    let mut violations = Vec::new();
    for (run, record) in &evidence.runs {
        for told in record.events() {
            if let Event::Succeeded { path, execution } = told.event
                && let Some(id) = ids.get(&(run.as_str(), *execution))
                && !called.contains(id)
            {
                let what = format!("it succeeded, and no agent saw {id}");
                violations.push(Violation::new(Kind::InventedResult, place(run, path), what));
            }
        }
    }
    violations
}
