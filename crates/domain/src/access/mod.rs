//! Who may do what: principals, roles, rights, and the records behind credentials.
//!
//! Which role has which right is not said here but in the policy of `adapters-auth`, as Datalog; what a route needs is said
//! where it is declared.

mod account;
mod actor;
mod credential;
mod principal;
mod right;
mod role;

pub use account::{ApiKey, KeyDigest, MAX_NAME, PasswordHash, User};
pub use actor::Actor;
pub use credential::{Forbidden, Presented, Refused, TaskGrant, TokenGrant};
pub use principal::{Principal, Resource, Scope};
pub use right::{Access, Right};
pub use role::Role;
