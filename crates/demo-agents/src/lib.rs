//! Small agents that speak A2A 0.3 (JSON-RPC 2.0, `message/send`): what `orrery demo` shows, what crash tests count, and
//! what benchmarks call.
//!
//! All of them live in one HTTP server, each under a path of its own:
//!
//! | path | input | members of its output |
//! |---|---|---|
//! | `/researcher` | `topic` | `topic`, `facts`, `sources`, `summary` |
//! | `/writer` | `topic`, `facts` | `topic`, `title`, `paragraph`, `words` |
//! | `/reviewer` | `paragraph` (or `draft`, `text`) | `score`, `verdict`, `remarks`, `words` |
//! | `/echo` | anything | the input's members |
//! | `/flaky?fail=N` | anything | the input's members, after answering 500 to the first N calls of each message id |
//! | `/slow?ms=N` | anything | the input's members, after N milliseconds |
//! | `/reporter?ms=N` | anything | `returned`, the input that it fetches, reported after N milliseconds: it answers 202 at first |
//! | `/moody` | anything | the input's members, at once, late, at the second call, or never: it depends on the message id |
//!
//! `GET {path}/.well-known/agent-card.json` is an agent's card. `GET /calls` tells who was called and how often,
//! `POST /calls/reset` forgets it. The agents keep nothing else and know no more of Orrery than real agents do.

mod calls;
mod catalogue;
mod library;
mod moods;
mod protocol;
mod reporter;
mod routes;
mod server;
mod story;

pub use catalogue::{CATALOGUE, DemoAgent};
pub use server::{DemoAgents, Options};
