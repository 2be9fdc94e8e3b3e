//! What must hold after every step of the simulation, for the runs that were touched by it.

use std::collections::{BTreeMap, BTreeSet};

use adapters_memory::MemoryStore;
use domain::{
    ids::{RunId, Seq, StepPath},
    page::{PageRequest, SortOrder},
    ports::DeadLetters,
    runs::{AgentCall, DeadLetterFilter, RunState, RunStatus},
};

use crate::{coverage::Coverage, ledger::Ledger, now, wiring::Wiring};

/// What is known of all runs from their events: only what is new is looked at.
#[derive(Default)]
pub(crate) struct Memory {
    ledgers: BTreeMap<RunId, Ledger>,
}

impl Memory {
    /// G2 to G6 and G9, as far as a run's events and rows show them.
    pub(crate) fn check(&mut self, wiring: &Wiring, run: &RunId, coverage: &mut Coverage) -> Result<RunStatus, String> {
        let ledger = self.ledger(wiring, run)?;
        let dead = ledger.dead.clone();
        let looked = wiring.store.look_at(run, |row, history, steps| ledger.catch_up(row, history, steps, coverage));
        let status = looked.ok_or_else(|| format!("{run} is lost (G1)"))?.map_err(|what| format!("{run}: {what}"))?;
        if ledger.dead != dead {
            check_dead_letters(wiring, run, &ledger.dead)?;
        }
        Ok(status)
    }

    /// A call is made only after the event that allows it is durable.
    pub(crate) fn check_call(
        &mut self,
        wiring: &Wiring,
        call: &AgentCall,
        coverage: &mut Coverage,
    ) -> Result<(), String> {
        let run = &call.key.run;
        self.check(wiring, run, coverage)?;
        let ledger = self.ledger(wiring, run)?;
        coverage.call(&ledger.plan, &call.key.path);
        if ledger.allows(call) {
            Ok(())
        } else {
            Err(format!("{:?} was called before its dispatch was durable (G4)", call.key))
        }
    }

    /// The ends that the events of all runs tell of, as the outbox must tell them: the run, and the event's number.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (&RunId, Seq)> {
        self.ledgers.iter().flat_map(|(run, ledger)| ledger.ends.iter().map(move |end| (run, *end)))
    }

    /// Whether looking at what was new has come to what looking at everything does.
    pub(crate) fn check_folds(&self, wiring: &Wiring) -> Result<(), String> {
        for (run, ledger) in &self.ledgers {
            let folded = wiring.store.look_at(run, |_, history, _| RunState::fold(history));
            let folded = folded.ok_or_else(|| format!("{run} is lost (G1)"))?.map_err(|e| format!("{run}: {e}"))?;
            if folded != ledger.state {
                return Err(format!("{run}: its events fold to another state than they did one by one"));
            }
        }
        Ok(())
    }

    fn ledger(&mut self, wiring: &Wiring, run: &RunId) -> Result<&mut Ledger, String> {
        if !self.ledgers.contains_key(run) {
            let begun = wiring.store.look_at(run, |_, history, _| RunState::fold(history.get(..1).unwrap_or_default()));
            let state = begun.ok_or_else(|| format!("{run} is lost (G1)"))?.map_err(|e| format!("{run}: {e}"))?;
            let plan = now(wiring.plans.get(state.plan())).map_err(|e| format!("{run}: {e}"))?;
            self.ledgers.insert(run.clone(), Ledger::new(plan, state));
        }
        Ok(self.ledgers.get_mut(run).expect("just entered"))
    }
}

/// A dead letter for each step whose last call has failed for good, and no other.
fn check_dead_letters(wiring: &Wiring, run: &RunId, dead: &BTreeSet<StepPath>) -> Result<(), String> {
    let filter = DeadLetterFilter { run: Some(run.clone()), ..DeadLetterFilter::default() };
    let page = PageRequest::new(1, 100).expect("a page");
    let kept = now(<MemoryStore as DeadLetters>::list(&wiring.store, &filter, SortOrder::Ascending, page));
    let kept = kept.expect("memory");
    let is_dead = kept.items.iter().all(|entry| dead.contains(&entry.last.path));
    if kept.items.len() != dead.len() || kept.next.is_some() || !is_dead {
        return Err(format!("{run}: the dead letters are {:?} and should be {dead:?}", kept.items));
    }
    Ok(())
}
