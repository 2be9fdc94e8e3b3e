//! What people do meanwhile: they cancel runs, resume them, pause them and let them go on.

use application::runs::NewEvent;
use domain::{payload::Payload, ports::Runs, runs::RunStatus};
use serde_json::json;

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

    /// What runs wait for happens, to one of them or to whoever waits.
    pub(crate) fn happen(&mut self) {
        let run = self.some_run();
        let data = Payload::new(json!({"x": "go"})).expect("storable");
        // Some are told again.
        let id = (self.rng.u8(0..4) == 0).then(|| "again".to_owned());
        let event = NewEvent { name: "go".to_owned(), data, id };
        let raise = &self.wiring.uses.raise_event;
        let result = if self.rng.bool() {
            now(raise.to_run(&run, event)).map(|run| vec![run.id])
        } else {
            now(raise.to_all("", event))
        };
        self.report.counts.events += u64::from(result.is_ok());
        self.log(|| format!("an event happens: {:?}", result.map_err(|e| e.to_string())));
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
