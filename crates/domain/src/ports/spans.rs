//! Where it goes what was done when, for whoever follows a trace through programs.

use crate::trace::{Span, TraceId};

/// Takes spans. It MUST NOT block, and MAY lose them: they are told for people, nothing rests on them.
pub trait Spans: Send + Sync {
    /// Whether the spans of this trace are kept, so that nobody makes one in vain, nor derives its id. `sampled`: whether who
    /// began the trace keeps it.
    fn wants(&self, trace: TraceId, sampled: bool) -> bool;

    /// Tells of something that was done.
    fn tell(&self, span: Span);
}

/// Keeps nothing: nobody follows traces.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSpans;

impl Spans for NoSpans {
    fn wants(&self, _: TraceId, _: bool) -> bool {
        false
    }

    fn tell(&self, _: Span) {}
}
