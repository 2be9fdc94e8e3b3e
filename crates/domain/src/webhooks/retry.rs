//! When an attempt that has failed is repeated, and when a webhook is given up.

use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use super::{Answer, Attempt, DeliveryState, DisabledWhy, Settled};
use crate::{Timestamp, ids::DeliveryId};

/// The times between attempts, in units of the first one: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h (Standard Webhooks,
/// "Deliverability and reliability").
const STEPS: [u32; 9] = [1, 60, 360, 1_440, 3_600, 7_200, 10_080, 14_400, 17_280];

/// How often a delivery is attempted before it is given up.
pub const ATTEMPTS: u32 = 10;

const _: () = assert!(STEPS.len() == 9, "there is one more attempt than times between them");

/// The namespace of what spreads attempts; a random constant.
const NAMESPACE: Uuid = Uuid::from_u128(0x52a9_3c07_4be1_4d5f_a6f0_8d21_77c4_e95b);

/// The times between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySchedule {
    /// The first of them; the others are multiples of it.
    pub first: Duration,
}

impl Default for RetrySchedule {
    /// Five seconds.
    fn default() -> Self {
        Self { first: Duration::from_secs(5) }
    }
}

impl RetrySchedule {
    /// How long to wait after an attempt, from 1; none after the last one. Up to a tenth more or less than the table says, so
    /// that what has failed together does not come back together; the same whoever asks.
    pub fn wait_after(&self, delivery: DeliveryId, attempt: u32) -> Option<Duration> {
        let step = *STEPS.get(usize::try_from(attempt).ok()?.checked_sub(1)?)?;
        let spread = Uuid::new_v5(&NAMESPACE, format!("{delivery}\n{attempt}").as_bytes());
        let [a, b, ..] = *spread.as_bytes();
        let per_mille = 900 + u32::from(u16::from_be_bytes([a, b])) * 200 / u32::from(u16::MAX);
        Some(self.first * step * per_mille / 1_000)
    }
}

/// How long failures are borne with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The times between attempts.
    pub schedule: RetrySchedule,
    /// For how long nothing may have arrived before a webhook is disabled.
    pub disable_after: Duration,
}

impl Default for Patience {
    /// The usual times, and five days.
    fn default() -> Self {
        Self { schedule: RetrySchedule::default(), disable_after: Duration::from_hours(5 * 24) }
    }
}

/// The longest time that a receiver may ask for with `Retry-After`.
const MOST_ASKED_FOR: Duration = Duration::from_hours(24);

/// What is to be done after an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What becomes of the delivery.
    pub settled: Settled,
    /// Why the webhook is disabled, if it is.
    pub disables: Option<DisabledWhy>,
}

impl Patience {
    /// Decides what an answer means. `number` is that of the attempt, from 1; `failing_since` is when the webhook's first failure
    /// was after which nothing has arrived, before this attempt.
    pub fn judge(
        &self,
        delivery: DeliveryId,
        number: u32,
        answer: &Answer,
        attempt: Attempt,
        failing_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Verdict {
        let settled = |state, due_at| Settled { delivery, number, attempt, at: now, state, due_at };
        if answer.is_success() {
            return Verdict { settled: settled(DeliveryState::Delivered, None), disables: None };
        }
        if answer.is_gone() {
            let settled = settled(DeliveryState::Failed, None);
            return Verdict { settled, disables: Some(DisabledWhy::Gone) };
        }
        let asked_for = match answer {
            Answer::Status { retry_after, .. } => retry_after.unwrap_or_default().min(MOST_ASKED_FOR),
            Answer::Nothing(_) => Duration::ZERO,
        };
        let wait = self.schedule.wait_after(delivery, number).map(|wait| wait.max(asked_for));
        let due_at = wait.map(|wait| now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::zero()));
        let state = if due_at.is_some() { DeliveryState::Pending } else { DeliveryState::Failed };
        let failing = failing_since.and_then(|since| (now - since).to_std().ok());
        let is_over = failing.is_some_and(|failing| failing >= self.disable_after);
        Verdict { settled: settled(state, due_at), disables: is_over.then_some(DisabledWhy::Failing) }
    }
}
