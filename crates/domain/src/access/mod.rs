//! Who may do what: principals, roles, rights, and the records behind credentials.
//!
//! Which role has which right is not said here but in the policy of `adapters-auth`, as Datalog; what a route needs is said
//! where it is declared.

mod account;
mod actor;
mod credential;
mod key_text;
mod principal;
mod right;
mod role;
mod source;

pub use account::{AccountName, ApiKey, InvalidName, KeyDigest, MAX_NAME, PasswordHash, PreviousDigest, User};
pub use actor::Actor;
pub use credential::{Forbidden, JwtHolder, Presented, Refused, TaskGrant, TokenGrant};
pub use key_text::{KEY_PREFIX, KEY_SECRET, KeyText};
pub use principal::{Principal, Resource, Scope};
pub use right::{Access, Right};
pub use role::Role;
pub use source::Source;
