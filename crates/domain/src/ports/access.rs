//! Credentials: what the store keeps of them, and the cryptography behind them.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::{
    Timestamp,
    access::{ApiKey, Forbidden, JwtHolder, KeyDigest, PasswordHash, Refused, Resource, Right, Role, TokenGrant, User},
    agents::Secret,
    idempotency::Seed,
    ids::{ApiKeyId, UserId},
    page::{Page, PageRequest},
};

/// API keys, people and revocations, as the store keeps them. They are changed in units of work.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Accounts: Send + Sync {
    /// A key, revoked or not.
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Whether there is or was any key.
    async fn has_api_keys(&self) -> Result<bool, StoreError>;

    /// A page of the keys, revoked ones included, the newest first and then by id, the greatest first.
    async fn api_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError>;

    /// A person.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The person of this name.
    async fn user_named(&self, name: &str) -> Result<Option<User>, StoreError>;

    /// A page of the people, by name in the order of code points.
    async fn users(&self, page: PageRequest) -> Result<Page<User>, StoreError>;

    /// Which of these revocation ids of tokens are revoked.
    async fn revoked(&self, ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Writes down when keys were last used; unknown ones are left out. A later time that is stored already stays, and so
    /// does the key's revision.
    async fn used(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError>;

    /// Forgets revocations of tokens that have ended before this time; answers how many.
    async fn forget_revocations(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// A token whose signatures were checked. What it says about revocation and what its blocks allow is asked of it.
pub trait HeldToken: Send + Sync {
    /// What its first block grants.
    fn grant(&self) -> &TokenGrant;

    /// The ids by which it may be revoked, one for each block.
    fn revocation_ids(&self) -> &[String];

    /// Whether every block allows the operation at this time. `Err(None)` means that the rules ran over their limits.
    fn allows(&self, right: Right, resource: &Resource, now: Timestamp) -> Result<(), Option<Forbidden>>;
}

/// Biscuits: minted and checked with the server's keys.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Tokens: Send + Sync {
    /// Mints a token.
    fn mint(&self, grant: &TokenGrant) -> Secret;

    /// Checks a token's form, size and signatures, and that its grant has not ended. Answers are cached.
    fn verify(&self, token: &Secret, now: Timestamp) -> Result<Arc<dyn HeldToken>, Refused>;
}

/// JSON Web Tokens of the organisation's identity provider.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Jwts: Send + Sync {
    /// Checks a token and maps its claims to a principal.
    async fn verify(&self, token: &Secret, now: Timestamp) -> Result<JwtHolder, Refused>;
}

/// Secrets of keys.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait KeyDigests: Send + Sync {
    /// A fresh secret of 256 random bits, as text.
    fn fresh(&self) -> Secret;

    /// A secret of the same form that nobody but this installation can make of a seed and a number; the same for the same, until
    /// the server has another current key.
    fn derived(&self, seed: &Seed, number: u32) -> Secret;

    /// The digest of a secret under the server's current key.
    fn digest(&self, secret: &Secret) -> KeyDigest;

    /// Whether a secret has this digest; takes the same time whatever differs.
    fn matches(&self, secret: &Secret, digest: &KeyDigest) -> bool;
}

/// Passwords of people. Both take tens of milliseconds and megabytes, off the threads that serve requests, and only so many
/// at a time.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait Passwords: Send + Sync {
    /// The hash of a new password.
    async fn hash(&self, password: &Secret) -> PasswordHash;

    /// Whether the password has this hash. Without a hash (an unknown user) it takes as long and answers no.
    async fn verify(&self, password: &Secret, hash: Option<PasswordHash>) -> bool;
}

/// Which role has which right; evaluated from the policy once.
pub trait Policy: Send + Sync {
    /// Whether the role has the right.
    fn grants(&self, role: Role, right: Right) -> bool;
}

/// Encrypts what is kept (AEAD).
pub trait Vault: Send + Sync {
    /// Encrypts a text under the current key. `context` names the place (`agent:<id>`), and the same is needed to open it:
    /// what is copied elsewhere does not open there.
    fn seal(&self, context: &str, secret: &Secret) -> String;

    /// Decrypts what was sealed in this context, under whichever known key. An error says which key is missing, or that
    /// the text was changed; never what is in it.
    fn open(&self, context: &str, sealed: &str) -> Result<Secret, SealBroken>;

    /// Whether it is something sealed, under whichever key. What was stored before there was a vault is not.
    fn is_sealed(&self, stored: &str) -> bool;

    /// Whether it was sealed under the current key.
    fn is_current(&self, sealed: &str) -> bool;

    /// What is stored, whether it is sealed or was written before there was a vault.
    fn read(&self, context: &str, stored: &str) -> Result<Secret, SealBroken> {
        if self.is_sealed(stored) { self.open(context, stored) } else { Ok(Secret::new(stored)) }
    }
}

/// What a store keeps sealed.
#[async_trait]
pub trait KeptSecrets: Send + Sync {
    /// Opens everything, and seals anew under the current key what asks for it. Others may write meanwhile; what they write is
    /// sealed by them. Stops at the first that does not open: the error names whose it is, and the key that is missing.
    async fn reseal(&self, which: Reseal) -> Result<Resealed, StoreError>;
}

/// What is sealed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reseal {
    /// What is stored in clear. Other processes may not know the newest key yet.
    Clear,
    /// What is not sealed under the current key.
    NotCurrent,
}

/// How many secrets were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// In clear, and are sealed now.
    pub clear: u64,
    /// Under another key, and are under the current one now.
    pub rotated: u64,
    /// Sealed, and stay as they are.
    pub kept: u64,
}

impl Resealed {
    /// What is to be stored instead of a secret, if it is to be sealed anew; counts it.
    pub fn visit(
        &mut self,
        vault: &dyn Vault,
        context: &str,
        stored: &str,
        which: Reseal,
    ) -> Result<Option<String>, SealBroken> {
        let secret = vault.read(context, stored)?;
        let (is_clear, is_current) = (!vault.is_sealed(stored), vault.is_current(stored));
        if is_clear {
            self.clear += 1;
        } else if which == Reseal::NotCurrent && !is_current {
            self.rotated += 1;
        } else {
            self.kept += 1;
            return Ok(None);
        }
        Ok(Some(vault.seal(context, &secret)))
    }
}

/// Why something sealed does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealBroken {
    /// It was sealed under a key that is not among the server's keys.
    #[error("it was sealed under the key '{0}', which this server does not have")]
    UnknownKey(String),
    /// It was changed, or belongs elsewhere.
    #[error("it does not open: it was changed, or belongs to something else")]
    Broken,
}
