//! Who looks after which run, as a witness of every claim, release and commit knows it: a second opinion on what the store says,
//! for G2.

use std::collections::BTreeMap;

use domain::{
    ids::{Epoch, ExecutorId, RunId},
    runs::{CommitOutcome, RunCommit, Wake},
};

/// The tenures of executors.
#[derive(Default)]
pub(crate) struct Tenures {
    held: BTreeMap<RunId, (ExecutorId, Epoch)>,
    latest: BTreeMap<RunId, Epoch>,
    broken: Option<String>,
}

impl Tenures {
    /// A run is somebody's from now on.
    pub(crate) fn begins(&mut self, run: &RunId, by: ExecutorId, epoch: Epoch) {
        if let Some((holder, held)) = self.held.insert(run.clone(), (by, epoch)) {
            self.breaks(format!("{run} was given to {by} while {holder} had it under epoch {held} (G2)"));
        }
        if let Some(before) = self.latest.insert(run.clone(), epoch).filter(|before| *before >= epoch) {
            self.breaks(format!("the epoch of {run} went from {before} to {epoch} with its owner (G2)"));
        }
    }

    /// An executor has nothing any more.
    pub(crate) fn all_end(&mut self, of: ExecutorId) {
        self.held.retain(|_, (holder, _)| *holder != of);
    }

    /// A run is nobody's, if it was held like this.
    pub(crate) fn ends(&mut self, run: &RunId, epoch: Epoch) {
        if self.held.get(run).is_some_and(|(_, held)| *held == epoch) {
            self.held.remove(run);
        }
    }

    /// A commit has got its outcome.
    pub(crate) fn committed(&mut self, commit: &RunCommit, outcome: CommitOutcome) {
        if outcome != CommitOutcome::Committed {
            return;
        }
        match commit {
            RunCommit::Start(start) => {
                if let Some(owner) = start.owner {
                    self.begins(&start.run, owner, Epoch::new(1));
                }
            }
            RunCommit::Advance(advance) => {
                let held = self.held.get(&advance.run).map(|(_, epoch)| *epoch);
                // Giving back without a word what is given back already changes nothing; the store keeps no record of it.
                let again = advance.events.is_empty() && held.is_none();
                if held != Some(advance.epoch) && !(again && self.latest.get(&advance.run) == Some(&advance.epoch)) {
                    let (run, epoch) = (&advance.run, advance.epoch);
                    self.breaks(format!(
                        "a commit under epoch {epoch} was taken for {run}, which is held as {held:?} (G2)"
                    ));
                }
                if advance.wake != Wake::Owned {
                    self.held.remove(&advance.run);
                }
            }
            RunCommit::Resume(resume) => drop(self.held.remove(&resume.run)),
            // The owner stays until it is told.
            RunCommit::Cancel(_) | RunCommit::Adopt(_) => {}
        }
    }

    /// What has gone wrong, if anything has.
    pub(crate) fn verdict(&mut self) -> Result<(), String> {
        self.broken.take().map_or(Ok(()), Err)
    }

    fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}
