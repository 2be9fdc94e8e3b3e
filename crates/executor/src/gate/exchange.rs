//! Telling the other executors of the calls from here, and hearing of theirs: one question and one change for all agents.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    agents::{BreakerNews, Exchanged},
    ids::{AgentId, ExecutorId},
    ports::{StoreError, TrafficRecord, TrafficView},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::permits::{Gate, Way};
use crate::directory::Found;

/// The time between two exchanges while there are calls to guarded agents.
const EVERY: Duration = Duration::from_millis(500);

/// The least time between two exchanges, however much there is to say.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// How long an exchange may take; the next one says it again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one exchange wants to store for one agent.
struct Proposal {
    record: TrafficRecord,
    exchanged: Exchanged,
    leaves: bool,
}

impl Gate {
    /// Exchanges for as long as the engine is there, and says good-bye at its end.
    pub(crate) async fn keep_exchanging(self: Arc<Self>, over: CancellationToken) {
        let mut last = Instant::now().checked_sub(AT_MOST_EVERY).unwrap_or_else(Instant::now);
        loop {
            let regular = self.next_exchange(last);
            tokio::select! {
                () = over.cancelled() => break,
                () = self.bell.notified() => {}
                () = tokio::time::sleep_until(regular) => {}
            }
            if self.ways().is_empty() {
                continue;
            }
            tokio::time::sleep_until(last + AT_MOST_EVERY).await;
            last = Instant::now();
            self.exchange_in_time(false).await;
        }
        // What is not said now is known once this process is a member no more.
        self.exchange_in_time(true).await;
    }

    /// Far away while there is nothing to say.
    fn next_exchange(&self, last: Instant) -> Instant {
        let (ways, now) = (self.ways(), self.ports.clock.now());
        if ways.is_empty() {
            return last + Duration::from_hours(1);
        }
        let due = ways.values().filter_map(|way| way.lane.due()).min();
        let due = due.map_or(Duration::MAX, |due| (due - now).to_std().unwrap_or_default());
        (last + EVERY).min(Instant::now() + due.min(EVERY))
    }

    async fn exchange_in_time(&self, leaves: bool) {
        match tokio::time::timeout(PATIENCE, self.exchange(leaves)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "executors could not tell each other of their calls; shares stay as they are");
            }
            Err(_) => {
                tracing::warn!("executors could not tell each other of their calls in time; shares stay as they are");
            }
        }
    }

    /// Whoever waits, waits for an agent that may be changed meanwhile: its breaker switched off, its limit raised, or itself.
    async fn look_again(&self) -> Result<(), StoreError> {
        let wait: Vec<_> = self.ways().values().filter(|way| way.lane.is_waited_for()).map(Way::agent).collect();
        for known in wait {
            let found = self.ports.directory.find(&known.name).await?;
            let (mut ways, now) = (self.ways(), self.ports.clock.now());
            let Some(way) = ways.get_mut(&known.id) else { continue };
            match found {
                Found::Ready(agent) => way.lane.is_now(&agent, self.membership.me()),
                Found::Unknown => way.refuse_all(&format!("Agent '{}' not found", known.name)),
                Found::Unusable(why) => way.refuse_all(&why),
            }
            way.let_through(now);
        }
        Ok(())
    }

    async fn exchange(&self, leaves: bool) -> Result<(), StoreError> {
        self.look_again().await?;
        let agents: Vec<AgentId> = self.ways().keys().copied().collect();
        if agents.is_empty() {
            return Ok(());
        }
        let view = self.ports.traffic.read(&agents).await?;
        let me = self.membership.me();
        let proposals = self.propose(&agents, &view, me, leaves);
        let changed: Vec<_> =
            proposals.iter().filter(|made| made.is_new(&view)).map(|made| made.record.clone()).collect();
        let stored = if changed.is_empty() { Vec::new() } else { self.ports.traffic.write(&changed).await? };
        for made in proposals {
            let agent = made.record.agent;
            if !made.is_new(&view) || stored.contains(&agent) {
                self.settle(&made, me);
            } else {
                // Somebody else was quicker; what he has said must be heard first.
                self.bell.notify_one();
            }
        }
        Ok(())
    }

    /// What is to be stored, by what was read and by how things are here at this moment. From here on this process uses no
    /// more than it will hold then.
    fn propose(&self, agents: &[AgentId], view: &TrafficView, me: ExecutorId, leaves: bool) -> Vec<Proposal> {
        let (mut ways, now) = (self.ways(), self.ports.clock.now());
        let mut proposals = Vec::with_capacity(agents.len());
        for agent in agents {
            let Some(way) = ways.get_mut(agent) else { continue };
            way.lane.is_me(me);
            let stored = view.records.iter().find(|record| record.agent == *agent);
            let (version, traffic) =
                stored.map_or_else(Default::default, |stored| (stored.version, stored.traffic.clone()));
            way.lane.has_arrived(traffic.part(me).merged);
            let leaves = leaves || way.lane.rests(now);
            let exchanged = traffic.exchange(&way.lane.report(leaves), &view.gone, now);
            way.lane.yields(&exchanged);
            let record = TrafficRecord { agent: *agent, version: version + 1, traffic: exchanged.traffic.clone() };
            proposals.push(Proposal { record, exchanged, leaves });
        }
        proposals
    }

    /// It is stored: this process may use what it holds, and whoever watches hears of what became of the breaker.
    fn settle(&self, made: &Proposal, me: ExecutorId) {
        let (mut ways, now) = (self.ways(), self.ports.clock.now());
        let Some(way) = ways.get_mut(&made.record.agent) else { return };
        if self.membership.me() != me {
            return;
        }
        way.lane.takes(&made.exchanged, now);
        way.let_through(now);
        made.exchanged.changes.iter().for_each(|change| way.gauges.turned(change.to));
        self.tell(made, way.lane.agent(), now);
        if made.leaves && way.lane.rests(now) {
            ways.remove(&made.record.agent);
        }
    }

    fn tell(&self, made: &Proposal, agent: &domain::agents::Agent, now: Timestamp) {
        for change in &made.exchanged.changes {
            let (from, to) = (change.from.as_str(), change.to.as_str());
            tracing::info!(agent.name = %agent.name, from, to, "the circuit breaker of agent '{}' is {to}", agent.name);
            if let Some(monitoring) = &self.ports.monitoring {
                let retry_at = agent.breaker().and_then(|config| change.to.retry_at(config));
                let news = BreakerNews { agent: agent.name.clone(), at: now, change: *change, retry_at };
                monitoring.breaker_changed(news);
            }
        }
    }
}

impl Proposal {
    /// Whether it says anything that is not there already.
    fn is_new(&self, view: &TrafficView) -> bool {
        let stored = view.records.iter().find(|record| record.agent == self.record.agent);
        stored.is_none_or(|stored| stored.traffic != self.record.traffic)
    }
}
