//! What is told of runs to whoever follows traces: one span for each run, each attempt of a step, each call of an agent and each
//! message that leaves. Nothing waits for it.
//!
//! The ids of spans follow from what they are about (`domain::trace`), so a call names the run that it belongs to though the
//! run's own span is told last, perhaps by another process.

use std::sync::Arc;

use domain::{
    Timestamp,
    ports::{Clock, Spans},
    runs::{AgentCall, AgentTask, CallFailure, CallOutcome, OutboxMessage, RunCommit, RunOrigin, RunUpdate},
    trace::{RunTrace, Span, SpanId, SpanKind, TraceParent},
};

/// Names of attributes.
const RUN: &str = "orrery.run.id";
const STATUS: &str = "orrery.run.status";
const STEP: &str = "orrery.step.path";
const ATTEMPT: &str = "orrery.step.attempt";
const AGENT: &str = "orrery.agent.name";
const REPEATED: &str = "orrery.call.repeated";
const ERROR_TYPE: &str = "error.type";
const MESSAGE: &str = "messaging.message.id";
const OPERATION: &str = "messaging.operation.type";

/// Tells of calls.
#[derive(Clone)]
pub(crate) struct CallSpans {
    pub(crate) spans: Arc<dyn Spans>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A call under way.
pub(crate) struct TracedCall {
    pub(crate) place: TraceParent,
    parent: Option<SpanId>,
    began: Timestamp,
}

impl CallSpans {
    /// A call begins; what is known of its run says to what it belongs.
    pub(crate) fn begin(&self, call: &AgentCall, origin: Option<RunOrigin>) -> TracedCall {
        let run = &call.key.run;
        let trace = origin.map_or_else(|| RunTrace::of(run, None), |origin| origin.trace(run));
        let place = trace.named(&format!("{}@{}", call.ids().correlation, call.execution));
        let parent = origin.filter(|_| self.wants(place)).map(|origin| origin.attempt(run, call.execution).span);
        TracedCall { place, parent, began: self.clock.now() }
    }

    /// It is over.
    pub(crate) fn end(&self, traced: &TracedCall, call: &AgentCall, outcome: &CallOutcome) {
        if !self.wants(traced.place) {
            return;
        }
        let mut attributes = vec![
            (RUN, call.key.run.to_string()),
            (STEP, call.key.path.to_string()),
            (AGENT, call.agent.as_str().to_owned()),
        ];
        if call.repeated {
            attributes.push((REPEATED, "true".to_owned()));
        }
        self.tell(traced, attributes, outcome);
    }

    /// A call for the existing executor begins: one attempt at its task.
    pub(crate) fn begin_task(&self, task: &AgentTask, attempt: u32) -> TracedCall {
        let within = task.trace.unwrap_or_else(|| RunTrace::of(&task.run, None).named(&task.correlation));
        let place = within.with(SpanId::named(&format!("{}#{attempt}", task.correlation)));
        TracedCall { place, parent: Some(within.span), began: self.clock.now() }
    }

    /// It is over.
    pub(crate) fn end_task(&self, traced: &TracedCall, task: &AgentTask, outcome: &CallOutcome) {
        if self.wants(traced.place) {
            self.tell(traced, vec![(RUN, task.run.to_string()), (AGENT, task.agent.clone())], outcome);
        }
    }

    fn wants(&self, place: TraceParent) -> bool {
        self.spans.wants(place.trace, place.sampled)
    }

    fn tell(&self, traced: &TracedCall, mut attributes: Vec<(&'static str, String)>, outcome: &CallOutcome) {
        let error = match outcome {
            CallOutcome::Completed(_) => None,
            // The message is in the agent's words, and some agents repeat what they were sent.
            CallOutcome::Failed(CallFailure { kind, .. }) => Some(kind.as_str().to_owned()),
        };
        attributes.extend(error.clone().map(|kind| (ERROR_TYPE, kind)));
        let TracedCall { place, parent, began } = *traced;
        let (name, ended) = ("call agent".to_owned(), self.clock.now());
        self.spans.tell(Span { place, parent, name, kind: SpanKind::Client, began, ended, attributes, error });
    }
}

/// Tells of what a commit has made true.
pub(crate) fn committed(spans: &dyn Spans, commit: &RunCommit) {
    let RunCommit::Advance(advance) = commit else { return };
    let (run, origin) = (&advance.run, advance.origin);
    let trace = origin.trace(run);
    let has_news = !advance.closed.is_empty() || advance.update.is_some();
    if !has_news || !spans.wants(trace.id(), trace.is_sampled()) {
        return;
    }
    let own = origin.span(run);
    for closed in &advance.closed {
        let error = closed.error.as_ref().map(|_| "failed".to_owned());
        let attributes = vec![
            (RUN, run.to_string()),
            (STEP, closed.path.to_string()),
            (ATTEMPT, closed.attempt.to_string()),
            (AGENT, closed.agent.as_str().to_owned()),
        ];
        spans.tell(Span {
            place: origin.attempt(run, closed.execution),
            parent: Some(own.span),
            name: format!("step {}", closed.step),
            kind: SpanKind::Internal,
            began: closed.started_at,
            ended: closed.completed_at,
            attributes,
            error,
        });
    }
    if let Some(RunUpdate { status, error, .. }) = advance.update.as_ref().filter(|update| update.status.is_terminal())
    {
        spans.tell(Span {
            place: own,
            parent: trace.parent(),
            name: "run".to_owned(),
            kind: SpanKind::Internal,
            began: origin.since,
            ended: advance.at,
            attributes: vec![(RUN, run.to_string()), (STATUS, status.as_str().to_owned())],
            error: error.as_ref().map(|_| status.as_str().to_owned()),
        });
    }
}

/// Tells of a message that has left: from when it became true until it was acknowledged.
pub(crate) fn relayed(spans: &dyn Spans, message: &OutboxMessage, now: Timestamp) {
    let (trace, id) = (message.trace(), message.event_id());
    if spans.wants(trace.id(), trace.is_sampled()) {
        let attributes = vec![
            (RUN, message.run().to_string()),
            (MESSAGE, id.to_owned()),
            (OPERATION, "send".to_owned()),
            ("messaging.system", "kafka".to_owned()),
        ];
        spans.tell(Span {
            place: trace.named(id),
            parent: trace.parent(),
            name: format!("outbox {}", message.message_type()),
            kind: SpanKind::Producer,
            began: message.timestamp(),
            ended: now,
            attributes,
            error: None,
        });
    }
}
