//! Credentials and secrets: Biscuit tokens, JWTs, API key digests, passwords, and encryption of what is kept.
//!
//! All of it hangs on one [`Keyring`] that the processes of an installation share.

mod biscuits;
mod chain;
mod digests;
mod jwts;
mod keyring;
mod offline;
mod passwords;
mod policy;
mod vault;
mod webhooks;

pub use biscuits::{Biscuits, MAX_BLOCKS, MAX_TOKEN};
pub use chain::ChainSeal;
pub use digests::HmacDigests;
pub use jwts::{InvalidJwtSettings, IssuerSettings, JwtSettings, KeySource, ProviderJwts};
pub use keyring::{InvalidKeyring, Keyring, ServerKey};
pub use offline::{Attenuation, Inspected, InspectedBlock, NotAToken, inspect};
pub use passwords::Argon2Passwords;
pub use policy::DatalogPolicy;
pub use vault::AeadVault;
pub use webhooks::StandardSigner;
