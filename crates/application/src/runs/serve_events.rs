//! Tells runs of the events that foreign producers tell of over the bus.

use domain::{
    access::Actor,
    ports::{EventHandler, Handled, StoreError},
    runs::{RaisedEvent, Receivers},
};

use super::{NewEvent, RaiseEvent, RaiseEventError};
use crate::Ports;

/// Serves the events of foreign producers.
pub struct ServeEvents(RaiseEvent);

impl ServeEvents {
    /// Wires the use case to its ports.
    pub fn new(ports: &Ports) -> Self {
        Self(RaiseEvent::new(ports))
    }
}

#[async_trait::async_trait]
impl EventHandler for ServeEvents {
    async fn event(&self, event: RaisedEvent) -> Handled {
        let RaisedEvent { name, to, data, id } = event;
        let event = NewEvent { name, data, id: Some(id) };
        let raised = match to {
            Receivers::Run(run) => self.0.to_run(&run, event, &Actor::bus()).await.map(drop),
            // That nobody waits is no mistake of whoever tells it.
            Receivers::Waiting { correlation } => self.0.to_all(&correlation, event, &Actor::bus()).await.map(drop),
        };
        match raised {
            Ok(()) => Handled::Done,
            Err(RaiseEventError::Store(
                error @ (StoreError::Unavailable(_) | StoreError::Locked(_) | StoreError::Conflict(_)),
            )) => Handled::Later(error.to_string()),
            Err(
                error @ (RaiseEventError::NotFound(_)
                | RaiseEventError::Over(_)
                | RaiseEventError::External(_)
                | RaiseEventError::TooLarge(_)
                | RaiseEventError::Store(StoreError::Corrupt(_))),
            ) => Handled::Refused(error.to_string()),
        }
    }
}
