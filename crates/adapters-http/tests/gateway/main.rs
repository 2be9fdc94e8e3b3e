//! The gateway against agents on real sockets. One binary, because all of it shares `support`.

mod answers;
mod guarded;
mod health;
mod misbehaviour;
mod passes;
mod requests;
mod support;
mod tasks;
mod webhooks;
