//! The adapter against real brokers, and against librdkafka's own mock where a broker has to misbehave.

mod bridge;
mod events;
mod gateway;
mod misbehaviour;
mod outage;
mod requests;
mod security;
mod sending;
mod support;
