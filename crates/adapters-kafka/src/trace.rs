//! W3C `traceparent` on everything that is sent: all records of a run belong to one trace, and equal records to equal spans,
//! without anything being kept or drawn by lot.

use uuid::Uuid;

/// The name of the header.
pub(crate) const HEADER: &str = "traceparent";

/// The namespace of ids derived for traces; a random constant.
const TRACES: Uuid = Uuid::from_u128(0x2c9e_61f0_57ab_4d3e_8b64_90d5_f1a7_3c28);

/// The header of a message about a run. `message` names it within the run: its own id, or that of what it is about.
pub(crate) fn parent(run: &str, message: &str) -> String {
    format!("00-{}-{:016x}-01", trace_id(run).simple(), span_id(message))
}

/// The UUID in a run's id; if it holds none, one that is derived from it.
fn trace_id(run: &str) -> Uuid {
    const LENGTH: usize = 36;
    let places = (0..=run.len().saturating_sub(LENGTH)).filter_map(|at| run.get(at..at + LENGTH));
    // All zeros are not a trace (W3C Trace Context, 3.2.2.3).
    let found = places.filter_map(|text| text.parse::<Uuid>().ok()).find(|uuid| !uuid.is_nil());
    found.unwrap_or_else(|| Uuid::new_v5(&TRACES, run.as_bytes()))
}

fn span_id(message: &str) -> u64 {
    let (high, _) = Uuid::new_v5(&TRACES, message.as_bytes()).as_u64_pair();
    // The version's four bits are never all zero, so this is a span.
    high
}

/// Whether a header from outside is one that can be passed on: `00-{32}-{16}-{2}` lower-case hexadecimal digits, the ids
/// not all zeros; later versions may have more parts.
pub(crate) fn is_valid(header: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(header) else { return false };
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str, length| {
        part.len() == length && part.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.chars().any(|c| c != '0');
    match parts.as_slice() {
        [version, trace, span, flags, rest @ ..] => {
            let version_is_sound = is_hex(version, 2) && *version != "ff" && (rest.is_empty() || *version != "00");
            text.len() <= 200 && version_is_sound && is_id(trace, 32) && is_id(span, 16) && is_hex(flags, 2)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uuid_of_a_run_is_its_trace() {
        let header = parent("run-0199f0aa-1111-7222-8333-444455556666", "corr-1");
        assert!(header.starts_with("00-0199f0aa111172228333444455556666-"), "{header}");
        assert!(header.ends_with("-01") && is_valid(header.as_bytes()), "{header}");
    }

    #[test]
    fn a_run_without_a_uuid_has_a_trace_all_the_same() {
        for run in
            ["run-1", "", "größer-als-sechsunddreißig-Zeichen-und-ohne-UUID", "00000000-0000-0000-0000-000000000000"]
        {
            let header = parent(run, "m");
            assert!(is_valid(header.as_bytes()), "{header}");
            assert_eq!(header, parent(run, "m"));
        }
        assert_ne!(parent("run-1", "m"), parent("run-2", "m"));
    }

    #[test]
    fn each_message_is_a_span() {
        assert_ne!(parent("run-1", "m1"), parent("run-1", "m2"));
        assert_eq!(parent("run-1", "m1")[..36], parent("run-1", "m2")[..36]);
    }

    #[test]
    fn headers_of_others_are_checked() {
        assert!(is_valid(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"));
        assert!(is_valid(b"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf9-00f067aa0ba902b7-01",
        ] {
            assert!(!is_valid(wrong.as_bytes()), "{wrong}");
        }
    }
}
