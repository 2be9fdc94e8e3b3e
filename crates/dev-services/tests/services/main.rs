//! The servers really start, die, and come back on the same port with what they knew.

mod kafka;
mod postgres;
