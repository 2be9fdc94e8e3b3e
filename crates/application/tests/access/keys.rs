//! What becomes of keys.

use std::time::Duration;

use application::access::{
    CreateApiKeyError, CreateUserError, NewApiKey, NewUser, RevokeApiKeyError, RotateApiKeyError, Session,
    UpdateUserError, UserChanges, WantedToken,
};
use domain::{
    access::{Forbidden, Presented, Right, Role, Scope},
    agents::Secret,
    ids::ApiKeyId,
};
use uuid::Uuid;

use crate::support::{Installation, account, by, new_key};

#[tokio::test]
async fn a_name_is_taken_until_its_key_is_revoked() {
    let here = Installation::new();
    here.key(new_key("root", Role::Admin)).await;
    let first = here.key(new_key("ci", Role::Viewer)).await;
    let again = here.uses.create_api_key.execute(new_key("ci", Role::Viewer), &Session::system(), &by()).await;
    assert!(matches!(again, Err(CreateApiKeyError::NameTaken(_))), "{again:?}");
    here.uses.revoke_api_key.execute(first.key.id, &by()).await.expect("it is not the last");
    here.key(new_key("ci", Role::Viewer)).await;
}

#[tokio::test]
async fn nobody_gets_more_by_a_key_than_the_caller_has() {
    let here = Installation::new();
    let strong = here.key(new_key("root", Role::Admin)).await;
    let scope = Scope { workflows: Some(["w".to_owned()].into()), agents: None };
    let weak = here.key(NewApiKey { scope, ..new_key("weak", Role::Operator) }).await;
    let caller = here.with_key(&weak.text).await.expect("it is good");
    let made = here.uses.create_api_key.execute(new_key("new", Role::Admin), &caller, &by()).await;
    assert!(
        matches!(made, Err(CreateApiKeyError::Forbidden(Forbidden::Exceeds { right: Right::AccessManage, .. }))),
        "{made:?}"
    );
    let made = here.uses.create_api_key.execute(new_key("new", Role::Operator), &caller, &by()).await;
    assert!(matches!(made, Err(CreateApiKeyError::Forbidden(Forbidden::OutOfScope(_)))), "{made:?}");
    // The secret of a stronger key would be as good.
    let rotated = here.uses.rotate_api_key.execute(strong.key.id, Duration::ZERO, &caller, &by()).await;
    assert!(matches!(rotated, Err(RotateApiKeyError::Forbidden(_))), "{rotated:?}");
    here.with_key(&strong.text).await.expect("it has its secret still");
}

/// An administrator whose key ends, or is good from some networks only.
async fn bounded(here: &Installation) -> Vec<(NewApiKey, Session)> {
    let ends =
        NewApiKey { expires_at: Some(here.clock_now() + Duration::from_hours(1)), ..new_key("ends", Role::Admin) };
    let networks = vec!["10.0.0.0/8".parse().expect("a network")];
    let inside = NewApiKey { networks, ..new_key("inside", Role::Admin) };
    let mut bounded = Vec::new();
    for new in [ends, inside] {
        let key = Presented::ApiKey(here.key(new.clone()).await.text);
        let from = Some("10.1.2.3".parse().expect("an address"));
        let session = here.uses.authenticate.execute(&key, from).await.expect("it is good");
        let minted = here.uses.exchange_key.execute(&session, WantedToken::default(), &by()).await.expect("a token");
        let token = Presented::Token(minted.token);
        let by_token = here.uses.authenticate.execute(&token, from).await.expect("it is good");
        bounded.extend([(new.clone(), session), (new, by_token)]);
    }
    bounded
}

