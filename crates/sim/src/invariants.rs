//! What must hold after every step of the simulation, for the run that was touched.

use std::collections::{BTreeMap, BTreeSet};

use adapters_memory::MemoryStore;
use domain::{
    ids::{RunId, StepPath},
    page::{PageRequest, SortOrder},
    ports::Runs,
    runs::{AgentCall, DeadLetterFilter, RunEvent, RunState, RunStatus, StepStatus},
};

use crate::now;

/// What was seen of the runs before, to notice what must not change back.
#[derive(Default)]
pub(crate) struct Memory {
    lengths: BTreeMap<RunId, usize>,
}

impl Memory {
    /// G2, G3, G6, G9: the events are gap-free and only grow, the row follows them, no step succeeds twice, nothing is
    /// dispatched after a success or while the run is terminal.
    pub(crate) fn check(&mut self, store: &MemoryStore, run: &RunId) -> Result<RunStatus, String> {
        let history = now(store.history(run)).expect("memory");
        let row = now(store.get(run)).expect("memory").ok_or_else(|| format!("{run} is lost"))?;
        let state = RunState::fold(&history).map_err(|e| format!("{run}: {e}"))?;
        let events: Vec<&RunEvent> = history.iter().flat_map(|record| &record.events).collect();
        let seen = self.lengths.entry(run.clone()).or_default();
        if events.len() < *seen {
            return Err(format!("{run}: the history shrank from {seen} to {} events", events.len()));
        }
        *seen = events.len();
        if state.status() != row.status || state.error() != row.error.as_deref() {
            return Err(format!(
                "{run}: the events say {:?} ({:?}), the row {:?} ({:?})",
                state.status(),
                state.error(),
                row.status,
                row.error
            ));
        }
        check_events(run, &events)?;
        check_rows(store, run, &events)?;
        check_dead_letters(store, run, &events)?;
        Ok(row.status)
    }
}

fn check_events(run: &RunId, events: &[&RunEvent]) -> Result<(), String> {
    let (mut succeeded, mut in_flight) = (BTreeSet::<&StepPath>::new(), BTreeSet::new());
    let (mut begun, mut ended) = (BTreeSet::<&StepPath>::new(), BTreeSet::<(&StepPath, u32)>::new());
    let (mut waiting, mut heard) = (BTreeSet::new(), BTreeSet::new());
    let mut terminal = false;
    let mut paused = false;
    for event in events {
        if terminal && !matches!(event, RunEvent::RunResumed { .. } | RunEvent::RunRerun { .. }) {
            return Err(format!("{run}: {event:?} after the end"));
        }
        match event {
            RunEvent::EventHeard { id } => {
                if !heard.insert(id) {
                    return Err(format!("{run}: an event was taken into account twice"));
                }
            }
            RunEvent::Started { .. }
            | RunEvent::Replays { .. }
            | RunEvent::EventKept { .. }
            | RunEvent::EventTaken { .. }
            | RunEvent::StepSkipped { .. } => {}
            RunEvent::RunRerun { rerun, .. } => {
                (paused, terminal) = (false, false);
                in_flight.clear();
                waiting.clear();
                let undone = |path: &StepPath| {
                    rerun.undone.iter().chain([&rerun.from]).any(|root| path == root || path.is_inside(root))
                };
                let around = std::iter::successors(rerun.from.around(), |(block, _)| block.around());
                let reopened: Vec<_> = around.map(|(block, slot)| (block, slot.number())).collect();
                succeeded.retain(|path| !undone(path) && !reopened.iter().any(|(block, _)| block == *path));
                begun.retain(|path| !undone(path));
                ended.retain(|(path, slot)| {
                    !undone(path) && !reopened.iter().any(|(block, number)| block == *path && number == slot)
                });
            }
            RunEvent::RunPaused { .. } => paused = true,
            RunEvent::RunUnpaused { .. } => paused = false,
            RunEvent::StepDispatched { path, .. } => {
                if paused {
                    return Err(format!("{run}: {path} was dispatched in a paused run"));
                }
                if succeeded.contains(path) {
                    return Err(format!("{run}: {path} was dispatched after it had succeeded"));
                }
                if !in_flight.insert(path) {
                    return Err(format!("{run}: {path} was dispatched twice at once"));
                }
            }
            RunEvent::ChildStarted { path, .. } => {
                if !begun.insert(path) || !waiting.insert(path) || paused {
                    return Err(format!("{run}: {path} has started a run twice, or in a paused run"));
                }
            }
            // It may be resumed again before it has ended, and goes on in a paused run.
            RunEvent::ChildResumed { path, .. } => {
                waiting.insert(path);
                if succeeded.contains(path) || !begun.contains(path) {
                    return Err(format!("{run}: {path} resumes a run that was never started, or has succeeded"));
                }
            }
            RunEvent::EventAwaited { path, .. } => {
                if !waiting.insert(path) || succeeded.contains(path) || paused {
                    return Err(format!("{run}: {path} waits twice, or after its end, or in a paused run"));
                }
            }
            RunEvent::StepSucceeded { path, .. } | RunEvent::StepAdopted { path, .. } => {
                in_flight.remove(path);
                waiting.remove(path);
                if !succeeded.insert(path) {
                    return Err(format!("{run}: {path} succeeded twice"));
                }
            }
            RunEvent::StepRetryScheduled { path, .. } | RunEvent::StepFailed { path, .. } => {
                in_flight.remove(path);
                waiting.remove(path);
            }
            RunEvent::BlockOpened { path, .. } | RunEvent::StepDelayed { path, .. } => {
                if paused {
                    return Err(format!("{run}: {path} was begun in a paused run"));
                }
                if !begun.insert(path) {
                    return Err(format!("{run}: {path} was begun twice"));
                }
            }
            RunEvent::BlockClosed { path } | RunEvent::StepPassed { path } => {
                if !succeeded.insert(path) {
                    return Err(format!("{run}: {path} ended twice"));
                }
            }
            RunEvent::SlotEnded { path, slot, error } => {
                if error.is_none() && !ended.insert((path, *slot)) {
                    return Err(format!("{run}: slot {slot} of {path} ended twice"));
                }
            }
            RunEvent::RunCompleted | RunEvent::RunFailed { .. } | RunEvent::RunCancelled { .. } => terminal = true,
            RunEvent::RunResumed { .. } => {
                paused = false;
                terminal = false;
                in_flight.clear();
                waiting.clear();
            }
        }
    }
    Ok(())
}

