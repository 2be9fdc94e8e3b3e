//! One seed: it is run without a trace, which costs more than all else, and once more with one if it fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    report::{Report, Violation},
    world::World,
};

/// A seed that was run again to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Every step.
    pub trace: Vec<String>,
    /// What came of it.
    pub outcome: Result<Report, String>,
}

/// Runs one seed to its end.
pub fn run_seed(seed: u64) -> Result<Report, Violation> {
    let what = match play(seed, false).outcome {
        Ok(report) => return Ok(report),
        Err(what) => what,
    };
    let again = replay(seed);
    let what = match again.outcome {
        Err(same) if same == what => what,
        other => format!("the seed does not replay: {what}; then {other:?}"),
    };
    Err(Violation { seed, what, trace: again.trace })
}

/// Runs one seed and notes every step.
pub fn replay(seed: u64) -> Replay {
    play(seed, true)
}

fn play(seed: u64, traced: bool) -> Replay {
    let mut world = World::new(seed, traced);
    // A panic of the engine is a violation like any other, and nobody looks at what it leaves but its trace.
    let played = catch_unwind(AssertUnwindSafe(|| world.play()));
    let outcome = played.unwrap_or_else(|panic| Err(format!("the engine panicked: {}", said(&*panic))));
    if outcome.is_err() {
        world.note_histories();
    }
    let (calls, repeated) = (world.agents.calls, world.agents.repeated);
    let outcome = outcome.map(|()| {
        world.report.counts.calls = calls;
        world.report.counts.repeated = repeated;
        world.report
    });
    Replay { trace: world.trace.unwrap_or_default(), outcome }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        for seed in 1..=150 {
            let (one, other) = (replay(seed), replay(seed));
            assert_eq!(one, other, "seed {seed}");
            assert!(!one.trace.is_empty(), "seed {seed}");
        }
    }

    #[test]
    fn a_trace_changes_nothing() {
        for seed in 1..=20 {
            assert_eq!(play(seed, false).outcome, replay(seed).outcome, "seed {seed}");
        }
    }
}
