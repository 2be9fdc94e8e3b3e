//! W3C `traceparent` on everything that is sent: all records of a run belong to one trace, and equal records to equal spans,
//! without anything being kept or drawn by lot.

use std::sync::Arc;

use domain::{
    Timestamp,
    ids::RunId,
    ports::{Clock, Spans},
    trace::{RunTrace, Span, SpanId, SpanKind, TRACEPARENT, TraceParent},
};

use crate::consumer::Record;

/// The name of the header.
pub(crate) const HEADER: &str = TRACEPARENT;

/// The header of a message about a run of which only its id is known. `message` names it within the run: its own id, or that of
/// what it is about.
pub(crate) fn parent(run: &str, message: &str) -> String {
    RunTrace::of_text(run).named(message).to_string()
}

/// The header of a message about a run that was started from there.
pub(crate) fn parent_of(run: &RunId, from: Option<TraceParent>, message: &str) -> String {
    RunTrace::of(run, from).named(message).to_string()
}

/// Whose place in a trace a header from outside tells; none if it is none that can be passed on.
pub(crate) fn read(header: Option<&[u8]>) -> Option<TraceParent> {
    std::str::from_utf8(header?).ok()?.parse().ok()
}

/// Whether a header from outside is one that can be passed on.
pub(crate) fn is_valid(header: &[u8]) -> bool {
    read(Some(header)).is_some()
}

/// Tells of records that are taken from the cluster, to whoever follows traces.
#[derive(Clone)]
pub(crate) struct Receiving {
    pub(crate) spans: Arc<dyn Spans>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A record that is being handled.
pub(crate) struct Received {
    /// Where what is done for it belongs; none where its sender has named no trace.
    pub(crate) place: Option<TraceParent>,
    parent: Option<SpanId>,
    began: Timestamp,
}

impl Receiving {
    /// A record is taken. What is done for it belongs to its sender's trace.
    pub(crate) fn begin(&self, record: &Record) -> Received {
        let theirs = read(record.header(HEADER));
        let own = |theirs: TraceParent| {
            if !self.spans.wants(theirs.trace, theirs.sampled) {
                // A span that nobody keeps would leave a gap between the sender's and what follows.
                return theirs;
            }
            let Record { topic, partition, offset, .. } = record;
            theirs.with(SpanId::named(&format!("{topic}/{partition}/{offset}@{}", theirs.span)))
        };
        Received { place: theirs.map(own), parent: theirs.map(|theirs| theirs.span), began: self.clock.now() }
    }

    /// It is handled; `what` is the kind of thing that it was.
    pub(crate) fn end(&self, received: &Received, what: &str, run: &RunId, error: Option<&str>) {
        let Received { place: Some(place), parent, began } = *received else { return };
        if Some(place.span) == parent {
            return;
        }
        self.spans.tell(Span {
            place,
            parent,
            name: format!("process {what}"),
            kind: SpanKind::Consumer,
            began,
            ended: self.clock.now(),
            attributes: vec![
                ("orrery.run.id", run.to_string()),
                ("messaging.system", "kafka".to_owned()),
                ("messaging.operation.type", "process".to_owned()),
            ],
            error: error.map(str::to_owned),
        });
    }
}