fn check_rows(store: &MemoryStore, run: &RunId, events: &[&RunEvent]) -> Result<(), String> {
    let rows = now(store.steps(run)).expect("memory");
    let completed = rows.iter().filter(|row| row.status == StepStatus::Completed).count();
    let succeeded = events.iter().filter(|event| matches!(event, RunEvent::StepSucceeded { .. })).count();
    if completed != succeeded {
        return Err(format!("{run}: {succeeded} steps succeeded, {completed} rows say so"));
    }
    Ok(())
}

/// A call is made only after the event that allows it is durable.
pub(crate) fn check_call(store: &MemoryStore, call: &AgentCall) -> Result<(), String> {
    let history = now(store.history(&call.key.run)).expect("memory");
    let allowed = history.iter().flat_map(|record| &record.events).any(|event| {
        matches!(event, RunEvent::StepDispatched { path, round, generation, .. }
            if *path == call.key.path && *round == call.key.round && *generation == call.key.generation)
    });
    if allowed { Ok(()) } else { Err(format!("{:?} was called before its dispatch was durable", call.key)) }
}

/// Among the dead letters are exactly the steps that have failed for good after a call and have not succeeded since.
fn check_dead_letters(store: &MemoryStore, run: &RunId, events: &[&RunEvent]) -> Result<(), String> {
    let (mut called, mut dead) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        match event {
            RunEvent::StepDispatched { path, .. } => {
                called.insert(path);
            }
            RunEvent::StepFailed { path, execution: Some(_), .. } if called.contains(path) => {
                dead.insert(path);
            }
            RunEvent::StepSucceeded { path, .. } => {
                dead.remove(path);
            }
            _ => {}
        }
    }
    let filter = DeadLetterFilter { run: Some(run.clone()), ..DeadLetterFilter::default() };
    let page = PageRequest::new(1, 100).expect("a page");
    let kept = now(<MemoryStore as domain::ports::DeadLetters>::list(store, &filter, SortOrder::Ascending, page));
    let kept = kept.expect("memory");
    let is_dead = kept.items.iter().all(|entry| dead.contains(&entry.last.path));
    if kept.total.count() != dead.len() as u64 || !is_dead {
        return Err(format!("{run}: the dead letters are {:?} and should be {dead:?}", kept.items));
    }
    Ok(())
}
