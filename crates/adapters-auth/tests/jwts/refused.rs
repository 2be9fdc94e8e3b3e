//! What is tried with tokens that are not good.

use adapters_auth::{JwtSettings, MAX_TOKEN, ProviderJwts};
use domain::{access::Refused, agents::Secret};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, ISSUER, Key, Trusting, claims, claims_with, encoded, now, signed};

#[tokio::test]
async fn a_token_without_a_signature_is_refused_whatever_it_calls_that() {
    let key = Key::rsa("r");
    let server = Trusting::keys(&[&key], &json!({}));
    for none in ["none", "None", "NONE", "nOnE", "", "HS256", "RS512", "PS256"] {
        for signature in ["", "AAAA"] {
            let header = encoded(&json!({"alg": none, "typ": "JWT", "kid": "r"}));
            let token = Secret::new(format!("{header}.{}.{signature}", encoded(&claims())));
            assert_eq!(server.check(&token).await, Err(Refused::Forged), "{none}");
        }
    }
    let unsigned = Secret::new(format!("{}.{}", encoded(&json!({"alg": "none"})), encoded(&claims())));
    assert!(server.check(&unsigned).await.is_err());
    let header = encoded(&json!({"alg": "RS256", "kid": "r"}));
    assert_eq!(
        server.check(&Secret::new(format!("{header}.{}.", encoded(&claims())))).await,
        Err(Refused::Forged),
        "an empty signature of the right name"
    );
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let key = Key::rsa("r");
    let server = Trusting::keys(&[&key], &json!({}));
    let public = key.public();
    let as_secrets = [
        public.to_string(),
        public["n"].as_str().expect("it has a modulus").to_owned(),
        json!({"keys": [public]}).to_string(),
    ];
    for secret in as_secrets {
        let secret = EncodingKey::from_secret(secret.as_bytes());
        for header in [json!({"alg": "HS256", "kid": "r"}), json!({"alg": "RS256", "kid": "r"})] {
            let token = signed(&header, &claims(), &secret, Algorithm::HS256);
            assert_eq!(server.check(&token).await, Err(Refused::Forged));
        }
    }
}

