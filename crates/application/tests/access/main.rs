//! The use cases of access over the memory store, with cryptography that can be seen through.

mod authenticating;
mod counted;
mod first_start;
mod keys;
mod people;
mod support;
mod tokens;
