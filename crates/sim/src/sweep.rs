//! Many seeds, on several threads, for a number of seeds or for a time.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    report::{Report, Violation},
    seed::run_seed,
};

/// Which seeds to run.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// The first.
    pub first: u64,
    /// How many, if the time is long enough.
    pub seeds: u64,
    /// No seed is begun after that.
    pub lasts: Option<Duration>,
    /// On how many threads.
    pub jobs: usize,
}

/// What a sweep came to.
#[derive(Debug)]
pub struct Swept {
    /// How many seeds were run.
    pub seeds: u64,
    /// How long it took.
    pub took: Duration,
    /// The sum of what they did.
    pub report: Report,
    /// What went wrong; the sweep ends with the first.
    pub violations: Vec<Violation>,
}

impl Sweep {
    /// Runs them.
    pub fn run(self) -> Swept {
        let began = Instant::now();
        let (next, stop) = (AtomicU64::new(self.first), AtomicBool::new(false));
        let end = self.first.saturating_add(self.seeds);
        let swept =
            Mutex::new(Swept { seeds: 0, took: Duration::ZERO, report: Report::default(), violations: Vec::new() });
        let work = || {
            let (mut seeds, mut report, mut violations) = (0, Report::default(), Vec::new());
            while !stop.load(Ordering::Relaxed) && self.lasts.is_none_or(|lasts| began.elapsed() < lasts) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    break;
                }
                seeds += 1;
                match run_seed(seed) {
                    Ok(done) => report.add(&done),
                    Err(violation) => {
                        violations.push(violation);
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            }
            let mut swept = swept.lock().unwrap_or_else(PoisonError::into_inner);
            swept.seeds += seeds;
            swept.report.add(&report);
            swept.violations.append(&mut violations);
        };
        std::thread::scope(|threads| {
            for _ in 0..self.jobs.max(1) {
                threads.spawn(work);
            }
        });
        let swept = swept.into_inner().unwrap_or_else(PoisonError::into_inner);
        Swept { took: began.elapsed(), ..swept }
    }
}

impl Swept {
    /// Seeds a second and thread.
    pub fn rate(&self, jobs: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let (seeds, jobs) = (self.seeds as f64, jobs.max(1) as f64);
        seeds / self.took.as_secs_f64() / jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_happens_and_as_many_transitions_are_covered_as_before() {
        let swept = Sweep { first: 1, seeds: 400, lasts: None, jobs: 2 }.run();
        assert_eq!(swept.violations, []);
        assert_eq!(swept.seeds, 400);
        assert_eq!(swept.report.missing(), [""; 0]);
        // 43 in a longer sweep.
        assert!(swept.report.covered() >= 46, "{}", swept.report.table());
    }

    #[test]
    fn a_sweep_on_two_threads_comes_to_the_same_as_on_one() {
        let sweep = |jobs| Sweep { first: 1, seeds: 60, lasts: None, jobs }.run().report;
        assert_eq!(sweep(1), sweep(2));
    }
}
