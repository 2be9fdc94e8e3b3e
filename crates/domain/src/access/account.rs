//! What is kept about API keys and people. No secret is here: of a key a keyed digest, of a password an argon2id hash.

use std::fmt;

use ipnet::IpNet;

use super::{Role, Scope};
use crate::{
    Timestamp,
    ids::{ApiKeyId, UserId},
};

/// The longest name of a key or user, in characters.
pub const MAX_NAME: usize = 100;

/// An API key of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id; part of the key's text.
    pub id: ApiKeyId,
    /// Its name; unique among the keys that are not revoked.
    pub name: String,
    /// What a presented secret is compared with.
    pub digest: KeyDigest,
    /// What it is trusted with.
    pub role: Role,
    /// What it is restricted to.
    pub scope: Scope,
    /// The networks it may be used from; empty for any.
    pub networks: Vec<IpNet>,
    /// It sees statuses and no data.
    pub hides_payloads: bool,
    /// From when on it is worth nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used; written now and then, not at each use.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Rises with each change.
    pub revision: u64,
}

/// A keyed SHA-256 of a key's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyDigest {
    /// Which of the server's keys it is keyed with.
    pub keyed_by: String,
    /// The 32 bytes.
    pub bytes: [u8; 32],
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(…)")
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The name to log in with; unique.
    pub name: String,
    /// The hash of the password.
    pub password: PasswordHash,
    /// What it is trusted with.
    pub role: Role,
    /// It sees statuses and no data.
    pub hides_payloads: bool,
    /// An inactive user cannot log in, and its tokens are worth nothing.
    pub active: bool,
    /// How many log-ins have failed since the last good one.
    pub failed_logins: u32,
    /// Until when no log-in is tried.
    pub locked_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Rises with each change.
    pub revision: u64,
}

/// An argon2id hash in PHC form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
