//! The way to one agent, as one executor sees it: who goes, who waits, who is refused. Without any IO: times go in.
//!
//! The executor uses its own copy of what all know together and never more than it holds. It lowers what it uses before it
//! says so and raises it after, so that it is right however an exchange ends.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    Timestamp,
    agents::{Agent, Breaker, BreakerPhase, CircuitBreakerConfig, Exchanged, OnOpen, Outcomes, Report, WaitsFor},
    ids::ExecutorId,
    runs::{CallFailure, Verdict},
};

use super::{
    fair_queue::{FairQueue, Ticket},
    permits::unsent,
};

/// How long after its last call an executor has nothing more to do with an agent.
const REST: TimeDelta = TimeDelta::seconds(10);

/// A call that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission {
    /// The epoch of the breaker.
    epoch: u64,
    /// Whether it is one of the few that a half-open breaker lets through.
    trial: bool,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is made.
    Go(Admission),
    /// It is not.
    No(CallFailure),
}

/// What an executor knows of an agent, and the calls of its own to it. `W` is whoever waits.
pub(crate) struct Lane<W> {
    agent: Arc<Agent>,
    me: ExecutorId,
    /// Whether it has heard of the others since it has been who it is.
    knows: bool,
    breaker: Breaker,
    /// How many calls may be under way.
    quota: u32,
    /// How many the others believe to be under way at most.
    held: u32,
    in_flight: u32,
    /// How many calls the half-open breaker lets through here, those under way among them.
    trials: u32,
    trials_in_flight: u32,
    queue: FairQueue<W>,
    /// Whoever has come before was told of in the last exchange, and in the one that is under way.
    told: Ticket,
    telling: Ticket,
    /// What came of calls: what was told, and may not have arrived, and what has come since.
    sent: Outcomes,
    pending: Outcomes,
    number: u64,
    rests_since: Timestamp,
}

impl<W> Lane<W> {
    pub(crate) fn new(agent: Arc<Agent>, me: ExecutorId, now: Timestamp) -> Self {
        let queue = FairQueue::default();
        Self {
            agent,
            me,
            knows: false,
            breaker: Breaker::default(),
            quota: 0,
            held: 0,
            in_flight: 0,
            trials: 0,
            trials_in_flight: 0,
            told: queue.next_ticket(),
            telling: queue.next_ticket(),
            queue,
            sent: Outcomes::default(),
            pending: Outcomes::default(),
            number: 0,
            rests_since: now,
        }
    }

    pub(crate) fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    pub(crate) fn phase(&self) -> BreakerPhase {
        if self.agent.breaker().is_some() { self.breaker.phase() } else { BreakerPhase::Closed }
    }

    pub(crate) fn who_waits(&self) -> impl Iterator<Item = &W> {
        self.queue.iter()
    }

    /// The agent as it is known now, and who this process is: others may have taken it for dead meanwhile, and what it held
    /// for theirs.
    pub(crate) fn is_now(&mut self, agent: &Arc<Agent>, me: ExecutorId) {
        if agent.revision > self.agent.revision {
            match (self.agent.max_concurrent_calls, agent.max_concurrent_calls) {
                (Some(_), Some(limit)) => self.quota = self.quota.min(limit.get()),
                // Nobody has shared it out.
                (None, Some(_)) => self.quota = 0,
                (_, None) => {}
            }
            self.agent = Arc::clone(agent);
        }
        self.is_me(me);
    }

    pub(crate) fn is_me(&mut self, me: ExecutorId) {
        if me != self.me {
            (self.me, self.knows) = (me, false);
            (self.quota, self.held, self.trials) = (0, 0, self.trials_in_flight);
        }
    }

    /// Somebody wants to call the agent.
    pub(crate) fn enter(&mut self, workflow: &str, who: W) -> Ticket {
        self.queue.push(workflow, who)
    }

