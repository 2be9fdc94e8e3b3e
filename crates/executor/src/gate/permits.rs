//! Who passes the gate: calls queue, are let through with a permit, and give it back however they end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{
    Timestamp,
    agents::{Agent, WaitingCall},
    ids::{AgentId, ExecutorId, RunId, StepPath},
    ports::{AgentTraffic, Clock, Monitoring},
    runs::{AgentCall, CallFailure, CallOutcome, FailureKind, Verdict},
};
use tokio::sync::{Notify, oneshot};

use super::{
    fair_queue::Ticket,
    gauges::AgentGauges,
    lane::{Admission, Answer, Lane},
};
use crate::{directory::AgentDirectory, membership::Membership};

/// What the gate needs.
pub(crate) struct GatePorts {
    pub(crate) directory: Arc<AgentDirectory>,
    pub(crate) traffic: Arc<dyn AgentTraffic>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) monitoring: Option<Arc<dyn Monitoring>>,
}

/// Lets calls through to guarded agents.
pub(crate) struct Gate {
    pub(super) ports: GatePorts,
    pub(super) membership: Membership,
    ways: Mutex<HashMap<AgentId, Way>>,
    /// Somebody should hear, or tell, something soon.
    pub(super) bell: Notify,
}

/// The way to one agent.
pub(super) struct Way {
    pub(super) lane: Lane<Waiter>,
    pub(super) gauges: AgentGauges,
}

/// A call that waits.
pub(super) struct Waiter {
    run: RunId,
    path: StepPath,
    since: Timestamp,
    answer: oneshot::Sender<Answer>,
}

impl Gate {
    pub(crate) fn new(ports: GatePorts, membership: Membership) -> Self {
        Self { ports, membership, ways: Mutex::default(), bell: Notify::new() }
    }

    /// Waits until a call may be made; an error is what it comes to if it may not. Whoever stops waiting loses his place.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        agent: &Arc<Agent>,
        call: &AgentCall,
        workflow: &str,
    ) -> Result<Permit, CallFailure> {
        let (answer, told) = oneshot::channel();
        let ticket = self.queue_up(agent, call, workflow, answer);
        let mut place = Place { gate: Arc::clone(self), agent: agent.id, workflow, ticket, told, answered: false };
        // The sender is dropped only with the gate.
        let answer = (&mut place.told).await.unwrap_or_else(|_| Answer::No(unsent("the executor stops", false)));
        place.answered = true;
        match answer {
            Answer::Go(admission) => Ok(Permit(Some((Arc::clone(self), agent.id, admission)))),
            Answer::No(failure) => Err(failure),
        }
    }

    /// The calls of a run that wait here; none where its owner is another one.
    pub(crate) fn waiting_of(&self, owner: ExecutorId, run: &RunId) -> Option<Vec<WaitingCall>> {
        if owner != self.membership.me() {
            return None;
        }
        let ways = self.ways();
        let mut waiting = Vec::new();
        for way in ways.values() {
            let on = way.lane.waits_for();
            waiting.extend(way.lane.who_waits().filter(|waiter| waiter.run == *run).map(|waiter| WaitingCall {
                path: waiter.path.clone(),
                agent: way.lane.agent().name.clone(),
                since: waiter.since,
                on,
            }));
        }
        Some(waiting)
    }

    fn queue_up(
        &self,
        agent: &Arc<Agent>,
        call: &AgentCall,
        workflow: &str,
        answer: oneshot::Sender<Answer>,
    ) -> Ticket {
        let (me, now) = (self.membership.me(), self.ports.clock.now());
        let mut ways = self.ways();
        let way = ways.entry(agent.id).or_insert_with(|| Way {
            lane: Lane::new(Arc::clone(agent), me, now),
            gauges: AgentGauges::of(&agent.name),
        });
        way.lane.is_now(agent, me);
        let (run, path) = (call.key.run.clone(), call.key.path.clone());
        let ticket = way.lane.enter(workflow, Waiter { run, path, since: now, answer });
        way.gauges.waiting.increment(1);
        way.let_through(now);
        if way.lane.wants_news() {
            self.bell.notify_one();
        }
        ticket
    }

    /// A call is over, or its admission came too late.
    fn leave(&self, agent: AgentId, admission: Admission, verdict: Option<Verdict>) {
        let now = self.ports.clock.now();
        if let Some(way) = self.ways().get_mut(&agent)
            && way.leave(admission, verdict, now)
        {
            self.bell.notify_one();
        }
    }

    pub(super) fn ways(&self) -> MutexGuard<'_, HashMap<AgentId, Way>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way {
    /// Answers everybody who need not wait any longer.
    pub(super) fn let_through(&mut self, now: Timestamp) {
        while let Some((waiter, answer)) = self.lane.next(now) {
            self.gauges.waiting.decrement(1);
            self.gauges.in_flight.increment(1);
            // He has given up in this very moment, and takes himself from the queue no more.
            if let Err(Answer::Go(admission)) = waiter.answer.send(answer) {
                self.gauges.in_flight.decrement(1);
                self.lane.leave(admission, None, now);
            }
        }
        for (waiter, answer) in self.lane.refused(now) {
            self.gauges.waiting.decrement(1);
            self.gauges.rejected.increment(1);
            // Whoever has given up does not mind.
            let _ = waiter.answer.send(answer);
        }
        self.gauges.is(self.lane.phase());
    }

    pub(super) fn agent(&self) -> Arc<Agent> {
        Arc::clone(self.lane.agent())
    }

    /// Nobody may call the agent any more.
    pub(super) fn refuse_all(&mut self, why: &str) {
        for waiter in self.lane.dismiss() {
            self.gauges.waiting.decrement(1);
            // Whoever has given up does not mind.
            let _ = waiter.answer.send(Answer::No(unsent(why, true)));
        }
    }

    fn leave(&mut self, admission: Admission, verdict: Option<Verdict>, now: Timestamp) -> bool {
        self.gauges.in_flight.decrement(1);
        let tell = self.lane.leave(admission, verdict, now);
        self.let_through(now);
        tell || self.lane.wants_news()
    }
}

/// A call that is not made has failed definitely.
pub(super) fn unsent(why: &str, permanent: bool) -> CallFailure {
    CallFailure { permanent, ..CallFailure::definite(FailureKind::Breaker, why) }
}

/// A place in the queue, which is given up when it is dropped.
struct Place<'a> {
    gate: Arc<Gate>,
    agent: AgentId,
    workflow: &'a str,
    ticket: Ticket,
    told: oneshot::Receiver<Answer>,
    answered: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let left = self.gate.ways().get_mut(&self.agent).is_some_and(|way| {
            let left = way.lane.give_up(self.workflow, self.ticket).is_some();
            way.gauges.waiting.decrement(f64::from(u8::from(left)));
            left
        });
        // Let through, and nobody has heard of it.
        if !left && let Ok(Answer::Go(admission)) = self.told.try_recv() {
            self.gate.leave(self.agent, admission, None);
        }
    }
}

/// A call that may be made. Dropped without a word, it was not made, or nobody knows what came of it.
pub(crate) struct Permit(Option<(Arc<Gate>, AgentId, Admission)>);

impl Permit {
    /// What came of the call.
    pub(crate) fn end(mut self, outcome: &CallOutcome) {
        if let Some((gate, agent, admission)) = self.0.take() {
            gate.leave(agent, admission, Some(outcome.verdict()));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((gate, agent, admission)) = self.0.take() {
            gate.leave(agent, admission, None);
        }
    }
}
