//! Published keys (RFC 7517): fetched when they are needed, remembered, fetched again when they are old or a token names one
//! that is not among them.
//!
//! A provider that is away does not lock anybody out for a day, and rubbish that names keys does not make the server ask more
//! often than every half minute.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::TimeDelta;
use domain::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, task::spawn_blocking};

use super::settings::InvalidJwtSettings;

/// How old keys get before they are fetched again.
const FRESH: TimeDelta = TimeDelta::minutes(10);

/// How old keys get before they are worth nothing, if they cannot be fetched again.
const STALE: TimeDelta = TimeDelta::days(1);

/// How long nobody tries after a try, and after a try that has left the server without any key.
const PAUSE: TimeDelta = TimeDelta::seconds(30);
const PAUSE_WITHOUT_KEYS: TimeDelta = TimeDelta::seconds(3);

/// How long a try may take, and how much may come.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_SET: usize = 1024 * 1024;

/// The keys of an issuer.
pub(super) struct KeySet {
    source: Source,
    known: RwLock<Known>,
    /// Whoever holds it fetches; the others go on with what there is, if they can.
    fetching: Mutex<()>,
}

enum Source {
    Url(Client, Url),
    File(PathBuf),
}

#[derive(Clone, Default)]
struct Known {
    keys: Arc<Vec<Key>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

struct Key {
    id: Option<String>,
    public: DecodingKey,
    algorithm: Algorithm,
}

/// A set as it is published. Keys of kinds that are not known here do not spoil the others.
#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl KeySet {
    /// Keys at a URL. Whoever could change them on the way could be anybody, so without TLS they only come from this machine.
    pub(super) fn at(issuer: &str, url: &str) -> Result<Self, InvalidJwtSettings> {
        let refused = |problem: &str| {
            let problem = format!("names the jwks_url '{url}', {problem}");
            InvalidJwtSettings::Issuer { issuer: issuer.to_owned(), problem }
        };
        let parsed = Url::parse(url).map_err(|_| refused("which is no URL"))?;
        let is_here = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if parsed.scheme() != "https" && !(parsed.scheme() == "http" && is_here) {
            return Err(refused("which is without https: whoever is on the way could put keys of their own there"));
        }
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(PATIENCE).build();
        Ok(Self::from(Source::Url(client.map_err(|_| refused("which cannot be asked"))?, parsed)))
    }

    /// Keys in a file, which somebody else keeps up to date.
    pub(super) fn in_file(path: &Path) -> Self {
        Self::from(Source::File(path.to_owned()))
    }

    fn from(source: Source) -> Self {
        Self { source, known: RwLock::default(), fetching: Mutex::default() }
    }

    /// The key of this id, or the only one there is, if none is named.
    pub(super) async fn find(&self, id: Option<&str>, now: Timestamp) -> Option<(DecodingKey, Algorithm)> {
        let known = self.known();
        let is_younger = |than: TimeDelta| known.fetched_at.is_some_and(|at| now - at < than);
        let found = known.find(id);
        match found {
            Some(key) if is_younger(FRESH) => return Some(key),
            // One of those who come now fetches them anew.
            Some(key) if is_younger(STALE) => {
                if let Ok(_fetching) = self.fetching.try_lock() {
                    self.fetch(now).await;
                    return self.known().find(id);
                }
                return Some(key);
            }
            Some(_) | None => {}
        }
        let _fetching = self.fetching.lock().await;
        self.fetch(now).await;
        let known = self.known();
        known.fetched_at.filter(|at| now - *at < STALE)?;
        known.find(id)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the keys, unless somebody has just tried.
    async fn fetch(&self, now: Timestamp) {
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let pause = if known.keys.is_empty() { PAUSE_WITHOUT_KEYS } else { PAUSE };
            if known.tried_at.is_some_and(|at| now - at < pause) {
                return;
            }
            known.tried_at = Some(now);
        }
        match self.source.read().await.and_then(|bytes| keys(&bytes)) {
            Ok(keys) => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                (known.keys, known.fetched_at) = (Arc::new(keys), Some(now));
            }
            Err(problem) => {
                tracing::warn!(source = %self.source.shown(), problem, "the keys of an issuer cannot be fetched");
            }
        }
    }
}

impl Known {
    fn find(&self, id: Option<&str>) -> Option<(DecodingKey, Algorithm)> {
        let key = match (id, self.keys.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        key.map(|key| (key.public.clone(), key.algorithm))
    }
}

impl Source {
    fn shown(&self) -> String {
        match self {
            Self::Url(_, url) => url.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }

    async fn read(&self) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::Url(client, url) => {
                let mut answer = client.get(url.clone()).send().await.map_err(|_| "it does not answer")?;
                if answer.status() != reqwest::StatusCode::OK {
                    return Err("it answers with another status than 200");
                }
                let mut body = Vec::new();
                while let Some(part) = answer.chunk().await.map_err(|_| "its answer breaks off")? {
                    body.extend_from_slice(&part);
                    if body.len() > MAX_SET {
                        return Err("its answer is too long");
                    }
                }
                Ok(body)
            }
            Self::File(path) => {
                let path = path.clone();
                let read = spawn_blocking(move || std::fs::read(path)).await;
                read.map_err(|_| "reading was cut off")?.map_err(|_| "the file cannot be read")
            }
        }
    }
}

/// The keys that signatures are checked with. Secrets in a published set are nobody's secrets: they are left out, and with them
/// the confusion of a public key with a shared one.
fn keys(bytes: &[u8]) -> Result<Vec<Key>, &'static str> {
    let published: Published = serde_json::from_slice(bytes).map_err(|_| "it is no set of keys")?;
    let keys: Vec<Key> = published.keys.into_iter().filter_map(key).collect();
    if keys.is_empty() { Err("there is no key for RS256, ES256 or EdDSA in it") } else { Ok(keys) }
}

fn key(published: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(published).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(curve) if curve.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let wanted = match algorithm {
        Algorithm::RS256 => KeyAlgorithm::RS256,
        Algorithm::ES256 => KeyAlgorithm::ES256,
        _ => KeyAlgorithm::EdDSA,
    };
    let is_for_this = jwk.common.key_algorithm.is_none_or(|algorithm| algorithm == wanted);
    let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let public = DecodingKey::from_jwk(&jwk).ok().filter(|_| is_for_this && is_for_signatures)?;
    Some(Key { id: jwk.common.key_id, public, algorithm })
}
