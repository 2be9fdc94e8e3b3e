//! The end of a simulation: whether every run is over, and came to what it should have.

use domain::{
    page::{PageRequest, SortOrder},
    ports::Runs,
    runs::{RunFilter, RunSort, RunStatus, StepStatus},
};

use crate::{now, reference::Expected, world::World};

impl World {
    pub(crate) fn all_over(&mut self) -> Result<bool, String> {
        for at in 0..self.runs.len() {
            let run = self.runs[at].run.clone();
            // A cancelled run is resumed by the scheduler until it has had its chance to end by itself.
            if !matches!(self.check(&run)?, RunStatus::Completed | RunStatus::Failed) {
                return Ok(false);
            }
        }
        // Nor do the runs that they have started and do not need any more go on for ever.
        for status in [RunStatus::Pending, RunStatus::Running] {
            let filter = RunFilter { status: Some(status), ..RunFilter::default() };
            let page = PageRequest::new(1, 1).expect("a page");
            let live = now(self.wiring.store.list(&filter, RunSort::CreatedAt, SortOrder::Ascending, page));
            if !live.map_err(|e| e.to_string())?.items.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The outcome is that of a world without faults.
    pub(crate) fn compare(&mut self) -> Result<(), String> {
        for started in &self.runs {
            let row = now(self.wiring.store.get(&started.run)).expect("memory").ok_or("a run is lost")?;
            let steps = now(self.wiring.store.steps(&started.run)).expect("memory");
            let completed = steps.iter().filter(|step| step.status == StepStatus::Completed);
            let outputs = completed
                .filter_map(|step| Some((step.path.to_string(), step.output.as_ref()?.value().clone())))
                .collect();
            let output = row.output.as_ref().map(|output| output.value().clone());
            let outcome = Expected { status: row.status, outputs, output };
            if outcome != started.expected {
                return Err(format!(
                    "{} came to {outcome:?} instead of {:?} ({:?})",
                    started.run, started.expected, row.error
                ));
            }
        }
        Ok(())
    }
}
