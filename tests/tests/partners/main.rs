//! Partnership with the components of the existing system, mode by mode (docs/guides/existing-components.md), with the real
//! binary, PostgreSQL and Apache Kafka. Those components are not here: `old` plays them from their contract.

mod calls_over_bridge;
mod external_engine;
mod external_engine_cancels;
mod external_engine_crashes;
mod house;
mod look_ups;
mod old;
mod old_api;
mod old_api_control;
mod old_api_requests;
mod orrerys_bridge;
mod shapes;
