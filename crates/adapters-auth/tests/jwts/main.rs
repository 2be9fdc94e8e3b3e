//! Tokens of identity providers, good ones and bad ones.

mod accepted;
mod key_sets;
mod refused;
mod support;
