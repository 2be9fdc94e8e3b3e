//! Schedules: which runs are started at which times, without anybody asking for each.
//!
//! What is due is decided here, from a schedule, its ticks and a time ([`decide`]); when the next tick is comes from a
//! [`Calendar`](crate::ports::Calendar). Nothing here starts a run: a decision is kept first, and carried out afterwards under ids
//! that are derived from it, so that it is carried out once, however many processes try (ADR 0030).

mod decide;
#[cfg(test)]
mod decide_tests;
mod input;
mod schedule;
mod tick;

pub use decide::{Decision, Previous, SLICE, decide, first_tick, just_before};
pub use input::{InputTemplate, InvalidTemplate, TickNames};
pub use schedule::{
    InvalidScheduleName, LastTick, MAX_CATCH_UP, MAX_GRACE, MissedPolicy, OverlapPolicy, Schedule, ScheduleFilter,
    ScheduleName, ScheduleState, Timing,
};
pub use tick::{Tick, TickReason, TickStatus};
