//! Where it goes what was done when, for whoever follows a trace through programs.

use crate::trace::{Span, TraceParent};

/// Takes spans. It MUST NOT block, and MAY lose them: they are told for people, nothing rests on them.
pub trait Spans: Send + Sync {
    /// Whether a span at this place would be kept, so that nobody makes one in vain.
    fn wants(&self, place: &TraceParent) -> bool;

    /// Tells of something that was done.
    fn tell(&self, span: Span);
}

/// Keeps nothing: nobody follows traces.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSpans;

impl Spans for NoSpans {
    fn wants(&self, _: &TraceParent) -> bool {
        false
    }

    fn tell(&self, _: Span) {}
}
