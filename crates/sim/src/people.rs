//! What people do meanwhile: they cancel runs, resume them, pause them and let them go on.

use domain::{ports::Runs, runs::RunStatus};

use crate::{now, world::World};

impl World {
    pub(crate) fn cancel(&mut self) -> Result<(), String> {
        let run = self.some_run();
        let result = now(self.wiring.uses.cancel_run.execute(&run, None, "me"));
        self.report.counts.cancels += u64::from(result.is_ok());
        self.log(|| {
            format!("cancel {run}: {}", result.map_or_else(|e| e.to_string(), |r| r.status.as_str().to_owned()))
        });
        self.check(&run).map(drop)
    }

    pub(crate) fn resume(&mut self) -> Result<(), String> {
        let run = self.some_run();
        // A run that is bound to fail would be resumed for ever.
        let row = now(self.wiring.store.get(&run)).expect("memory").ok_or("a run is lost")?;
        if row.status != RunStatus::Cancelled && !(self.faults && row.status == RunStatus::Failed) {
            return Ok(());
        }
        let result = now(self.wiring.uses.retry_run.execute(&run, None, "me"));
        self.report.counts.resumes += u64::from(result.is_ok());
        self.log(|| {
            format!("resume {run}: {}", result.map_or_else(|e| e.to_string(), |r| r.status.as_str().to_owned()))
        });
        self.check(&run).map(drop)
    }

    pub(crate) fn pause(&mut self) {
        let run = self.some_run();
        let result = now(self.wiring.uses.pause_run.pause(&run, "me"));
        self.report.counts.pauses += u64::from(result.is_ok());
        self.log(|| format!("pause {run}: {}", result.map_or_else(|e| e.to_string(), |_| "told".to_owned())));
    }

    pub(crate) fn unpause(&mut self) {
        let run = self.some_run();
        let result = now(self.wiring.uses.pause_run.unpause(&run, "me"));
        self.log(|| format!("let {run} go on: {}", result.map_or_else(|e| e.to_string(), |_| "told".to_owned())));
    }
}
