//! What becomes of keys.

use std::time::Duration;

use application::access::{CreateApiKeyError, NewApiKey, RevokeApiKeyError, RotateApiKeyError, Session};
use domain::{
    access::{Forbidden, Right, Role, Scope},
    ids::ApiKeyId,
};
use uuid::Uuid;

use crate::support::{Installation, by, new_key};

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
    assert!(matches!(made, Err(CreateApiKeyError::Forbidden(Forbidden::Lacks(Right::AccessManage)))), "{made:?}");
    let made = here.uses.create_api_key.execute(new_key("new", Role::Operator), &caller, &by()).await;
    assert!(matches!(made, Err(CreateApiKeyError::Forbidden(Forbidden::OutOfScope(_)))), "{made:?}");
    // The secret of a stronger key would be as good.
    let rotated = here.uses.rotate_api_key.execute(strong.key.id, Duration::ZERO, &caller, &by()).await;
    assert!(matches!(rotated, Err(RotateApiKeyError::Forbidden(_))), "{rotated:?}");
    here.with_key(&strong.text).await.expect("it has its secret still");
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
