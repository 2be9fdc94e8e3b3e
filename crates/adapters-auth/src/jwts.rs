//! JSON Web Tokens of identity providers: RS256, ES256 and `EdDSA` by a provider's published keys, HS256 by a
//! shared secret.
//!
//! A token is read by hand as far as its header and issuer, so that nothing in it chooses how it is checked: the issuer's
//! settings name the keys, and each key has one algorithm. Claims are looked at after the signature, by the store's time.

mod claims;
mod key_sets;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    Timestamp,
    access::{JwtHolder, Refused},
    agents::Secret,
    ports::Jwts,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::key_sets::KeySet;
pub use self::settings::{InvalidJwtSettings, IssuerSettings, JwtSettings, KeySource};
use crate::MAX_TOKEN;

/// Tokens of these issuers.
pub struct ProviderJwts(Vec<Issuer>);

struct Issuer {
    settings: IssuerSettings,
    keys: Keys,
}

enum Keys {
    Secret(DecodingKey),
    Published(KeySet),
}

/// The header, as far as anybody looks at it (RFC 7515, section 4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl ProviderJwts {
    /// Tokens of these issuers. Published keys are fetched when the first token comes.
    pub fn new(settings: JwtSettings) -> Result<Arc<Self>, InvalidJwtSettings> {
        let issuer = |settings: IssuerSettings| {
            let keys = match &settings.keys {
                KeySource::Secret(secret) => Keys::Secret(DecodingKey::from_secret(secret.reveal().as_bytes())),
                KeySource::Url(url) => Keys::Published(KeySet::at(&settings.issuer, url)?),
                KeySource::File(path) => Keys::Published(KeySet::in_file(path)),
            };
            Ok(Issuer { settings, keys })
        };
        Ok(Arc::new(Self(settings.into_issuers()?.into_iter().map(issuer).collect::<Result<_, _>>()?)))
    }
}

#[async_trait]
impl Jwts for ProviderJwts {
    async fn verify(&self, token: &Secret, now: Timestamp) -> Result<JwtHolder, Refused> {
        let text = token.reveal();
        if text.len() > MAX_TOKEN {
            return Err(Refused::Oversized);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refused::Malformed)?;
        let header: Header = decoded(header)?;
        let claims: Map<String, Value> = decoded(payload)?;
        // Extensions that must be understood are not (RFC 7515, section 4.1.11); tokens of other kinds are no access tokens.
        if header.crit.is_some() || header.typ.as_deref().is_some_and(|typ| !is_access_token(typ)) {
            return Err(Refused::Malformed);
        }
        let issuer = claims.get("iss").and_then(Value::as_str);
        let issuer = self.0.iter().find(|known| Some(known.settings.issuer.as_str()) == issuer);
        let issuer = issuer.ok_or(Refused::Unknown)?;
        let (key, algorithm) = issuer.key(&header, now).await?;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm) {
            Ok(true) => issuer.settings.holder(&claims, now),
            Ok(false) => Err(Refused::Forged),
            Err(_) => Err(Refused::Malformed),
        }
    }
}

impl Issuer {
    /// The key that the header names, if it makes signatures of the kind that the header says. The key decides.
    async fn key(&self, header: &Header, now: Timestamp) -> Result<(DecodingKey, Algorithm), Refused> {
        let (key, algorithm) = match &self.keys {
            Keys::Secret(secret) => (secret.clone(), Algorithm::HS256),
            Keys::Published(set) => set.find(header.kid.as_deref(), now).await.ok_or(Refused::Unknown)?,
        };
        if header.alg == name(algorithm) { Ok((key, algorithm)) } else { Err(Refused::Forged) }
    }
}

/// The name of an algorithm, as headers spell it.
fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 => "HS256",
        Algorithm::RS256 => "RS256",
        Algorithm::ES256 => "ES256",
        Algorithm::EdDSA => "EdDSA",
        _ => "not used here",
    }
}

fn is_access_token(typ: &str) -> bool {
    ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str())
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Refused::Malformed)
}
