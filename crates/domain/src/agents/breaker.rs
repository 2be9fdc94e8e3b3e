//! The circuit breaker of an agent (contract 7.6): closed, open, half open.
//!
//! Pure: what came of calls goes in with a time, changes come out. It is a value that executors share: each decides on its own
//! copy at once, and their copies meet in [`Traffic`](super::Traffic). Which calls a half-open breaker lets through is decided
//! there too, because they are few and for all executors together.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    AgentName, CircuitBreakerConfig,
    window::{Tally, Window},
};
use crate::Timestamp;

/// What came of some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The epoch of the breaker that had let them through.
    pub epoch: u64,
    /// How they ended.
    pub tally: Tally,
    /// How many failures came after the last success among them.
    pub streak: u32,
}

impl Outcomes {
    /// A single call.
    pub fn one(epoch: u64, succeeded: bool) -> Self {
        let failures = u32::from(!succeeded);
        Self { epoch, tally: Tally { successes: u32::from(succeeded), failures }, streak: failures }
    }

    /// Adds calls that ended later. Those of an older epoch are forgotten: the breaker has moved on.
    pub fn followed_by(self, later: Self) -> Self {
        if later.tally.total() == 0 || later.epoch < self.epoch {
            return self;
        }
        if self.epoch < later.epoch {
            return later;
        }
        let mut tally = self.tally;
        tally.add(later.tally);
        Self { tally, streak: streak_after(self.streak, later), ..self }
    }
}

fn streak_after(streak: u32, outcomes: Outcomes) -> u32 {
    let before = if outcomes.tally.successes == 0 { streak } else { 0 };
    before.saturating_add(outcomes.streak)
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum BreakerPhase {
    /// Every call.
    Closed,
    /// No call.
    Open {
        /// Since when.
        since: Timestamp,
    },
    /// A few, to see whether the agent has recovered.
    HalfOpen {
        /// Since when.
        since: Timestamp,
        /// How many of them have succeeded so far.
        successes: u32,
    },
}

impl BreakerPhase {
    /// The name that the REST API, the metrics and the monitoring events use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    /// When an open breaker becomes half open; none where it is not open.
    pub fn retry_at(self, config: &CircuitBreakerConfig) -> Option<Timestamp> {
        match self {
            Self::Open { since } => Some(since + TimeDelta::seconds(i64::from(config.timeout_seconds))),
            Self::Closed | Self::HalfOpen { .. } => None,
        }
    }
}

/// A breaker has changed from one phase to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerChange {
    /// The phase before.
    pub from: BreakerPhase,
    /// The phase after.
    pub to: BreakerPhase,
    /// The calls in the window that decided it, where it opened.
    pub tally: Tally,
}

/// That a breaker has changed, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerNews {
    /// The agent.
    pub agent: AgentName,
    /// When it was noticed.
    pub at: Timestamp,
    /// What has changed.
    pub change: BreakerChange,
    /// When calls are tried again, where it has opened.
    pub retry_at: Option<Timestamp>,
}

/// The breaker of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    #[serde(flatten)]
    phase: BreakerPhase,
    /// Rises with each change of the phase.
    epoch: u64,
    window: Window,
    /// Failures after the last success.
    streak: u32,
}

impl Default for Breaker {
    /// Closed, and nothing is known.
    fn default() -> Self {
        Self { phase: BreakerPhase::Closed, epoch: 0, window: Window::default(), streak: 0 }
    }
}

impl Breaker {
    /// What it lets through.
    pub fn phase(&self) -> BreakerPhase {
        self.phase
    }

    /// How often its phase has changed.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When an open breaker becomes half open; none where it is not open.
    pub fn retry_at(&self, config: &CircuitBreakerConfig) -> Option<Timestamp> {
        self.phase.retry_at(config)
    }

    /// The calls in the window.
    pub fn tally(&self, config: &CircuitBreakerConfig, now: Timestamp) -> Tally {
        self.window.tally(config.window_size_seconds, now)
    }

    /// Whether it knows of nothing that speaks against the agent.
    pub fn is_idle(&self, config: &CircuitBreakerConfig, now: Timestamp) -> bool {
        self.phase == BreakerPhase::Closed && self.tally(config, now).total() == 0
    }

    /// Lets time pass: an open breaker becomes half open when its time is over.
    pub fn pass(&mut self, config: &CircuitBreakerConfig, now: Timestamp) -> Option<BreakerChange> {
        // Whoever does so does it for the same moment, whenever he looks.
        let due = self.retry_at(config).filter(|due| *due <= now)?;
        Some(self.turn(BreakerPhase::HalfOpen { since: due, successes: 0 }, Tally::default()))
    }

    /// Takes in what came of calls.
    pub fn absorb(
        &mut self,
        outcomes: Outcomes,
        config: &CircuitBreakerConfig,
        now: Timestamp,
    ) -> Option<BreakerChange> {
        // Calls that it had let through before it changed say nothing about what it is now.
        if outcomes.epoch != self.epoch || outcomes.tally.total() == 0 {
            return None;
        }
        match self.phase {
            BreakerPhase::Closed => {
                self.window.add(outcomes.tally, config.window_size_seconds, now);
                self.streak = streak_after(self.streak, outcomes);
                let tally = self.tally(config, now);
                (outcomes.tally.failures > 0 && self.is_too_much(tally, config))
                    .then(|| self.turn(BreakerPhase::Open { since: now }, tally))
            }
            // It lets nothing through, so there is nothing to come.
            BreakerPhase::Open { .. } => None,
            BreakerPhase::HalfOpen { since, successes } => {
                if outcomes.tally.failures > 0 {
                    return Some(self.turn(BreakerPhase::Open { since: now }, outcomes.tally));
                }
                let successes = successes.saturating_add(outcomes.tally.successes);
                if successes >= config.half_open_max_calls {
                    return Some(self.turn(BreakerPhase::Closed, Tally::default()));
                }
                self.phase = BreakerPhase::HalfOpen { since, successes };
                None
            }
        }
    }

    /// Why a call was not made.
    pub fn refusal(&self, agent: &AgentName, config: &CircuitBreakerConfig) -> String {
        match self.phase {
            BreakerPhase::Closed | BreakerPhase::Open { .. } => format!("Circuit breaker is OPEN for agent '{agent}'"),
            BreakerPhase::HalfOpen { .. } => {
                let most = config.half_open_max_calls;
                format!("Circuit breaker is HALF_OPEN, max calls reached ({most}) for agent '{agent}'")
            }
        }
    }

    fn is_too_much(&self, tally: Tally, config: &CircuitBreakerConfig) -> bool {
        let rate = f64::from(tally.failures) / f64::from(tally.total().max(1));
        tally.total() >= config.failure_threshold
            && (self.streak >= config.failure_threshold || rate >= config.failure_rate_threshold)
    }

    fn turn(&mut self, to: BreakerPhase, tally: Tally) -> BreakerChange {
        let from = self.phase;
        *self = Self { phase: to, epoch: self.epoch + 1, window: Window::default(), streak: 0 };
        BreakerChange { from, to, tally }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
