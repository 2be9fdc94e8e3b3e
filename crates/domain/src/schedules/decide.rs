//! What is to be done about a schedule at a time.
//!
//! A decision is a value: the schedule as it is from then on, and its ticks. It becomes true by one unit of work, which is refused
//! if anybody else has changed the schedule, so that each tick is decided about once. Time that goes backwards decides nothing: the
//! next tick is never before one that was decided about.

use super::{LastTick, MissedPolicy, OverlapPolicy, Schedule, ScheduleState, Tick, TickReason, Timing};
use crate::{Timestamp, ids::RunId, ports::Ticks};

/// How many ticks that are due are looked at in one decision; what is left is for the next one.
pub const SLICE: usize = 1_000;

/// How many runs one decision starts at most.
const STARTS: usize = 100;

/// What is known of the run of the last tick that was to have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previous {
    /// It is over, or there is none.
    Over,
    /// It is under way, or about to be started.
    UnderWay(RunId),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The schedule from then on.
    pub schedule: Schedule,
    /// The new ticks, oldest first.
    pub ticks: Vec<Tick>,
    /// The tick that waited and is called up.
    pub called_up: Option<Tick>,
}

impl Decision {
    /// The ticks whose runs are to be started, in their order.
    pub fn starts(&self) -> impl Iterator<Item = &Tick> {
        let new = self.ticks.iter().filter(|tick| tick.status == super::TickStatus::Starting);
        self.called_up.iter().chain(new)
    }
}

/// The first tick after a time and after all that were decided about, if there is one.
pub fn first_tick(timing: &Timing, ticks: &dyn Ticks, after: Timestamp, last: Option<LastTick>) -> Option<Timestamp> {
    let bounds = [last.map(|last| last.at), timing.starts_at.map(just_before)];
    let after = bounds.into_iter().flatten().fold(after, Timestamp::max);
    next(timing, ticks, after)
}

/// The last time before a time: what is after it may be at that time itself.
pub fn just_before(at: Timestamp) -> Timestamp {
    at - chrono::TimeDelta::microseconds(1)
}

fn next(timing: &Timing, ticks: &dyn Ticks, after: Timestamp) -> Option<Timestamp> {
    ticks.after(after).filter(|next| timing.ends_at.is_none_or(|end| *next <= end))
}

/// Decides what is due at a time; nothing where nothing changes. `waiting` is the tick that [`Schedule::queued`] names.
pub fn decide(
    schedule: &Schedule,
    waiting: Option<&Tick>,
    previous: &Previous,
    ticks: &dyn Ticks,
    now: Timestamp,
) -> Option<Decision> {
    let mut desk = Desk {
        under_way: match previous {
            Previous::Over => None,
            Previous::UnderWay(run) => Some(run.clone()),
        },
        now,
        decided: Decision {
            schedule: Schedule { revision: schedule.revision + 1, ..schedule.clone() },
            ticks: Vec::new(),
            called_up: None,
        },
    };
    desk.call_up(waiting);
    desk.take_due(ticks);
    let changed = desk.decided.schedule.queued != schedule.queued || !desk.decided.ticks.is_empty();
    changed.then_some(desk.decided)
}

/// A decision while it is made.
struct Desk {
    under_way: Option<RunId>,
    now: Timestamp,
    decided: Decision,
}

impl Desk {
    /// The tick that waits is started if the run before it is over. One that is not there any more holds nobody up.
    fn call_up(&mut self, waiting: Option<&Tick>) {
        match waiting {
            Some(tick) if self.under_way.is_none() => {
                let tick = tick.clone().called_up(self.now);
                self.decided.schedule.queued = None;
                self.is_started(&tick);
                self.decided.called_up = Some(tick);
            }
            Some(_) => {}
            None => self.decided.schedule.queued = None,
        }
    }

    fn take_due(&mut self, ticks: &dyn Ticks) {
        let timing = self.decided.schedule.timing.clone();
        // One more than is taken, to know when to go on.
        let first = self.decided.schedule.next_at;
        let line = std::iter::successors(first, |tick| next(&timing, ticks, *tick));
        let due: Vec<Timestamp> = line.take_while(|tick| *tick <= self.now).take(SLICE + 1).collect();
        let (left_out, taken) = self.missed(&due);
        if let (Some(first), Some(last)) = (due[..left_out].first(), due[..left_out].last()) {
            let count = u32::try_from(left_out).unwrap_or(u32::MAX);
            let missed = Tick { until: *last, count, ..self.tick(*first) };
            self.decided.ticks.push(missed.skipped(TickReason::Missed));
        }
        for (place, at) in due[..taken].iter().enumerate().skip(left_out) {
            let tick = self.placed(*at, place + 1 == taken);
            self.decided.ticks.push(tick);
        }
        let Some(at) = due[..taken].last().copied() else { return };
        let schedule = &mut self.decided.schedule;
        schedule.last = self.decided.ticks.last().map(|tick| LastTick { id: tick.id, at });
        schedule.next_at = due.get(taken).copied().or_else(|| next(&timing, ticks, at));
        if schedule.next_at.is_none() {
            schedule.state = ScheduleState::Ended;
        }
    }

    /// How many of the ticks that are due are left out as missed, and how many are decided about.
    fn missed(&self, due: &[Timestamp]) -> (usize, usize) {
        let Schedule { missed, grace, .. } = &self.decided.schedule;
        let grace = chrono::TimeDelta::from_std(*grace).unwrap_or(chrono::TimeDelta::MAX);
        let late = due.iter().take_while(|tick| self.now - **tick > grace).count();
        let made_up = MissedPolicy::made_up(*missed);
        let left_out = late.min(SLICE).saturating_sub(made_up);
        if late > SLICE {
            // There are more, so that nobody knows yet which are the last of them.
            return (left_out, left_out);
        }
        (left_out, due.len().min(SLICE).min(left_out + STARTS))
    }

    fn tick(&self, at: Timestamp) -> Tick {
        Tick::new(self.decided.schedule.id, at, self.now)
    }

    /// What becomes of a tick that was not missed, or is made up for.
    fn placed(&mut self, at: Timestamp, is_last: bool) -> Tick {
        let tick = self.tick(at);
        match (self.decided.schedule.overlap, &self.under_way) {
            (OverlapPolicy::Allow, _) | (OverlapPolicy::Skip | OverlapPolicy::Queue, None) => {
                self.is_started(&tick);
                tick
            }
            (OverlapPolicy::Skip, Some(_)) => tick.skipped(TickReason::Overlap),
            (OverlapPolicy::Queue, Some(_)) if self.decided.schedule.queued.is_some() => {
                tick.skipped(TickReason::QueueFull)
            }
            (OverlapPolicy::Queue, Some(_)) => {
                self.decided.schedule.queued = Some(tick.id);
                Tick { status: super::TickStatus::Waiting, ..tick }
            }
            // To start a run only to cancel it at once helps nobody.
            (OverlapPolicy::CancelPrevious, _) if !is_last => tick.skipped(TickReason::Superseded),
            (OverlapPolicy::CancelPrevious, under_way) => {
                let tick = Tick { cancels: under_way.clone(), ..tick };
                self.is_started(&tick);
                tick
            }
        }
    }

    fn is_started(&mut self, tick: &Tick) {
        self.under_way = Some(tick.id.run());
        self.decided.schedule.last_started = Some(tick.id);
    }
}
