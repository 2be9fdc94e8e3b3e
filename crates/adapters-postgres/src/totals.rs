//! Totals that were estimated a moment ago, so that who leafs through a long list does not have ten thousand rows counted again
//! for each page. What was counted exactly is not kept.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::page::Total;

/// How long an estimate is good for. It is one anyway.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// How many lists are remembered, by their statements and values.
const REMEMBERED: usize = 1000;

/// The estimates of this process.
#[derive(Default)]
pub(crate) struct Totals(Mutex<HashMap<String, (u64, Instant)>>);

impl Totals {
    /// What was estimated a moment ago.
    pub(crate) fn recent(&self, list: &str) -> Option<Total> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (estimate, _) = known.get(list).filter(|(_, at)| at.elapsed() < GOOD_FOR)?;
        Some(Total::Estimate(*estimate))
    }

    /// Keeps an estimate.
    pub(crate) fn keep(&self, list: String, estimate: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, at)| at.elapsed() < GOOD_FOR);
        }
        // All of a thousand within seconds: somebody asks for ever new lists, for whom nothing is won.
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(list, (estimate, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_remembered_for_its_list_and_few_are() {
        let totals = Totals::default();
        totals.keep("a".to_owned(), 20_000);
        assert_eq!(totals.recent("a"), Some(Total::Estimate(20_000)));
        assert_eq!(totals.recent("b"), None);
        for list in 0..2 * REMEMBERED {
            totals.keep(list.to_string(), 1);
        }
        assert!(totals.0.lock().expect("no test panics").len() <= REMEMBERED);
    }
}
