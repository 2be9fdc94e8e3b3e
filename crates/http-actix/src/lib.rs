//! The delivery of Orrery over HTTP: routes, request and answer shapes, problem documents, OpenAPI and its pages.
//!
//! Handlers parse, call one use case and map the result; rules live in `domain` and `application`. Only `composition`,
//! which belongs to the binary, names adapters.

pub mod api;
mod aside;
mod docs;
mod dto;
pub mod limits;
mod metrics;
mod once;
pub mod problem;
mod registry;
mod rights;
mod routes;
pub mod serving;

pub use api::{Guard, KnownHosts, MAX_STREAMS, Streams, TrustedProxies};
pub use metrics::{MEASURES, asks_for_credentials, install as install_metrics, runs_as};
pub use once::{RequestDigests, RequestIds};
pub use registry::Registry;
pub use rights::rights_markdown;
pub use routes::{AppState, ComponentCheck, Readiness, openapi_document, openapi_document_3_0};
