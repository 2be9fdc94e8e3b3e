//! What is kept about API keys and people. No secret is here: of a key a keyed digest, of a password an argon2id hash.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use super::{Role, Scope};
use crate::{
    Timestamp,
    ids::{ApiKeyId, UserId},
    page::Cursor,
};

/// The longest name of a key or user, in characters.
pub const MAX_NAME: usize = 100;

/// The name of a key or of a person, which principals are called by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

/// Why a text is no name of a key or person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_NAME} characters, none of them a control character or white space at an end")]
pub struct InvalidName;

impl AccountName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let sound = (1..=MAX_NAME).contains(&text.chars().count())
            && text.trim() == text
            && !text.chars().any(char::is_control);
        if sound { Ok(Self(text.to_owned())) } else { Err(InvalidName) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An API key of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id; part of the key's text.
    pub id: ApiKeyId,
    /// Its name; unique among the keys that are not revoked.
    pub name: AccountName,
    /// What a presented secret is compared with.
    pub digest: KeyDigest,
    /// What a presented secret may have instead for a while, after the key was rotated.
    pub previous: Option<PreviousDigest>,
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

impl ApiKey {
    /// Whether it is worth anything at this time.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether it keeps the installation manageable: it may do everything, from anywhere, and does not end by itself.
    pub fn is_keeper(&self) -> bool {
        let is_bound = self.expires_at.is_some() || !self.networks.is_empty();
        self.role == Role::Admin && self.scope.is_open() && self.revoked_at.is_none() && !is_bound
    }

    /// Whether it may be used from this address. Where addresses are not known, only keys for any network may.
    pub fn is_usable_from(&self, address: Option<IpAddr>) -> bool {
        // An IPv4 client of a listener for both families comes under a mapped address.
        let address = address.map(|address| address.to_canonical());
        self.networks.is_empty()
            || address.is_some_and(|address| self.networks.iter().any(|network| network.contains(&address)))
    }

    /// Its place in the list of keys.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.created_at, &self.id)
    }

    /// The name of the principal that it stands for.
    pub fn principal(&self) -> String {
        format!("key:{}", self.name)
    }
}

impl User {
    /// Whether it keeps the installation manageable.
    pub fn is_keeper(&self) -> bool {
        self.role == Role::Admin && self.active
    }

    /// Their place in the list of people.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.name.as_str(), &self.id)
    }

    /// The name of the principal.
    pub fn principal(&self) -> String {
        format!("user:{}", self.name)
    }
}

/// A keyed SHA-256 of a key's secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyDigest {
    /// Which of the server's keys it is keyed with.
    pub keyed_by: String,
    /// The 32 bytes.
    pub bytes: [u8; 32],
}

/// The secret before the last rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousDigest {
    /// Of the secret.
    pub digest: KeyDigest,
    /// From when on it is worth nothing.
    pub until: Timestamp,
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
    pub name: AccountName,
    /// The hash of the password.
    pub password: PasswordHash,
    /// What it is trusted with.
    pub role: Role,
    /// It sees statuses and no data.
    pub hides_payloads: bool,
    /// An inactive user cannot log in, and its tokens are worth nothing.
    pub active: bool,
    /// Fences the tokens of log-ins: it rises when role, state or password change, and what was minted under an earlier one is
    /// worth nothing.
    pub epoch: u64,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_visible() {
        for name in ["a", "Deploy key (CI) №1", &"x".repeat(MAX_NAME)] {
            assert_eq!(AccountName::parse(name).expect("a name").as_str(), name);
        }
        for name in ["", " ", " a", "a\n", "a\u{7}b", &"x".repeat(MAX_NAME + 1)] {
            assert_eq!(AccountName::parse(name), Err(InvalidName), "{name}");
        }
    }
}
