//! Biscuits: minted with a root key that is derived from the server's current key, checked with those of all its keys.
//!
//! `biscuits/grant.rs` spells a grant as facts and reads it back, `biscuits/cost.rs` refuses what would take long to evaluate,
//! `biscuits/held.rs` asks a token about an operation. Revocation is the caller's: only the store knows it.

mod cost;
mod grant;
mod held;

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest;
use biscuit_auth::{Algorithm, Biscuit, KeyPair, PrivateKey, PublicKey, UnverifiedBiscuit, error::Format};
use domain::{
    Timestamp,
    access::{Refused, TokenGrant},
    agents::Secret,
    ports::{HeldToken, Tokens},
};
use moka::sync::Cache;

pub(crate) use self::grant::{ends, seconds};
use self::held::Held;
pub(crate) use self::held::hex;
use crate::{Keyring, ServerKey};

/// The longest token, in bytes of its text.
pub const MAX_TOKEN: usize = 16 * 1024;

/// The most blocks of a token.
pub const MAX_BLOCKS: usize = 16;

/// How many checked tokens are remembered, and for how long. Neither is part of what a token is worth: its end and its blocks
/// are looked at each time.
const REMEMBERED: u64 = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Biscuits under the keys of a keyring.
pub struct Biscuits {
    current: (u32, KeyPair),
    roots: Vec<(u32, PublicKey)>,
    checked: Cache<[u8; 32], Arc<Held>>,
}

impl Biscuits {
    /// Biscuits under these keys; the current one mints.
    pub fn new(keyring: &Keyring) -> Arc<Self> {
        let checked = Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build();
        let roots = keyring.keys().iter().map(|key| (root_id(key), root(key).public())).collect();
        Arc::new(Self { current: (root_id(keyring.current()), root(keyring.current())), roots, checked })
    }

    /// The public keys of the roots, by the ids of the server's keys, as other programs write them: `ed25519/` and hex.
    pub fn public_keys(keyring: &Keyring) -> Vec<(String, String)> {
        let public = |key: &ServerKey| (key.id().to_owned(), format!("ed25519/{}", root(key).public().to_bytes_hex()));
        keyring.keys().iter().map(public).collect()
    }

    /// Checks everything that does not change with time.
    fn check(&self, text: &str) -> Result<Held, Refused> {
        // Reading is linear in the length; checking signatures is what costs, one for each block.
        let unverified = UnverifiedBiscuit::from_base64(text).map_err(|_| Refused::Malformed)?;
        if unverified.block_count() > MAX_BLOCKS {
            return Err(Refused::Oversized);
        }
        let root = self.root(unverified.root_key_id()).ok_or(Refused::Unknown)?;
        let biscuit = unverified.verify(|_: Option<u32>| Ok(root)).map_err(|error| refusal(&error))?;
        Held::new(biscuit)
    }

    fn root(&self, id: Option<u32>) -> Option<PublicKey> {
        self.roots.iter().find(|(known, _)| Some(*known) == id).map(|(_, key)| *key)
    }
}

impl Tokens for Biscuits {
    fn mint(&self, grant: &TokenGrant) -> Secret {
        let (id, root) = &self.current;
        // With a pair of its own for what is appended, although making it costs as much as the signature: whoever had that of
        // another token could take off it what its holder has appended.
        let minted: Result<String, _> =
            grant::block(grant).root_key_id(*id).build(root).and_then(|biscuit: Biscuit| biscuit.to_base64());
        Secret::new(minted.expect("a grant is spelled in facts that can be signed"))
    }

    fn verify(&self, token: &Secret, now: Timestamp) -> Result<Arc<dyn HeldToken>, Refused> {
        let text = token.reveal();
        if text.len() > MAX_TOKEN {
            return Err(Refused::Oversized);
        }
        let digest = digest::digest(&digest::SHA256, text.as_bytes()).as_ref().try_into();
        let digest: [u8; 32] = digest.expect("SHA-256 makes 32 bytes");
        let held = if let Some(held) = self.checked.get(&digest) {
            held
        } else {
            // What is refused is not remembered: whoever sends rubbish would push out what is good.
            let held = Arc::new(self.check(text)?);
            self.checked.insert(digest, held.clone());
            held
        };
        if held.has_ended(now) { Err(Refused::Expired) } else { Ok(held) }
    }
}

/// The root that a key stands for.
fn root(key: &ServerKey) -> KeyPair {
    let seed = PrivateKey::from_bytes(&key.derive("tokens"), Algorithm::Ed25519);
    KeyPair::from(&seed.expect("any 32 bytes are a key of Ed25519"))
}

/// What a token calls the root by: derived from the key's id, so that it stays when the order of keys changes.
fn root_id(key: &ServerKey) -> u32 {
    let digest = digest::digest(&digest::SHA256, key.id().as_bytes());
    u32::from_be_bytes(digest.as_ref()[..4].try_into().expect("SHA-256 makes more than 4 bytes"))
}

fn refusal(error: &Format) -> Refused {
    match error {
        Format::Signature(_) | Format::SealedSignature => Refused::Forged,
        _ => Refused::Malformed,
    }
}
