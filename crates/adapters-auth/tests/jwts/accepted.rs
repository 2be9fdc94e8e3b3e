//! What good tokens are worth.

use std::collections::BTreeSet;

use adapters_auth::JwtSettings;
use domain::{
    access::{Refused, Role, Scope},
    ports::Jwts,
};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

use crate::support::{AUDIENCE, ISSUER, Key, Trusting, claims, claims_with, jwts, later, now, signed};

#[tokio::test]
async fn each_algorithm_is_accepted_by_a_key_of_its_kind() {
    let keys = [Key::rsa("r"), Key::ec("e"), Key::ed("d")];
    let server = Trusting::keys(&[&keys[0], &keys[1], &keys[2]], &json!({}));
    for key in &keys {
        let principal = server.check(&key.token(&claims())).await.expect("it is good");
        assert_eq!((principal.name.as_str(), principal.role), ("jwt:alice", Role::Operator), "{:?}", key.algorithm);
        assert_eq!((principal.credential.as_deref(), principal.hides_payloads), (Some("t-1"), false));
        assert_eq!(principal.scope, Scope::default());
    }
}

#[tokio::test]
async fn a_shared_secret_is_accepted_where_it_is_configured() {
    let secret = "a secret of more than thirty-two bytes";
    let server = Trusting::secret(&format!("{secret}\n"));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let token = signed(&json!({"alg": "HS256"}), &claims(), &key, Algorithm::HS256);
    assert_eq!(server.check(&token).await.expect("it is good").name, "jwt:alice");
    let other = EncodingKey::from_secret(b"another secret of more than thirty-two bytes");
    let forged = signed(&json!({"alg": "HS256"}), &claims(), &other, Algorithm::HS256);
    assert_eq!(server.check(&forged).await, Err(Refused::Forged));
}

#[tokio::test]
async fn roles_come_from_where_the_settings_say_and_the_most_trusted_counts() {
    let key = Key::ed("d");
    let settings = json!({
        "role_claim": "realm_access.roles", "roles": {"flow-admins": "admin", "everybody": "viewer"},
    });
    let server = Trusting::keys(&[&key], &settings);
    let of = async |roles: serde_json::Value| {
        let token = key.token(&claims_with(&json!({"realm_access": {"roles": roles}})));
        server.check(&token).await.map(|principal| principal.role)
    };
    assert_eq!(of(json!(["everybody"])).await, Ok(Role::Viewer));
    assert_eq!(of(json!(["everybody", "flow-admins", "x"])).await, Ok(Role::Admin));
    assert_eq!(of(json!("everybody other")).await, Ok(Role::Viewer));
    for none in [json!(["admin"]), json!([]), json!(7), json!(null)] {
        assert_eq!(of(none).await, Err(Refused::Roleless));
    }
    let with_default = Trusting::keys(&[&key], &json!({"role_claim": "https://x.org/roles", "default_role": "viewer"}));
    let principal = with_default.check(&key.token(&claims())).await.expect("it is good");
    assert_eq!(principal.role, Role::Viewer);
    let dotted = key.token(&claims_with(&json!({"https://x.org/roles": ["designer"]})));
    assert_eq!(with_default.check(&dotted).await.map(|principal| principal.role), Ok(Role::Designer));
}

#[tokio::test]
async fn nobody_becomes_an_agent_by_a_claim() {
    let key = Key::ed("d");
    let server = Trusting::keys(&[&key], &json!({}));
    assert_eq!(server.check(&key.token(&claims_with(&json!({"roles": ["agent"]})))).await, Err(Refused::Roleless));
    let settings = json!({"issuers": [{
        "issuer": ISSUER, "audiences": [AUDIENCE], "jwks_url": "https://x.org/keys", "roles": {"bots": "agent"},
    }]});
    let settings = JwtSettings::parse(&settings.to_string()).expect("it has the right shape");
    let refused = adapters_auth::ProviderJwts::new(settings).map(drop).expect_err("the role is not for people");
    assert!(refused.to_string().contains("'agent'"), "{refused}");
}

#[tokio::test]
async fn payloads_are_hidden_and_scopes_narrowed_where_the_settings_say() {
    let key = Key::ed("d");
    let settings = json!({"hides_payloads_claim": "blind", "workflows_claim": "flows", "agents_claim": "agents"});
    let server = Trusting::keys(&[&key], &settings);
    let full =
        server.check(&key.token(&claims_with(&json!({"blind": true, "flows": ["a", "b"], "agents": "x"})))).await;
    let full = full.expect("it is good");
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
    assert!(full.hides_payloads);
    assert_eq!(full.scope, Scope { workflows: names(&["a", "b"]), agents: names(&["x"]) });
    let without = server.check(&key.token(&claims_with(&json!({"blind": false})))).await.expect("it is good");
    assert!(!without.hides_payloads);
    for (said, hides) in [
        (json!("true"), true),
        (json!(1), true),
        (json!("yes"), true),
        (json!([]), true),
        (json!(null), false),
        (json!("false"), false),
        (json!("False"), false),
        (json!(0), false),
        (json!("0"), false),
        (json!(""), false),
    ] {
        let holder = server.check(&key.token(&claims_with(&json!({"blind": said})))).await.expect("it is good");
        assert_eq!(holder.hides_payloads, hides, "{said}");
    }
    assert_eq!(without.scope, Scope { workflows: names(&[]), agents: names(&[]) }, "no list allows nothing");
}

#[tokio::test]
async fn times_are_taken_with_a_grain_of_salt() {
    let key = Key::ed("d");
    let server = Trusting::keys(&[&key], &json!({"leeway_seconds": 30}));
    let token = key.token(&claims());
    for (at, good) in [(-31, false), (-30, true), (3629, true), (3630, false)] {
        assert_eq!(server.jwts.verify(&token, later(at)).await.is_ok(), good, "{at}");
    }
    let holder = server.jwts.verify(&token, now()).await.expect("it is good");
    assert_eq!(holder.expires_at, later(3600), "what the token says itself");
}

#[tokio::test]
async fn two_issuers_do_not_make_the_same_principal() {
    let (one, two) = (Key::ed("1"), Key::ed("1"));
    let folder = tempfile::tempdir().expect("a folder");
    let issuer = |name: &str, key: &Key| {
        let path = folder.path().join(name);
        std::fs::write(&path, json!({"keys": [key.public()]}).to_string()).expect("it can be written");
        json!({"issuer": format!("https://{name}.org"), "audiences": [AUDIENCE], "jwks_file": path, "name": name})
    };
    let server = jwts(&json!({"issuers": [issuer("one", &one), issuer("two", &two)]}));
    for (name, key, other) in [("one", &one, &two), ("two", &two, &one)] {
        let claims = claims_with(&json!({"iss": format!("https://{name}.org")}));
        let principal = server.verify(&key.token(&claims), now()).await.expect("it is good");
        assert_eq!(principal.principal.name, format!("jwt:{name}/alice"));
        assert_eq!(server.verify(&other.token(&claims), now()).await, Err(Refused::Forged));
    }
}
