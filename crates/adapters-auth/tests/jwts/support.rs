//! An identity provider: keys, tokens, and a place where its keys are published.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use adapters_auth::{JwtSettings, ProviderJwts};
use aws_lc_rs::{
    encoding::AsDer,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta};
use domain::{
    Timestamp,
    access::{Principal, Refused},
    agents::Secret,
    ports::Jwts,
};
use jsonwebtoken::{Algorithm, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.org";
pub(crate) const AUDIENCE: &str = "orrery";

pub(crate) fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).expect("it is a time")
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    now() + TimeDelta::seconds(seconds)
}

/// A key of a provider.
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) private: EncodingKey,
    public: Value,
}

impl Key {
    pub(crate) fn rsa(id: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        // The library wants PKCS #1, which is what PKCS #8 wraps behind 26 bytes for a key of this size.
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'static>>::as_der(&pair).expect("it can be written");
        Self::published(id, Algorithm::RS256, EncodingKey::from_rsa_der(&der.as_ref()[26..]))
    }

    pub(crate) fn ec(id: &str) -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        Self::published(id, Algorithm::ES256, EncodingKey::from_ec_der(der.as_ref()))
    }

    pub(crate) fn ed(id: &str) -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let der = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("it is a key");
        // The library writes no keys of this kind (RFC 8037).
        let public = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())});
        Self { id: id.into(), algorithm: Algorithm::EdDSA, private: EncodingKey::from_ed_der(der.as_ref()), public }
    }

    fn published(id: &str, algorithm: Algorithm, private: EncodingKey) -> Self {
        let public = Jwk::from_encoding_key(&private, algorithm).expect("a public key");
        Self { id: id.into(), algorithm, private, public: serde_json::to_value(public).expect("it is JSON") }
    }

    /// What is published of it.
    pub(crate) fn public(&self) -> Value {
        let mut jwk = self.public.clone();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with these claims.
    pub(crate) fn token(&self, claims: &Value) -> Secret {
        self.token_with(&json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.id}), claims)
    }

    /// A token with this header too.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> Secret {
        signed(header, claims, &self.private, self.algorithm)
    }
}

pub(crate) fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> Secret {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("it can be signed");
    Secret::new(format!("{message}.{signature}"))
}

pub(crate) fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// Claims that are good for an hour.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now().timestamp() + 3600, "nbf": now().timestamp(),
        "jti": "t-1", "roles": ["operator"],
    })
}

/// The same with others in the place of some; null takes one away.
pub(crate) fn claims_with(other: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in other.as_object().expect("it is an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("it is an object").remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// A server that trusts the keys in a file.
pub(crate) struct Trusting {
    pub(crate) jwts: Arc<ProviderJwts>,
    _folder: tempfile::TempDir,
}

impl Trusting {
    pub(crate) fn keys(keys: &[&Key], settings: &Value) -> Self {
        let set = json!({"keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>()});
        Self::file("jwks_file", &set.to_string(), settings)
    }

    pub(crate) fn secret(secret: &str) -> Self {
        Self::file("hs256_secret_file", secret, &json!({}))
    }

    fn file(name: &str, content: &str, settings: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys");
        std::fs::write(&path, content).expect("it can be written");
        let mut issuer = json!({"issuer": ISSUER, "audiences": [AUDIENCE]});
        issuer[name] = json!(path);
        for (name, value) in settings.as_object().expect("it is an object") {
            issuer[name] = value.clone();
        }
        Self { jwts: jwts(&json!({"issuers": [issuer]})), _folder: folder }
    }

    pub(crate) async fn check(&self, token: &Secret) -> Result<Principal, Refused> {
        Ok(self.jwts.verify(token, now()).await?.principal)
    }
}

pub(crate) fn jwts(settings: &Value) -> Arc<ProviderJwts> {
    let settings = JwtSettings::parse(&settings.to_string()).expect("they are settings");
    ProviderJwts::new(settings).expect("they can be used")
}

/// A place where keys are published, and which can go away.
pub(crate) struct Publisher {
    pub(crate) url: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Publisher {
    pub(crate) fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/jwks", listener.local_addr().expect("an address"));
        let publisher = Self { url, answer: Arc::default(), asked: Arc::default() };
        publisher.publish(keys);
        let (answer, asked) = (publisher.answer.clone(), publisher.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                asked.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]);
                let answer = answer.lock().expect("nobody panics").clone();
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        publisher
    }

    pub(crate) fn publish(&self, keys: &[&Key]) {
        let set = json!({"keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>()}).to_string();
        self.answer_with(&format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{set}",
            set.len()
        ));
    }

    pub(crate) fn answer_with(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().expect("nobody panics"));
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn trusting(&self) -> Arc<ProviderJwts> {
        jwts(&json!({"issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "jwks_url": self.url}]}))
    }
}
