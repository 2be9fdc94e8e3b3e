//! Where something stands in a trace (W3C Trace Context, level 1), and what was done there.
//!
//! Spans have ids that follow from what they are about, so that whoever comes later, in another process too, can name them as
//! parents without anything being kept or drawn by lot.

mod ratio;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{Timestamp, ids::RunId};

pub use ratio::{InvalidRatio, TraceRatio};

/// The name of the header that carries a [`TraceParent`], over HTTP and Kafka.
pub const TRACEPARENT: &str = "traceparent";

/// The namespace of ids derived for traces; a random constant.
const TRACES: Uuid = Uuid::from_u128(0x2c9e_61f0_57ab_4d3e_8b64_90d5_f1a7_3c28);

/// The longest header that is read: later versions of the format may say more.
const MAX_HEADER: usize = 200;

/// A trace; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub u128);

/// 32 hexadecimal digits.
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A span within a trace; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub u64);

impl SpanId {
    /// The span of something that is called so within its trace.
    pub fn named(name: &str) -> Self {
        let (high, _) = Uuid::new_v5(&TRACES, name.as_bytes()).as_u64_pair();
        // The version's four bits are never all zero, so this is a span.
        Self(high)
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A span of a trace, as others are told of it: the header `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// Whether whoever began the trace keeps it.
    pub sampled: bool,
}

impl TraceParent {
    /// Another span of the same trace.
    pub fn with(self, span: SpanId) -> Self {
        Self { span, ..self }
    }
}

/// The header's text in its version 00.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// The header is none that can be gone by; what it names stays unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no traceparent: 00-{{32}}-{{16}}-{{2}} lower-case hexadecimal digits, no id all zeros")]
pub struct NoTraceParent;

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let parts: Vec<&str> = text.split('-').collect();
        let digits = |part: &str, length| {
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            (part.len() == length && part.chars().all(hex)).then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let [version, trace, span, flags, rest @ ..] = parts.as_slice() else { return Err(NoTraceParent) };
        let known = digits(version, 2).is_some() && *version != "ff" && (rest.is_empty() || *version != "00");
        let read = || {
            let trace = digits(trace, 32).filter(|trace| *trace != 0)?;
            let span = digits(span, 16).and_then(|span| u64::try_from(span).ok()).filter(|span| *span != 0)?;
            let sampled = digits(flags, 2)? & 1 == 1;
            Some(Self { trace: TraceId(trace), span: SpanId(span), sampled })
        };
        (text.len() <= MAX_HEADER && known).then(read).flatten().ok_or(NoTraceParent)
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceParent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The trace of a run: the one of the request that started it, if that belonged to one; else one of its own, whose id is the
/// UUID in the run's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTrace {
    trace: TraceId,
    parent: Option<SpanId>,
    sampled: bool,
}

impl RunTrace {
    /// The trace of a run that was started from there.
    pub fn of(run: &RunId, from: Option<TraceParent>) -> Self {
        match from {
            Some(TraceParent { trace, span, sampled }) => Self { trace, parent: Some(span), sampled },
            None => Self { trace: own_trace(run.as_str()), parent: None, sampled: true },
        }
    }

    /// The trace of something that is called so and is no run: what cannot be read, and what it was about.
    pub fn of_text(name: &str) -> Self {
        Self { trace: own_trace(name), parent: None, sampled: true }
    }

    /// The trace.
    pub fn id(self) -> TraceId {
        self.trace
    }

    /// Whether who began it keeps it.
    pub fn is_sampled(self) -> bool {
        self.sampled
    }

    /// The span of the request that started the run.
    pub fn parent(self) -> Option<SpanId> {
        self.parent
    }

    /// The span of the run as a whole.
    pub fn run(self, run: &RunId) -> TraceParent {
        self.named(run.as_str())
    }

    /// The span of a message or a call that is called so; equal names are equal spans.
    pub fn named(self, name: &str) -> TraceParent {
        TraceParent { trace: self.trace, span: SpanId::named(name), sampled: self.sampled }
    }
}

/// The UUID in a run's id; if it holds none, one that is derived from it.
fn own_trace(run: &str) -> TraceId {
    const LENGTH: usize = 36;
    let places = (0..=run.len().saturating_sub(LENGTH)).filter_map(|at| run.get(at..at + LENGTH));
    // All zeros are not a trace (W3C Trace Context, 3.2.2.3).
    let found = places.filter_map(|text| text.parse::<Uuid>().ok()).find(|uuid| !uuid.is_nil());
    TraceId(found.unwrap_or_else(|| Uuid::new_v5(&TRACES, run.as_bytes())).as_u128())
}

/// What part a span plays in what goes between programs (`OpenTelemetry`'s span kinds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Nothing goes out or comes in.
    Internal,
    /// It answers somebody.
    Server,
    /// It asks somebody.
    Client,
    /// It sends a message.
    Producer,
    /// It takes a message.
    Consumer,
}

/// Something that was done, and is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its place.
    pub place: TraceParent,
    /// What it was done for; none for the root of its trace.
    pub parent: Option<SpanId>,
    /// What was done: one of few names, or a pattern, never an id.
    pub name: String,
    /// What part it plays.
    pub kind: SpanKind,
    /// When it began.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// What is known of it, under `OpenTelemetry`'s names where it has some.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it did not succeed; no word of a payload or a secret.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> RunId {
        RunId::parse(id).expect("an id")
    }

    #[test]
    fn the_uuid_of_a_run_is_its_trace() {
        let header = RunTrace::of(&run("run-0199f0aa-1111-7222-8333-444455556666"), None).named("corr-1").to_string();
        assert!(header.starts_with("00-0199f0aa111172228333444455556666-"), "{header}");
        assert!(header.ends_with("-01") && header.parse::<TraceParent>().is_ok(), "{header}");
    }

    #[test]
    fn a_run_that_was_started_in_a_trace_belongs_to_it() {
        let from = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".parse().expect("a parent");
        let trace = RunTrace::of(&run("run-0199f0aa-1111-7222-8333-444455556666"), Some(from));
        assert_eq!((trace.id(), trace.parent()), (from.trace, Some(from.span)));
        assert!(!trace.named("m").sampled, "what nobody keeps is not kept here");
    }

    #[test]
    fn a_run_without_a_uuid_has_a_trace_all_the_same() {
        for id in ["run-1", "größer-als-sechsunddreißig-Zeichen-und-ohne-UUID", "00000000-0000-0000-0000-000000000000"]
        {
            let header = RunTrace::of(&run(id), None).named("m").to_string();
            assert!(header.parse::<TraceParent>().is_ok(), "{header}");
            assert_eq!(header, RunTrace::of_text(id).named("m").to_string());
        }
        assert_ne!(RunTrace::of_text("run-1").id(), RunTrace::of_text("run-2").id());
    }

    #[test]
    fn each_message_is_a_span() {
        let trace = RunTrace::of_text("run-1");
        assert_ne!(trace.named("m1"), trace.named("m2"));
        assert_eq!(trace.named("m1").trace, trace.named("m2").trace);
    }

    #[test]
    fn headers_are_read_and_written_and_others_are_refused() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read: TraceParent = text.parse().expect("a parent");
        assert_eq!(read.to_string(), text);
        let kept = serde_json::to_string(&read).expect("it has a form");
        assert_eq!(serde_json::from_str::<TraceParent>(&kept).expect("it is read again"), read);
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more".parse::<TraceParent>();
        assert!(later.is_ok_and(|later| later.sampled));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf9-00f067aa0ba902b7-01",
        ] {
            assert_eq!(wrong.parse::<TraceParent>(), Err(NoTraceParent), "{wrong}");
        }
    }
}
