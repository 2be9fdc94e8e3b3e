//! Consuming as a member of a group: many records at once, and acknowledged only up to where all are dealt with.

mod group;
mod lag;
mod lanes;
mod offsets;
mod record;
mod work;

pub(crate) use group::{Consumption, consume, without_value};
pub(crate) use lag::COUNT_EVERY;
pub(crate) use record::{Order, Record, RecordHandler, Settled};
