//! What all executors together know of the calls to one agent: its breaker, and who holds how much of its limit.
//!
//! One value for each agent, in the store, replaced by whoever changes it as long as nobody else has meanwhile. So it is exact
//! where it matters, however late executors look at it: the shares together never exceed the limit, because one is taken only
//! once nobody holds it; calls to a half-open breaker are handed out like shares; and each outcome counts once.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Breaker, BreakerChange, BreakerPhase, CallLimit, CircuitBreakerConfig, Outcomes, share_out};
use crate::{Timestamp, ids::ExecutorId};

/// How long whoever was first in a round stays it.
const TURN: TimeDelta = TimeDelta::seconds(5);

/// The calls of one executor to the agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// How much of the limit it holds: it never has more calls under way.
    pub held: u32,
    /// How many calls to a half-open breaker it may make or has under way.
    pub trials: u32,
    /// How many calls it had under way.
    pub in_flight: u32,
    /// How many calls waited.
    pub waiting: u32,
    /// The number of its last report whose outcomes are taken in.
    pub merged: u64,
}

/// The calls of all executors to one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// The revision of the agent that `limit` is from.
    revision: u64,
    limit: Option<CallLimit>,
    parts: BTreeMap<ExecutorId, Part>,
    breaker: Breaker,
}

/// What an executor has to say about its calls to an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Who says it.
    pub me: ExecutorId,
    /// The revision of the agent that it knows.
    pub revision: u64,
    /// The limit, in that revision.
    pub limit: Option<CallLimit>,
    /// The breaker, in that revision; none where it is disabled.
    pub breaker: Option<CircuitBreakerConfig>,
    /// How many calls are under way.
    pub in_flight: u32,
    /// How many wait.
    pub waiting: u32,
    /// The epoch that `trials` are from.
    pub epoch: u64,
    /// How many calls to the half-open breaker are under way.
    pub trials: u32,
    /// What came of calls since the last report that arrived.
    pub outcomes: Outcomes,
    /// The number of this report; a higher one for each that tells other outcomes.
    pub number: u64,
    /// Whether the executor has nothing more to do with the agent.
    pub leaves: bool,
}

/// What an exchange comes to, once it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchanged {
    /// What is to be stored.
    pub traffic: Traffic,
    /// The executor may have so many calls under way, of which it may hold more for those that it has to let end.
    pub quota: u32,
    /// What became of the breaker.
    pub changes: Vec<BreakerChange>,
}

/// The calls to an agent at the moment, for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCount {
    /// How many are under way.
    pub in_flight: u32,
    /// How many wait.
    pub waiting: u32,
}

impl Traffic {
    /// The breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// What an executor holds.
    pub fn part(&self, member: ExecutorId) -> Part {
        self.parts.get(&member).copied().unwrap_or_default()
    }

    /// Who has to do with the agent.
    pub fn members(&self) -> impl Iterator<Item = ExecutorId> {
        self.parts.keys().copied()
    }

    /// The calls of those who live, as they told them last.
    pub fn calls(&self, gone: &[ExecutorId]) -> CallCount {
        let living = self.parts.iter().filter(|(member, _)| !gone.contains(member));
        living.fold(CallCount::default(), |sum, (_, part)| CallCount {
            in_flight: sum.in_flight.saturating_add(part.in_flight),
            waiting: sum.waiting.saturating_add(part.waiting),
        })
    }

    /// Takes a report in. Those who are gone hold nothing any more.
    pub fn exchange(&self, report: &Report, gone: &[ExecutorId], now: Timestamp) -> Exchanged {
        let mut after = self.clone();
        after.parts.retain(|member, _| *member == report.me || !gone.contains(member));
        if report.revision >= after.revision {
            (after.revision, after.limit) = (report.revision, report.limit);
        }
        let changes = after.judge(report, now);
        if report.leaves {
            after.parts.remove(&report.me);
            return Exchanged { traffic: after, quota: 0, changes };
        }
        let part = after.parts.entry(report.me).or_default();
        part.in_flight = report.in_flight;
        part.waiting = report.waiting;
        part.merged = part.merged.max(report.number);
        let quota = after.hold(report, now);
        after.try_again(report);
        Exchanged { traffic: after, quota, changes }
    }

    /// What the report means for the breaker.
    fn judge(&mut self, report: &Report, now: Timestamp) -> Vec<BreakerChange> {
        let Some(config) = &report.breaker else {
            // Nobody looks at it; switched on again it begins anew.
            self.breaker = Breaker::default();
            return Vec::new();
        };
        let is_new = self.parts.get(&report.me).is_none_or(|part| part.merged < report.number);
        let told = is_new.then(|| self.breaker.absorb(report.outcomes, config, now)).flatten();
        let passed = self.breaker.pass(config, now);
        told.into_iter().chain(passed).collect()
    }

    /// Gives the executor what it should have of the limit, as far as nobody else holds it; answers how much it may use.
    fn hold(&mut self, report: &Report, now: Timestamp) -> u32 {
        let Some(limit) = self.limit else {
            self.parts.values_mut().for_each(|part| part.held = 0);
            return u32::MAX;
        };
        let wanted = self.parts.iter().map(|(member, part)| (*member, part.in_flight.saturating_add(part.waiting)));
        let turn = now.timestamp().div_euclid(TURN.num_seconds()).unsigned_abs();
        let should = share_out(limit.get(), &wanted.collect(), turn).remove(&report.me).unwrap_or_default();
        let others = self.parts.iter().filter(|(member, _)| **member != report.me).map(|(_, part)| part.held);
        let free = limit.get().saturating_sub(others.fold(0, u32::saturating_add));
        let quota = should.min(free);
        if let Some(part) = self.parts.get_mut(&report.me) {
            // Calls that are under way end by themselves; until then their shares are nobody else's.
            part.held = quota.max(report.in_flight);
        }
        quota
    }

    /// Gives the executor calls to a half-open breaker: those that it has under way, and one for each that waits, as far as
    /// nobody else has them.
    fn try_again(&mut self, report: &Report) {
        let (BreakerPhase::HalfOpen { successes, .. }, Some(config)) = (self.breaker.phase(), &report.breaker) else {
            self.parts.values_mut().for_each(|part| part.trials = 0);
            return;
        };
        let under_way = if report.epoch == self.breaker.epoch() { report.trials } else { 0 };
        let others = self.parts.iter().filter(|(member, _)| **member != report.me).map(|(_, part)| part.trials);
        let taken = others.fold(successes, u32::saturating_add);
        let free = config.half_open_max_calls.saturating_sub(taken);
        if let Some(part) = self.parts.get_mut(&report.me) {
            part.trials = under_way.saturating_add(report.waiting).min(free).max(under_way);
        }
    }
}

#[cfg(test)]
#[path = "traffic_tests.rs"]
mod tests;
