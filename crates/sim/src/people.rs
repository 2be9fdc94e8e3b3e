//! What people do meanwhile: they cancel runs, resume them, pause them, let them go on, and tell them what they wait for; and
//! what agents say by themselves about calls that they got.

use application::runs::NewEvent;
use domain::{
    access::Actor,
    ids::StepPath,
    payload::Payload,
    ports::{IdGenerator, Runs},
    runs::{RaisedEvent, Receivers, RunState, RunStatus},
};
use serde_json::json;

use crate::{agents::answer, bus::Parcel, now, world::World};

/// Something that people do.
#[derive(Debug, Clone, Copy)]
enum Act {
    Cancel,
    Resume,
    Pause,
    Unpause,
    Tell,
    Rerun,
    Skip,
    Report,
}

/// How often each is done, among all of them, while things go wrong, and when they do not any more: then nobody stops anything,
/// and somebody says what runs wait for.
const ACTS: [(Act, u32, u32); 8] = [
    (Act::Cancel, 20, 0),
    (Act::Resume, 25, 15),
    (Act::Pause, 20, 0),
    (Act::Unpause, 15, 15),
    (Act::Tell, 20, 70),
    (Act::Rerun, 8, 0),
    (Act::Skip, 12, 0),
    (Act::Report, 50, 0),
];

impl World {
    pub(crate) fn act(&mut self) -> Result<(), String> {
        let weight = |faults: bool, (_, faulty, calm): &(Act, u32, u32)| if faults { *faulty } else { *calm };
        let mut left = self.rng.u32(0..ACTS.iter().map(|act| weight(self.faults, act)).sum());
        let mut chosen = Act::Tell;
        for act in &ACTS {
            if left < weight(self.faults, act) {
                chosen = act.0;
                break;
            }
            left -= weight(self.faults, act);
        }
        // The use cases answer that they cannot do it now.
        if self.runs.is_empty() || self.away_until.is_some() {
            return Ok(());
        }
        match chosen {
            Act::Cancel => self.cancel(),
            Act::Resume => self.resume(),
            Act::Pause => self.pause(),
            Act::Unpause => self.unpause(),
            Act::Rerun => self.rerun(),
            Act::Skip => self.skip(),
            Act::Report => self.report_task(),
            Act::Tell => {
                self.tell_event();
                Ok(())
            }
        }
    }

    fn cancel(&mut self) -> Result<(), String> {
        let run = self.some_run();
        let result = now(self.wiring.uses.cancel_run.execute(&run, None, &Actor::named("me")));
        self.report.counts.cancels += u64::from(result.is_ok());
        self.log(|| {
            format!("cancel {run}: {}", result.map_or_else(|e| e.to_string(), |r| r.status.as_str().to_owned()))
        });
        self.check(&run).map(drop)
    }

    fn resume(&mut self) -> Result<(), String> {
        let run = self.some_run();
        // A run that is bound to fail would be resumed for ever.
        let status = now(self.wiring.store.get(&run)).expect("memory").map(|row| row.status);
        if status != Some(RunStatus::Cancelled) && !(self.faults && status == Some(RunStatus::Failed)) {
            return Ok(());
        }
        let result = now(self.wiring.uses.retry_run.execute(&run, None, &Actor::named("me")));
        self.report.counts.resumes += u64::from(result.is_ok());
        self.log(|| {
            format!("resume {run}: {}", result.map_or_else(|e| e.to_string(), |r| r.status.as_str().to_owned()))
        });
        self.check(&run).map(drop)
    }

    fn pause(&mut self) -> Result<(), String> {
        let run = self.some_run();
        let result = now(self.wiring.uses.pause_run.pause(&run, &Actor::named("me")));
        self.report.counts.pauses += u64::from(result.is_ok());
        self.log(|| format!("pause {run}: {}", result.map_or_else(|e| e.to_string(), |_| "told".to_owned())));
        self.check(&run).map(drop)
    }

    fn unpause(&mut self) -> Result<(), String> {
        let run = self.some_run();
        let result = now(self.wiring.uses.pause_run.unpause(&run, &Actor::named("me")));
        self.log(|| format!("let {run} go on: {}", result.map_or_else(|e| e.to_string(), |_| "told".to_owned())));
        self.check(&run).map(drop)
    }

