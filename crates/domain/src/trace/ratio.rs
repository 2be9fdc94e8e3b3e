//! Which traces are kept.

use std::{fmt, str::FromStr};

use super::TraceId;

/// What part of all traces is kept: the same ones by every process with the same ratio, so that a trace is kept whole or not at
/// all. Whoever calls can keep Orrery from recording a trace, and cannot make it record more than this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceRatio(f64);

/// It is no ratio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a number from 0 to 1 is needed")]
pub struct InvalidRatio;

impl TraceRatio {
    /// Everything.
    pub const ALL: Self = Self(1.0);

    /// Whether a trace is kept: by the 56 bits of its id that the W3C wants to be random, as OpenTelemetry's consistent samplers
    /// decide.
    pub fn keeps(self, trace: TraceId) -> bool {
        const RANDOM: u128 = (1 << 56) - 1;
        #[expect(clippy::cast_precision_loss, reason = "a ratio of traces needs no more than 53 bits")]
        let place = (trace.0 & RANDOM) as f64 / (RANDOM + 1) as f64;
        place < self.0
    }
}

impl fmt::Display for TraceRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TraceRatio {
    type Err = InvalidRatio;

    fn from_str(text: &str) -> Result<Self, InvalidRatio> {
        let ratio: f64 = text.parse().map_err(|_| InvalidRatio)?;
        if (0.0..=1.0).contains(&ratio) { Ok(Self(ratio)) } else { Err(InvalidRatio) }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn about_that_part_of_all_traces_is_kept_and_each_always_or_never() {
        let traces: Vec<TraceId> =
            (0_u32..10_000).map(|n| TraceId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes()).as_u128())).collect();
        for (text, least, most) in [("0", 0, 0), ("0.1", 900, 1_100), ("1", 10_000, 10_000)] {
            let ratio: TraceRatio = text.parse().expect("a ratio");
            let kept: Vec<_> = traces.iter().filter(|trace| ratio.keeps(**trace)).collect();
            assert!((least..=most).contains(&kept.len()), "{text}: {}", kept.len());
            assert!(kept.iter().all(|trace| ratio.keeps(**trace)));
        }
    }

    #[test]
    fn what_is_no_ratio_is_refused() {
        for wrong in ["", "2", "-0.1", "NaN", "half"] {
            assert_eq!(wrong.parse::<TraceRatio>(), Err(InvalidRatio), "{wrong}");
        }
    }
}
