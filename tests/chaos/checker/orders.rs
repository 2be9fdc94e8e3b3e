//! Cancellations and retries that were acknowledged.

use std::time::Duration;

use super::{Kind, Violation, steps::place};
use crate::evidence::{End, Event, Evidence, Order, Ordered, RunRecord};

/// The row of a commit is stamped when its transaction has committed, its client is told right after; both by one clock.
const SLACK: Duration = Duration::from_millis(50);

/// Orders that are not in the history, and what a run began after it was cancelled.
pub(super) fn check(evidence: &Evidence) -> Vec<Violation> {
    let lost = evidence.orders.iter().filter_map(|order| lost(order, evidence));
    let begun = evidence.runs.iter().flat_map(|(run, record)| begun(run, record));
    lost.chain(begun).collect()
}

fn lost(order: &Order, evidence: &Evidence) -> Option<Violation> {
    let (what, wanted) = match order.what {
        Ordered::Cancel => ("cancellation", Event::Ended(End::Cancelled)),
        Ordered::Retry => ("retry", Event::Resumed),
    };
    let history = evidence.runs.get(&order.run).into_iter().flat_map(RunRecord::events);
    let mut before = history.filter(|told| told.durable <= order.acknowledged.plus(SLACK));
    let found = before.any(|told| *told.event == wanted);
    (!found).then(|| Violation::new(Kind::LostOrder, &order.run, format!("a {what} was acknowledged and is not there")))
}

/// By the order of the events, which needs no clock.
fn begun(run: &str, record: &RunRecord) -> Vec<Violation> {
    let mut cancelled = None;
    let mut violations = Vec::new();
    for told in record.events() {
        match told.event {
            Event::Ended(End::Cancelled) => cancelled = Some(told.seq),
            Event::Resumed => cancelled = None,
            Event::Dispatched { path, .. } => {
                if let Some(since) = cancelled {
                    let what = format!("event {} dispatches it, event {since} had cancelled the run", told.seq);
                    violations.push(Violation::new(Kind::CalledAfterCancel, place(run, path), what));
                }
            }
            _ => {}
        }
    }
    violations
}
