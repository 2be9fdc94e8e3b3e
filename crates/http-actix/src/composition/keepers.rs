//! The parts of a process that look after what is kept: they remove what is old, seal the audit log, drive schedules, and tell webhooks.

use std::sync::Arc;

use adapters_auth::{ChainSeal, Keyring};
use application::{
    Ports,
    once::{Once, OncePorts},
    webhooks::WebhookUseCases,
};
use domain::ports::Vault;

use super::{process::Building, webhooks};

impl Building<'_> {
    /// Where runs are looked after, so are the steps that fail for good.
    pub(super) fn keep_dead_letters(&mut self) {
        if self.parts.engine {
            let (dead_letters, clock) = (self.store.dead_letters.clone(), self.store.clock.clone());
            let keeper = executor::DeadLetterKeeper::new(dead_letters, clock, self.options.keep_dead_letters());
            self.egress.spawn(&mut self.crew, "keeper of dead letters", |stop| keeper.run(stop));
        }
    }

    /// And the runs that ended long ago, where somebody has said how long they are kept.
    pub(super) fn keep_old_runs(&mut self) {
        if let Some(keep_for) = self.options.keep_runs().filter(|_| self.parts.engine) {
            let keeper = executor::OldRunKeeper::new(self.store.old_runs.clone(), self.store.clock.clone(), keep_for);
            self.egress.spawn(&mut self.crew, "keeper of old runs", |stop| keeper.run(stop));
        }
    }

    /// Where requests are answered, answers are kept, and forgotten.
    pub(super) fn keep_answers(&mut self, vault: Arc<dyn Vault>) -> Arc<Once> {
        let ports = OncePorts {
            keys: self.store.keys.clone(),
            audit: self.store.audit.clone(),
            vault,
            clock: self.store.clock.clone(),
            ids: self.ids.clone(),
        };
        let once = Arc::new(Once::new(ports, self.options.keep_answers()));
        if self.parts.api {
            let keeper = executor::AnswerKeeper::new(once.clone());
            self.egress.spawn(&mut self.crew, "keeper of answers", |stop| keeper.run(stop));
        }
        once
    }

    /// Where there is an API or an engine, schedules are looked after: any of these processes may be the last that is left. What a
    /// tick starts must still be written and looked after, so it ends with what comes in.
    pub(super) fn keep_schedules(&mut self, ports: &Ports) {
        if !self.parts.api && !self.parts.engine {
            return;
        }
        let keep_for = self.options.keep_schedule_ticks();
        let scheduler = executor::Scheduler::new(ports, keep_for);
        self.ingress.spawn(&mut self.crew, "scheduler", |stop| scheduler.run(stop));
    }

    /// Where things are changed, the log of it is sealed: until the last commit is written, so with the heart.
    pub(super) fn keep_audit_log(&mut self, keyring: &Keyring) {
        if !self.parts.api && !self.parts.engine {
            return;
        }
        let (sealing, seal) = (self.store.sealing.clone(), Arc::new(ChainSeal::new(keyring)));
        let keeper = executor::AuditKeeper::new(sealing, seal, self.store.clock.clone(), self.options.keep_audit());
        self.heart.spawn(&mut self.crew, "keeper of the audit log", |stop| keeper.run(stop));
    }

    /// Where there is an API or an engine, messages are sent to webhooks. One that is made here is served also by the others.
    pub(super) fn webhooks(&mut self) -> anyhow::Result<Arc<WebhookUseCases>> {
        let settings = self.options.webhooks.settings();
        let networks = &self.options.limits.agent_networks;
        let ports = webhooks::ports(&self.store, self.ids.clone(), networks, &settings)?;
        if self.parts.api || self.parts.engine {
            let (filler, deliverer) = executor::webhook_parts(ports.clone(), self.store.feed.clone(), settings);
            self.egress.spawn(&mut self.crew, "filler of the webhooks' queue", |stop| filler.run(stop));
            self.egress.spawn(&mut self.crew, "deliverer to webhooks", |stop| deliverer.run(stop));
        }
        // Tests are sent on the threads that serve requests.
        let ports = webhooks::ports(&self.store, self.ids.clone(), networks, &settings)?;
        Ok(Arc::new(WebhookUseCases::new(&ports)))
    }
}
