//! The bus: requests, cancellations and events of foreign producers, which come late, in any order and more than once.

use application::runs::ServeEvents;
use domain::{
    Timestamp,
    ids::RunId,
    payload::Payload,
    ports::{EventHandler, Handled, IdGenerator, RequestHandler},
    runs::{CancellationRequest, ExecutionRequest, RaisedEvent},
    workflows::WorkflowDocument,
};
use serde_json::Value;

use crate::{
    documents::Generated,
    now,
    reference::interpret,
    world::{Started, World},
};

/// What is on the bus.
#[derive(Default)]
pub(crate) struct Bus {
    pub(crate) parcels: Vec<Parcel>,
    /// Nothing is delivered until then.
    pub(crate) away_until: Option<Timestamp>,
}

#[derive(Clone)]
pub(crate) enum Parcel {
    Execute(ExecutionRequest),
    Cancel(CancellationRequest),
    Event(RaisedEvent),
}

impl World {
    /// A foreign producer wants a run, and sometimes changes its mind before anybody has seen the request.
    pub(crate) fn request_run(&mut self, mut document: Generated, input: Value) -> Result<(), String> {
        // Plans from the bus make no output of their own, and nothing follows them.
        document.output = None;
        document.on_complete.clear();
        let expected = interpret(&document, &input);
        let run = RunId::mint(self.wiring.ids.unique());
        let name = format!("foreign{}", self.runs.len());
        let plan = WorkflowDocument::new(&name, 1, document.start, document.steps);
        let plan = serde_json::to_value(plan).map_err(|e| e.to_string())?;
        let input = Payload::new(input).expect("storable");
        self.bus.parcels.push(Parcel::Execute(ExecutionRequest { run: run.clone(), plan, input, from: None }));
        if self.rng.u8(0..6) == 0 {
            self.bus.parcels.push(Parcel::Cancel(CancellationRequest { run: run.clone(), by: None, reason: None }));
        }
        self.report.counts.runs += 1;
        self.log(|| format!("{run} is wanted over the bus, expecting {:?}", expected.status));
        self.awaited.insert(run.clone());
        self.runs.push(Started { run, expected });
        Ok(())
    }

    /// What is not acknowledged comes again, and so does some of what is.
    pub(crate) fn deliver_parcel(&mut self) -> Result<(), String> {
        if self.bus.parcels.is_empty() || self.bus.away_until.is_some() {
            return Ok(());
        }
        let at = self.rng.usize(0..self.bus.parcels.len());
        let (run, what, handled) = match self.bus.parcels[at].clone() {
            Parcel::Execute(request) => {
                let run = request.run.clone();
                let handled = now(self.wiring.requests.execution(request));
                if handled == Handled::Done {
                    self.awaited.remove(&run);
                }
                (Some(run), "request", handled)
            }
            Parcel::Cancel(request) => {
                let run = request.run.clone();
                (Some(run), "cancellation", now(self.wiring.requests.cancellation(request)))
            }
            Parcel::Event(event) => {
                let handler: &ServeEvents = &self.wiring.events;
                (None, "event", now(handler.event(event)))
            }
        };
        self.report.counts.parcels += 1;
        self.log(|| format!("the bus delivers a {what} for {run:?}: {handled:?}"));
        match handled {
            Handled::Done if self.faults && self.rng.u8(0..3) == 0 => {}
            Handled::Done => drop(self.bus.parcels.swap_remove(at)),
            Handled::Later(_) => {}
            // The run is over.
            Handled::Refused(_) if run.is_none() => drop(self.bus.parcels.swap_remove(at)),
            Handled::Refused(why) => return Err(format!("a {what} for {run:?} was refused: {why}")),
        }
        run.map_or(Ok(()), |run| self.check(&run).map(drop))
    }
}
