//! Bugs that are planted in the engine, to see whether the simulation finds them.

use domain::planted::{Bug, plant};

use crate::{
    report::{Report, Violation},
    seed::run_seed,
};

/// A bug that was found.
#[derive(Debug)]
pub struct Found {
    /// How many seeds it took.
    pub seeds: u64,
    /// What gave it away.
    pub violation: Violation,
}

/// Runs one seed on an engine with a bug in it.
pub fn run_seed_with(bug: Bug, seed: u64) -> Result<Report, Violation> {
    plant(Some(bug));
    let outcome = run_seed(seed);
    plant(None);
    outcome
}

/// Runs seeds on an engine with a bug in it until one fails; none if none does.
pub fn find(bug: Bug, most: u64) -> Option<Found> {
    (1..=most).find_map(|seed| run_seed_with(bug, seed).err().map(|violation| Found { seeds: seed, violation }))
}
