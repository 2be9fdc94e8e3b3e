//! Credentials and secrets: Biscuit tokens, JWTs, API key digests, passwords, and encryption of what is kept.
//!
//! All of it hangs on one [`Keyring`] that the processes of an installation share.

mod keyring;

pub use keyring::{InvalidKeyring, Keyring, ServerKey};
