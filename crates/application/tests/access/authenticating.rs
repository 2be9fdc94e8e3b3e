//! Who is calling.

use std::time::Duration;

use application::access::{AuthenticateError, NewApiKey, Proof, Session, UserChanges, WantedToken};
use domain::{
    access::{KeyText, Presented, Refused, Role, Scope, TokenGrant},
    agents::Secret,
    ids::ApiKeyId,
};
use uuid::Uuid;

use crate::support::{Installation, by, new_key, refusal};

#[tokio::test]
async fn a_key_is_known_by_its_text() {
    let here = Installation::new();
    let scope = Scope { workflows: Some(["w".to_owned()].into()), agents: None };
    let issued =
        here.key(NewApiKey { scope: scope.clone(), hides_payloads: true, ..new_key("ci", Role::Operator) }).await;
    let session = here.with_key(&issued.text).await.expect("it is good");
    assert_eq!(session.proof, Proof::ApiKey(issued.key.id));
    let principal = session.principal;
    assert_eq!((principal.name.as_str(), principal.role, principal.scope), ("key:ci", Role::Operator, scope));
    assert!(principal.hides_payloads);
    assert_eq!(principal.credential, Some(format!("key:{}", issued.key.id)));
}

#[tokio::test]
async fn what_is_no_key_of_ours_is_refused_for_a_reason() {
    let here = Installation::new();
    let issued = here.key(new_key("ci", Role::Operator)).await;
    let other = Secret::new("x".repeat(43));
    let forged = KeyText { id: issued.key.id, secret: other.clone() }.text();
    let unknown = KeyText { id: ApiKeyId::new(Uuid::nil()), secret: other }.text();
    for (text, refused) in [
        (forged, Refused::Forged),
        (unknown, Refused::Unknown),
        (Secret::new(""), Refused::Missing),
        (Secret::new("ork_x"), Refused::Malformed),
        (Secret::new("x".repeat(20_000)), Refused::Oversized),
    ] {
        assert_eq!(here.with_key(&text).await.expect_err("it is worth nothing"), refused);
    }
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let here = Installation::new();
    let end = here.clock_now() + Duration::from_secs(10);
    let issued = here.key(NewApiKey { expires_at: Some(end), ..new_key("short", Role::Viewer) }).await;
    here.wait(9_999);
    here.with_key(&issued.text).await.expect("it has a moment left");
    here.wait(1);
    assert_eq!(here.with_key(&issued.text).await.expect_err("it has ended"), Refused::Expired);
}

#[tokio::test]
async fn a_key_works_only_from_its_networks_and_so_do_its_tokens() {
    let here = Installation::new();
    let networks = vec!["10.1.0.0/16".parse().expect("a network"), "2001:db8::/32".parse().expect("a network")];
    let issued = here.key(NewApiKey { networks, ..new_key("inside", Role::Viewer) }).await;
    let from = async |presented: &Presented, address: Option<&str>| {
        let address = address.map(|text| text.parse().expect("an address"));
        refusal(here.uses.authenticate.execute(presented, address).await)
    };
    let key = Presented::ApiKey(issued.text.clone());
    let session = from(&key, Some("10.1.2.3")).await.expect("it is inside");
    let minted = here.uses.exchange_key.execute(&session, WantedToken::default(), &by()).await.expect("a token");
    for presented in [key, Presented::Token(minted.token)] {
        for inside in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"] {
            from(&presented, Some(inside)).await.expect("it is inside");
        }
        for outside in [Some("10.2.0.1"), Some("::1"), None] {
            assert_eq!(from(&presented, outside).await.expect_err("it is outside"), Refused::Network);
        }
    }
}

#[tokio::test]
async fn a_revoked_key_stops_working_here_at_once_and_elsewhere_within_a_second() {
    let (here, root) = (Installation::new(), new_key("root", Role::Admin));
    here.key(root).await;
    let there = here.replica();
    let issued = here.key(new_key("ci", Role::Operator)).await;
    let session = there.with_key(&issued.text).await.expect("it is good");
    let minted = here.uses.exchange_key.execute(&session, WantedToken::default(), &by()).await.expect("a token");
    here.with_token(&minted.token).await.expect("it is good");

    here.uses.revoke_api_key.execute(issued.key.id, &by()).await.expect("it is revoked");
    assert_eq!(here.with_key(&issued.text).await.expect_err("it is revoked"), Refused::Revoked);
    assert_eq!(here.with_token(&minted.token).await.expect_err("so is the key"), Refused::Revoked);
    there.with_key(&issued.text).await.expect("nothing was read anew yet");
    here.wait(800);
    assert_eq!(there.with_key(&issued.text).await.expect_err("it is revoked"), Refused::Revoked);
}