    /// The same agents give the same answers, so a run comes to the same in the end.
    fn rerun(&mut self) -> Result<(), String> {
        let run = self.some_run();
        let state = self.wiring.store.look_at(&run, |_, history, _| RunState::fold(history));
        let Some(Ok(state)) = state else { return Ok(()) };
        let steps = state.steps().map(|(path, _)| path);
        let reached: Vec<StepPath> = steps.chain(state.blocks().map(|(path, _)| path)).cloned().collect();
        let Some(from) = self.rng.choice(reached) else { return Ok(()) };
        let result = now(self.wiring.uses.rerun_run.execute(&run, &from, &Actor::named("me")));
        self.report.counts.reruns += u64::from(result.is_ok());
        self.log(|| {
            format!("rerun {run} from {from}: {}", result.map_or_else(|e| e.to_string(), |_| "told".to_owned()))
        });
        self.check(&run).map(drop)
    }

    /// A step is given what its agent would have answered.
    fn skip(&mut self) -> Result<(), String> {
        let run = self.some_run();
        let rows = now(self.wiring.uses.list_steps.execute(&run)).unwrap_or_default();
        let answered =
            rows.into_iter().filter_map(|row| Some((row.path, answer(row.agent.as_str(), row.input.value())?)));
        let known: Vec<_> = answered.collect();
        let Some((path, output)) = self.rng.choice(known) else { return Ok(()) };
        // Only agents answer like agents.
        let is_agent = self.wiring.store.look_at(&run, |row, _, _| row.plan).flatten().is_some_and(|plan| {
            now(self.wiring.plans.get(plan)).is_ok_and(|plan| plan.at(&path).is_some_and(|step| step.agent().is_some()))
        });
        if !is_agent {
            return Ok(());
        }
        let output = Payload::new(output).expect("storable");
        let result = now(self.wiring.uses.skip_step.execute(&run, &path, output, &Actor::named("me")));
        self.report.counts.skips += u64::from(result.is_ok());
        self.log(|| format!("skip {path} of {run}: {}", result.map_or_else(|e| e.to_string(), |_| "told".to_owned())));
        self.check(&run).map(drop)
    }

    /// An agent reports about a call that it got: under way, ended, of a run that is over or somebody else's by now.
    fn report_task(&mut self) -> Result<(), String> {
        let Some((grant, report)) = self.agents.report(&mut self.rng) else { return Ok(()) };
        let words = format!("{} of {} round {}: {report:?}", grant.step, grant.run, grant.round);
        let result = now(self.wiring.uses.report_task.execute(&grant, report, &Actor::named("an agent")));
        self.report.counts.reports += u64::from(result.is_ok());
        self.log(|| {
            format!("an agent reports {words}: {}", result.map_or_else(|e| e.to_string(), |_| "told".to_owned()))
        });
        self.check(&grant.run).map(drop)
    }

    /// What runs wait for happens, to one of them or to whoever waits; some of it is said over the bus.
    fn tell_event(&mut self) {
        let run = self.some_run();
        let data = Payload::new(json!({"x": "go"})).expect("storable");
        // Some are told again.
        let id = (self.rng.u8(0..4) == 0).then(|| "again".to_owned());
        let to_one = self.rng.bool();
        if self.rng.u8(0..4) == 0 {
            let to = if to_one { Receivers::Run(run) } else { Receivers::Waiting { correlation: String::new() } };
            let id = id.unwrap_or_else(|| self.wiring.ids.unique().to_string());
            self.bus.parcels.push(Parcel::Event(RaisedEvent { name: "go".to_owned(), to, data, id }));
            return;
        }
        let event = NewEvent { name: "go".to_owned(), data, id };
        let (raise, me) = (&self.wiring.uses.raise_event, Actor::named("me"));
        let result = if to_one {
            now(raise.to_run(&run, event, &me)).map(|run| vec![run.id])
        } else {
            now(raise.to_all("", event, &me))
        };
        self.report.counts.events += u64::from(result.is_ok());
        self.log(|| format!("an event happens: {:?}", result.map_err(|e| e.to_string())));
    }
}
