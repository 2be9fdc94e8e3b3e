//! Several processes on one PostgreSQL and one Apache Kafka, and what is done to them: killed, frozen, cut off, started again.
//! The binary, HTTP, agents, servers and signals are real ones.

mod access;
mod audit;
mod blocks;
mod dead_letters;
mod doctor;
mod draining;
mod engines;
mod events;
mod following;
mod frozen;
mod guarded;
mod idempotency;
mod kafka_away;
mod killed_executors;
mod killed_senders;
mod language;
mod load;
mod postgres_away;
mod requests;
mod retention;
mod rolling;
mod schedules;
mod starting;
mod stopping;
mod together;
mod tracing;
mod upgrade;
mod webhooks;