#[tokio::test]
async fn a_secret_in_a_published_set_is_not_used() {
    let key = Key::ed("d");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys");
    let secret = json!({"kty": "oct", "kid": "s", "alg": "HS256", "k": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"});
    let mut for_encryption = Key::rsa("enc").public();
    for_encryption["use"] = json!("enc");
    let set = json!({"keys": [key.public(), secret, for_encryption, {"kty": "AKP", "kid": "new"}]});
    std::fs::write(&path, set.to_string()).expect("it can be written");
    let settings = json!({"issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "jwks_file": path}]});
    let server = crate::support::jwts(&settings);
    let check = async |token: &Secret| domain::ports::Jwts::verify(&*server, token, now()).await;
    assert!(check(&key.token(&claims())).await.is_ok(), "the keys that are of use are used");
    let secret = EncodingKey::from_secret(&[b'a'; 32]);
    let token = signed(&json!({"alg": "HS256", "kid": "s"}), &claims(), &secret, Algorithm::HS256);
    assert_eq!(check(&token).await, Err(Refused::Unknown));
}

#[tokio::test]
async fn a_key_of_one_kind_does_not_sign_for_another() {
    let (ec, ed) = (Key::ec("e"), Key::ed("d"));
    let server = Trusting::keys(&[&ec, &ed], &json!({}));
    let token = ed.token_with(&json!({"alg": "EdDSA", "kid": "e"}), &claims());
    assert_eq!(server.check(&token).await, Err(Refused::Forged));
    let token = ed.token_with(&json!({"alg": "ES256", "kid": "e"}), &claims());
    assert_eq!(server.check(&token).await, Err(Refused::Forged));
}

#[tokio::test]
async fn claims_that_are_not_for_us_or_not_for_now_are_refused() {
    let key = Key::ed("d");
    let server = Trusting::keys(&[&key], &json!({}));
    let time = now().timestamp();
    let cases: [(Value, Refused); 20] = [
        (json!({"aud": "billing"}), Refused::Audience),
        (json!({"aud": ["billing", "orrery2"]}), Refused::Audience),
        (json!({"aud": []}), Refused::Audience),
        (json!({"aud": null}), Refused::Audience),
        (json!({"aud": {"orrery": true}}), Refused::Audience),
        (json!({"iss": "https://id.example.org/"}), Refused::Unknown),
        (json!({"iss": "https://evil.example.org"}), Refused::Unknown),
        (json!({"iss": null}), Refused::Unknown),
        (json!({"iss": [ISSUER]}), Refused::Unknown),
        (json!({"exp": time - 61}), Refused::Expired),
        (json!({"exp": 0}), Refused::Expired),
        (json!({"exp": i64::MIN}), Refused::Expired),
        (json!({"exp": null}), Refused::Malformed),
        (json!({"exp": "tomorrow"}), Refused::Malformed),
        (json!({"nbf": time + 61}), Refused::Expired),
        (json!({"nbf": i64::MAX}), Refused::Expired),
        (json!({"nbf": "x"}), Refused::Malformed),
        (json!({"sub": null}), Refused::Malformed),
        (json!({"sub": ""}), Refused::Malformed),
        (json!({"sub": "a\nb"}), Refused::Malformed),
    ];
    for (other, refused) in cases {
        assert_eq!(server.check(&key.token(&claims_with(&other))).await, Err(refused), "{other}");
    }
    let several = key.token(&claims_with(&json!({"aud": ["billing", AUDIENCE], "exp": 1_900_000_000.5})));
    assert!(server.check(&several).await.is_ok());
}

#[tokio::test]
async fn keys_that_are_not_known_and_headers_that_ask_for_more_are_refused() {
    let (key, stranger) = (Key::ed("d"), Key::ed("d"));
    let server = Trusting::keys(&[&key], &json!({}));
    assert_eq!(server.check(&stranger.token(&claims())).await, Err(Refused::Forged));
    let of = |header: Value| key.token_with(&header, &claims());
    assert_eq!(server.check(&of(json!({"alg": "EdDSA", "kid": "x"}))).await, Err(Refused::Unknown));
    assert!(server.check(&of(json!({"alg": "EdDSA"}))).await.is_ok(), "there is only one it can be");
    // Keys that come with the token are nobody's.
    let own = json!({"alg": "EdDSA", "kid": "d", "jwk": stranger.public(), "jku": "https://evil.example.org"});
    assert_eq!(server.check(&stranger.token_with(&own, &claims())).await, Err(Refused::Forged));
    for header in [json!({"alg": "EdDSA", "crit": ["x"]}), json!({"alg": "EdDSA", "typ": "dpop+jwt"})] {
        assert_eq!(server.check(&of(header)).await, Err(Refused::Malformed));
    }
}

#[tokio::test]
async fn what_has_no_form_is_malformed_and_what_is_long_is_not_read() {
    let key = Key::ed("d");
    let server = Trusting::keys(&[&key], &json!({}));
    let good = key.token(&claims());
    let (message, _) = good.reveal().rsplit_once('.').expect("it has three parts");
    for text in
        ["", ".", "..", "a.b.c", "a.b", "....", message, &format!("{message}.§"), &format!("x.{}", good.reveal())]
    {
        let refused = server.check(&Secret::new(text)).await.expect_err("it is no token");
        assert!(matches!(refused, Refused::Malformed | Refused::Forged), "{text}: {refused:?}");
    }
    assert_eq!(server.check(&Secret::new("a.".repeat(MAX_TOKEN))).await, Err(Refused::Oversized));
    let text = good.reveal();
    for index in (0..text.len()).step_by(7) {
        let mut changed = text.as_bytes().to_vec();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = Secret::new(String::from_utf8(changed).expect("it is ASCII"));
        assert!(server.check(&changed).await.is_err(), "{index}");
    }
}

#[test]
fn settings_that_would_trust_too_much_are_refused() {
    let cases = [
        (
            json!({"jwks_url": "http://id.example.org/keys"}),
            "the issuer 'https://id.example.org' names the jwks_url 'http://id.example.org/keys', which is without https",
        ),
        (json!({"jwks_url": "https://x.org/keys", "jwks_file": "/x"}), "exactly one"),
        (json!({}), "exactly one"),
        (json!({"jwks_url": "https://x.org/keys", "audiences": []}), "audiences"),
        (json!({"jwks_url": "https://x.org/keys", "default_role": "root"}), "'root'"),
    ];
    for (other, problem) in cases {
        let mut issuer = json!({"issuer": ISSUER, "audiences": [AUDIENCE]});
        for (name, value) in other.as_object().expect("it is an object") {
            issuer[name] = value.clone();
        }
        let settings = JwtSettings::parse(&json!({"issuers": [issuer]}).to_string()).expect("it has the right shape");
        let refused = ProviderJwts::new(settings).map(drop).expect_err("it trusts too much").to_string();
        assert!(refused.contains(problem), "{refused}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("short");
    std::fs::write(&path, "hunter2").expect("it can be written");
    let issuer = json!({"issuer": ISSUER, "audiences": [AUDIENCE], "hs256_secret_file": path});
    let settings = JwtSettings::parse(&json!({"issuers": [issuer]}).to_string()).expect("it has the right shape");
    let refused = ProviderJwts::new(settings).map(drop).expect_err("it is short").to_string();
    assert!(refused.contains("32 bytes") && !refused.contains("hunter2"), "{refused}");
    assert!(JwtSettings::parse(r#"{"issuers": [], "unknown": 1}"#).is_err());
}