#[tokio::test]
async fn after_a_rotation_the_secret_before_works_as_long_as_was_said() {
    let here = Installation::new();
    let issued = here.key(new_key("ci", Role::Operator)).await;
    let rotate = async |seconds| {
        let grace = Duration::from_secs(seconds);
        let rotated = here.uses.rotate_api_key.execute(issued.key.id, grace, &Session::system(), &by()).await;
        rotated.expect("it is good").text
    };
    let second = rotate(60).await;
    for text in [&issued.text, &second] {
        here.with_key(text).await.expect("both are good for a minute");
    }
    here.wait(60_000);
    assert_eq!(here.with_key(&issued.text).await.expect_err("its time is over"), Refused::Forged);
    let third = rotate(0).await;
    assert_eq!(here.with_key(&second).await.expect_err("no time was given"), Refused::Forged);
    here.with_key(&third).await.expect("it is the newest");
}

#[tokio::test]
async fn a_jwt_is_told_from_a_biscuit_by_its_dots() {
    let here = Installation::new();
    let session = here.with_token(&Secret::new("good.j.wt")).await.expect("the provider knows it");
    assert_eq!((session.proof, session.principal.name.as_str()), (Proof::Jwt, "jwt:someone"));
    assert_eq!(session.expires_at, Some(here.clock_now() + Duration::from_mins(5)));
    assert_eq!(here.with_token(&Secret::new("bad.j.wt")).await.expect_err("it does not"), Refused::Forged);
    assert_eq!(here.with_token(&Secret::new("biscuit")).await.expect_err("nobody minted it"), Refused::Forged);
}

#[tokio::test]
async fn the_token_of_a_log_in_ends_with_the_role_the_state_and_the_person() {
    let here = Installation::new();
    here.key(new_key("root", Role::Admin)).await;
    for (name, changes) in [
        ("a", Some(UserChanges { role: Some(Role::Viewer), ..UserChanges::default() })),
        ("b", Some(UserChanges { active: Some(false), ..UserChanges::default() })),
        ("c", Some(UserChanges { password: Some(Secret::new("new")), ..UserChanges::default() })),
        ("d", None),
    ] {
        let person = here.person(name, Role::Operator).await;
        let minted = here.uses.log_in.execute(name, &Secret::new("right"), &by()).await.expect("the password is right");
        let session = here.with_token(&minted.token).await.expect("it is good");
        assert_eq!(session.principal.name, format!("user:{name}"));
        match changes {
            Some(changes) => {
                let done = here.uses.update_user.execute(person.id, changes, &Session::system(), &by()).await;
                done.expect("the system may");
            }
            None => here.uses.delete_user.execute(person.id, &by()).await.expect("the system may"),
        }
        assert_eq!(here.with_token(&minted.token).await.expect_err("it was for another"), Refused::Revoked, "{name}");
    }
}

#[tokio::test]
async fn the_token_of_an_agents_call_has_nobody_behind_it() {
    use domain::ports::Tokens;
    let here = Installation::new();
    let grant = TokenGrant {
        principal: "agent:echo".to_owned(),
        source: None,
        role: Role::Agent,
        scope: Scope::default(),
        hides_payloads: false,
        expires_at: here.clock_now() + Duration::from_secs(1),
        task: None,
    };
    let token = here.tokens.mint(&grant);
    let session = here.with_token(&token).await.expect("it is good");
    assert_eq!((session.proof, session.principal.role), (Proof::Token(None), Role::Agent));
    let odd = here.tokens.mint(&TokenGrant { source: Some("planet:mars".to_owned()), ..grant });
    assert_eq!(here.with_token(&odd).await.expect_err("nobody knows its source"), Refused::Unknown);
}

#[tokio::test]
async fn the_outage_of_the_store_is_no_refusal() {
    use domain::ports::{MockAccounts, StoreError};
    let mut accounts = MockAccounts::new();
    accounts.expect_api_key().returning(|_| Err(StoreError::Unavailable("gone".to_owned())));
    let here = Installation::over(adapters_memory::MemoryStore::new(), std::sync::Arc::new(accounts));
    let text = KeyText { id: ApiKeyId::new(Uuid::nil()), secret: Secret::new("x".repeat(43)) }.text();
    let answer = here.uses.authenticate.execute(&Presented::ApiKey(text), None).await;
    assert!(matches!(answer, Err(AuthenticateError::Store(StoreError::Unavailable(_)))), "{answer:?}");
}
