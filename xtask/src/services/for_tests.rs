//! What a run of the tests needs: made sure of before it, stopped after it.
//!
//! This machine's own parts come before a Docker engine here: tests kill, freeze and restart servers, and want servers that
//! do not wait for the disk. Containers are the way out where the parts are missing.

use anyhow::Context;
use dev_services::{SharedKafka, SharedPostgres};

use super::{docker, installing, source::Service};

/// The services of a run.
pub(crate) struct ForTests {
    /// What the tests must be told.
    pub(crate) variables: Vec<(&'static str, String)>,
    containers: Vec<Service>,
}

impl ForTests {
    /// Makes sure that the tests find both services, and says which ones it took. The tests start this machine's own
    /// themselves, when they need them.
    pub(crate) fn ensure() -> anyhow::Result<Self> {
        let mut services = Self { variables: Vec::new(), containers: Vec::new() };
        for service in Service::ALL {
            services.take(service).with_context(|| format!("the tests need {}", service.name()))?;
        }
        Ok(services)
    }

    fn take(&mut self, service: Service) -> anyhow::Result<()> {
        let (name, variable) = (service.name(), service.variable());
        if let Some(address) = service.given() {
            service.check(&address).with_context(|| {
                format!("{variable} is set, but nothing answers there; unset it to have one started")
            })?;
            println!("{name}: the one that {variable} names");
        } else if let Ok(place) = installing::found(service) {
            println!("{name}: a server for the tests, from {place}");
        } else if docker::answers() {
            let ran = docker::running(service).is_some();
            self.variables.push((variable, docker::start(service)?));
            if !ran {
                self.containers.push(service);
            }
            println!("{name}: in a container (deploy/compose.yaml)");
        } else {
            println!("{name}: a server for the tests, from {}", installing::ensure(service)?);
        }
        Ok(())
    }

    /// Ends what the tests have left running for the next test. What cannot be stopped harms nobody: the next run takes
    /// it.
    pub(crate) fn stop(&self) {
        let stopped = [SharedPostgres::stop(), SharedKafka::stop()];
        for error in stopped.into_iter().filter_map(Result::err) {
            eprintln!("warning: {error}");
        }
        dev_services::sweep();
        for error in self.containers.iter().filter_map(|service| docker::stop(*service).err()) {
            eprintln!("warning: {error:#}");
        }
    }
}