#[tokio::test]
async fn who_is_bound_to_a_time_or_to_networks_gives_no_key_that_is_not() {
    let here = Installation::new();
    let root = here.key(new_key("root", Role::Admin)).await.key;
    let viewer = here.key(new_key("viewer", Role::Viewer)).await.key;
    for (n, (own, caller)) in bounded(&here).await.into_iter().enumerate() {
        let made = here.uses.create_api_key.execute(new_key("free", Role::Viewer), &caller, &by()).await;
        assert!(matches!(made, Err(CreateApiKeyError::Forbidden(Forbidden::OutOfScope(_)))), "{made:?}");
        for id in [root.id, viewer.id] {
            let rotated = here.uses.rotate_api_key.execute(id, Duration::ZERO, &caller, &by()).await;
            assert!(matches!(rotated, Err(RotateApiKeyError::Forbidden(Forbidden::OutOfScope(_)))), "{rotated:?}");
        }
        let same = NewApiKey { name: account(&format!("same {n}")), ..own };
        let made = here.uses.create_api_key.execute(same, &caller, &by()).await.expect("it has as much");
        here.uses.rotate_api_key.execute(made.key.id, Duration::ZERO, &caller, &by()).await.expect("it has as much");
    }
}

#[tokio::test]
async fn who_is_bound_to_a_time_or_to_networks_makes_nobody_an_administrator() {
    let here = Installation::new();
    let alice = here.person("alice", Role::Admin).await;
    let vera = here.person("vera", Role::Viewer).await;
    for (n, (_, caller)) in bounded(&here).await.into_iter().enumerate() {
        let new = |role| NewUser {
            name: account(&format!("new {n}")),
            password: Secret::new("x"),
            role,
            hides_payloads: false,
        };
        let made = here.uses.create_user.execute(new(Role::Admin), &caller, &by()).await;
        assert!(matches!(made, Err(CreateUserError::Forbidden(Forbidden::OutOfScope(_)))), "{made:?}");
        let password = UserChanges { password: Some(Secret::new("mine")), ..UserChanges::default() };
        let role = UserChanges { role: Some(Role::Admin), ..UserChanges::default() };
        for (user, changes) in [(&alice, password), (&vera, role)] {
            let changed = here.uses.update_user.execute(user.id, changes, &caller, &by()).await;
            assert!(matches!(changed, Err(UpdateUserError::Forbidden(Forbidden::OutOfScope(_)))), "{changed:?}");
        }
        here.uses.create_user.execute(new(Role::Viewer), &caller, &by()).await.expect("a viewer undoes nothing");
    }
}

#[tokio::test]
async fn the_last_administrator_cannot_be_revoked() {
    let here = Installation::new();
    let root = here.key(new_key("root", Role::Admin)).await;
    let refused = here.uses.revoke_api_key.execute(root.key.id, &by()).await;
    assert!(matches!(refused, Err(RevokeApiKeyError::LastAdmin)), "{refused:?}");
    here.with_key(&root.text).await.expect("it is good still");
    here.person("alice", Role::Admin).await;
    here.uses.revoke_api_key.execute(root.key.id, &by()).await.expect("somebody is left");
    here.uses.revoke_api_key.execute(root.key.id, &by()).await.expect("again changes nothing");
}

#[tokio::test]
async fn what_has_ended_is_not_rotated_and_what_would_have_ended_not_made() {
    let here = Installation::new();
    here.key(new_key("root", Role::Admin)).await;
    let key = here.key(new_key("ci", Role::Viewer)).await.key;
    here.uses.revoke_api_key.execute(key.id, &by()).await.expect("it is not the last");
    let rotate = async |id| here.uses.rotate_api_key.execute(id, Duration::ZERO, &Session::system(), &by()).await;
    assert!(matches!(rotate(key.id).await, Err(RotateApiKeyError::Ended(_))));
    assert!(matches!(rotate(ApiKeyId::new(Uuid::nil())).await, Err(RotateApiKeyError::NotFound(_))));
    let old = NewApiKey { expires_at: Some(here.clock_now()), ..new_key("old", Role::Viewer) };
    let made = here.uses.create_api_key.execute(old, &Session::system(), &by()).await;
    assert!(matches!(made, Err(CreateApiKeyError::Ended)), "{made:?}");
}
