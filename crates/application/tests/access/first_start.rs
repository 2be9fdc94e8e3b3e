//! The key of the first start.

use application::access::FirstKey;
use domain::{
    access::{KeyText, Role},
    agents::Secret,
    ids::ApiKeyId,
    page::PageRequest,
    ports::Accounts,
};
use uuid::Uuid;

use crate::support::{Installation, by, new_key};

fn given(n: u128) -> Secret {
    KeyText { id: ApiKeyId::new(Uuid::from_u128(n)), secret: Secret::new("s".repeat(43)) }.text()
}

async fn keys(here: &Installation) -> usize {
    here.store.api_keys(PageRequest::new(1, 100).expect("a page")).await.expect("memory").items.len()
}

#[tokio::test]
async fn one_of_several_processes_makes_the_first_key_and_it_opens_everything() {
    let here = Installation::new();
    let there = here.replica();
    let answers = [
        here.uses.ensure_admin_key.execute(None).await.expect("it works"),
        there.uses.ensure_admin_key.execute(None).await.expect("it works"),
    ];
    let [FirstKey::Made(text), FirstKey::NotNeeded] = &answers else { panic!("{answers:?}") };
    let session = there.with_key(text).await.expect("it is good everywhere");
    assert_eq!((session.principal.role, session.principal.name.as_str()), (Role::Admin, "key:admin"));
    assert_eq!(keys(&here).await, 1);
}

#[tokio::test]
async fn the_given_key_is_stored_once() {
    let here = Installation::new();
    let there = here.replica();
    let first = here.uses.ensure_admin_key.execute(Some(&given(1))).await.expect("it works");
    let second = there.uses.ensure_admin_key.execute(Some(&given(1))).await.expect("it works");
    assert!(matches!((&first, &second), (FirstKey::Given, FirstKey::NotNeeded)), "{first:?}, {second:?}");
    there.with_key(&given(1)).await.expect("it is good");
    assert_eq!(keys(&here).await, 1);
    let other = here.uses.ensure_admin_key.execute(Some(&given(2))).await.expect("it works");
    assert!(matches!(other, FirstKey::Ignored), "{other:?}");
}

#[tokio::test]
async fn a_revoked_key_does_not_come_back_by_a_restart() {
    let here = Installation::new();
    here.uses.ensure_admin_key.execute(Some(&given(1))).await.expect("it works");
    here.key(new_key("second", Role::Admin)).await;
    here.uses.revoke_api_key.execute(ApiKeyId::new(Uuid::from_u128(1)), &by()).await.expect("it is not the last");
    let again = here.replica().uses.ensure_admin_key.execute(Some(&given(1))).await.expect("it works");
    assert!(matches!(again, FirstKey::Ignored), "{again:?}");
    here.with_key(&given(1)).await.expect_err("it is revoked");
}

#[tokio::test]
async fn what_is_given_must_be_a_key_and_is_not_repeated() {
    let here = Installation::new();
    let refused = here.uses.ensure_admin_key.execute(Some(&Secret::new("hunter2"))).await.expect_err("it is no key");
    assert!(!refused.to_string().contains("hunter2"));
    assert_eq!(keys(&here).await, 0);
}
