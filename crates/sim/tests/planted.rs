//! Engines with a bug in them: the simulation finds each, and a seed that fails replays.

use domain::planted::Bug;
use sim::{find, run_seed_with};

/// More seeds than any of them may need.
const MOST: u64 = 3000;

/// So many are run in any case, to tell how many of them find a bug.
const FIRST: u64 = 100;

#[test]
fn every_planted_bug_is_found_within_three_thousand_seeds() {
    println!("{:<26}{:>10}{:>16}  given away by", "planted bug", "found by", "of the first");
    for bug in Bug::ALL {
        let found = find(bug, MOST).unwrap_or_else(|| panic!("{bug:?} was not found in {MOST} seeds"));
        let finders = (1..=FIRST).filter(|seed| run_seed_with(bug, *seed).is_err()).count();
        let what: String = found.violation.what.chars().take(140).collect();
        println!("{:<26}{:>10}{finders:>10} / {FIRST}  {what}", format!("{bug:?}"), format!("seed {}", found.seeds));
    }
}

#[test]
fn a_failing_seed_replays_exactly_and_tells_every_step() {
    let found = find(Bug::CompletionTwice, MOST).expect("it is found");
    assert!(!found.violation.trace.is_empty());
    for _ in 0..3 {
        let again = run_seed_with(Bug::CompletionTwice, found.seeds).expect_err("it fails again");
        assert_eq!(again, found.violation);
    }
}

#[test]
fn an_engine_without_a_bug_passes_the_seeds_that_find_one() {
    for bug in Bug::ALL {
        let found = find(bug, MOST).expect("it is found");
        assert!(sim::run_seed(found.seeds).is_ok(), "seed {} of {bug:?}", found.seeds);
    }
}