    /// Somebody does not want to wait any more; none if he does not wait.
    pub(crate) fn give_up(&mut self, workflow: &str, ticket: Ticket) -> Option<W> {
        self.queue.remove(workflow, ticket)
    }

    /// The next one who need not wait any longer, with what becomes of his call.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<(W, Answer)> {
        self.pass(now);
        if !self.knows || self.is_full() {
            return None;
        }
        let trial = match self.phase() {
            BreakerPhase::Closed => false,
            BreakerPhase::HalfOpen { .. } if self.trials > self.trials_in_flight => true,
            BreakerPhase::HalfOpen { .. } | BreakerPhase::Open { .. } => return None,
        };
        let who = self.queue.pop()?;
        self.in_flight += 1;
        self.trials_in_flight += u32::from(trial);
        Some((who, Answer::Go(Admission { epoch: self.breaker.epoch(), trial })))
    }

    /// Those whom the breaker refuses.
    pub(crate) fn refused(&mut self, now: Timestamp) -> Vec<(W, Answer)> {
        self.pass(now);
        let Some(config) = self.agent.breaker().filter(|config| config.on_open == OnOpen::Fail && self.knows) else {
            return Vec::new();
        };
        let end = match self.breaker.phase() {
            BreakerPhase::Closed => return Vec::new(),
            BreakerPhase::Open { .. } => self.queue.next_ticket(),
            // Whoever comes now may be one of those that are let through; that is told by the next exchange.
            BreakerPhase::HalfOpen { .. } => self.told,
        };
        let failure = unsent(&self.breaker.refusal(&self.agent.name, config), false);
        self.queue.take_before(end).into_iter().map(|who| (who, Answer::No(failure.clone()))).collect()
    }

    /// Everybody who waits, to be told that it is no use.
    pub(crate) fn dismiss(&mut self) -> Vec<W> {
        self.queue.take_before(self.queue.next_ticket())
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        !self.queue.is_empty()
    }

    /// A call is over; without a verdict it was not made, or nobody waited for its end. Answers whether the others should hear of it
    /// at once.
    pub(crate) fn leave(&mut self, admission: Admission, verdict: Option<Verdict>, now: Timestamp) -> bool {
        let gives_back = self.held > self.quota;
        self.in_flight = self.in_flight.saturating_sub(1);
        self.rests_since = now;
        if admission.trial && admission.epoch == self.breaker.epoch() {
            self.trials_in_flight = self.trials_in_flight.saturating_sub(1);
            // Used up; where it was not made, another may be.
            let made = matches!(verdict, Some(Verdict::Answered | Verdict::Failed));
            self.trials = self.trials.saturating_sub(u32::from(made));
        }
        let succeeded = match verdict {
            Some(Verdict::Answered) => true,
            Some(Verdict::Failed) => false,
            Some(Verdict::NotAsked) | None => return gives_back || admission.trial,
        };
        let outcome = Outcomes::one(admission.epoch, succeeded);
        let changed = self.agent.breaker().is_some() && self.absorb(outcome, now);
        if self.agent.breaker().is_some() {
            self.pending = self.pending.followed_by(outcome);
        }
        gives_back || changed || admission.trial
    }

    /// What the others are to be told.
    pub(crate) fn report(&mut self, leaves: bool) -> Report {
        let told = self.sent.followed_by(self.pending);
        if self.pending.tally.total() > 0 {
            self.number += 1;
        }
        (self.sent, self.pending) = (told, Outcomes::default());
        self.telling = self.queue.next_ticket();
        Report {
            me: self.me,
            revision: self.agent.revision,
            limit: self.agent.max_concurrent_calls,
            breaker: self.agent.breaker().copied(),
            in_flight: self.in_flight,
            waiting: u32::try_from(self.queue.len()).unwrap_or(u32::MAX),
            epoch: self.breaker.epoch(),
            trials: self.trials_in_flight,
            outcomes: told,
            number: self.number,
            leaves,
        }
    }

    /// What was told before and has arrived, although nobody heard that it had, is not told again.
    pub(crate) fn has_arrived(&mut self, number: u64) {
        if number >= self.number {
            (self.number, self.sent) = (number, Outcomes::default());
        }
    }

    /// This is about to be stored: from now on it may be what the others go by.
    pub(crate) fn yields(&mut self, exchanged: &Exchanged) {
        self.quota = self.quota.min(exchanged.quota);
        if exchanged.traffic.breaker().epoch() == self.breaker.epoch() {
            self.trials = self.trials.min(exchanged.traffic.part(self.me).trials);
        }
    }

    /// It is stored.
    pub(crate) fn takes(&mut self, exchanged: &Exchanged, now: Timestamp) {
        let part = exchanged.traffic.part(self.me);
        (self.knows, self.told, self.sent) = (true, self.telling, Outcomes::default());
        (self.quota, self.held) = (exchanged.quota, part.held);
        if self.breaker.epoch() != exchanged.traffic.breaker().epoch() {
            self.trials_in_flight = 0;
        }
        self.breaker = exchanged.traffic.breaker().clone();
        self.trials = part.trials;
        // What has happened since it was told.
        let since = self.pending;
        let ended = if since.epoch == self.breaker.epoch() { since.tally.total() } else { 0 };
        if matches!(self.breaker.phase(), BreakerPhase::HalfOpen { .. }) {
            self.trials = self.trials.saturating_sub(ended);
        }
        self.absorb(since, now);
    }

    /// What those who wait wait for.
    pub(crate) fn waits_for(&self) -> WaitsFor {
        match (self.phase(), self.agent.max_concurrent_calls) {
            _ if !self.knows => WaitsFor::News,
            (BreakerPhase::Open { .. } | BreakerPhase::HalfOpen { .. }, _) => {
                WaitsFor::Breaker { until: self.config().and_then(|config| self.breaker.retry_at(config)) }
            }
            (BreakerPhase::Closed, Some(limit)) => WaitsFor::Limit { limit },
            (BreakerPhase::Closed, None) => WaitsFor::News,
        }
    }

    /// When somebody who waits may go on although nobody says anything.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.config().filter(|_| !self.queue.is_empty()).and_then(|config| self.breaker.retry_at(config))
    }

    /// Whether somebody waits for what only an exchange can bring.
    pub(crate) fn wants_news(&self) -> bool {
        let stuck = match self.phase() {
            BreakerPhase::Closed => self.quota == 0 && self.agent.max_concurrent_calls.is_some(),
            BreakerPhase::HalfOpen { .. } => self.trials <= self.trials_in_flight,
            BreakerPhase::Open { .. } => false,
        };
        !self.queue.is_empty() && (!self.knows || stuck)
    }

    /// Whether this executor has had nothing to do with the agent for a while.
    pub(crate) fn rests(&self, now: Timestamp) -> bool {
        self.in_flight == 0 && self.queue.is_empty() && now - self.rests_since >= REST
    }

    fn config(&self) -> Option<&CircuitBreakerConfig> {
        self.agent.breaker()
    }

    fn is_full(&self) -> bool {
        self.agent.max_concurrent_calls.is_some() && self.in_flight >= self.quota
    }

    /// Lets time pass.
    fn pass(&mut self, now: Timestamp) {
        if let Some(config) = self.agent.breaker().copied()
            && self.breaker.pass(&config, now).is_some()
        {
            // Which calls are let through, and where, is not decided yet.
            (self.trials, self.trials_in_flight) = (0, 0);
        }
    }

    fn absorb(&mut self, outcomes: Outcomes, now: Timestamp) -> bool {
        let Some(config) = self.agent.breaker().copied() else { return false };
        let changed = self.breaker.absorb(outcomes, &config, now).is_some();
        if changed {
            (self.trials, self.trials_in_flight) = (0, 0);
        }
        changed
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
