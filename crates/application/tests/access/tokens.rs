//! Tokens for keys, and their end.

use std::{collections::BTreeSet, time::Duration};

use application::access::{
    ExchangeKeyError, MAX_TOKEN_LIFETIME, NewApiKey, RevokeTokenError, Revoked, Session, WantedToken,
};
use domain::{
    access::{Forbidden, Refused, Right, Role, Scope},
    agents::Secret,
    audit::AuditFilter,
    ports::AuditLog,
};

use crate::support::{Installation, by, new_key};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_token_has_what_its_key_has_and_ends_soon() {
    let here = Installation::new();
    let scope = Scope { workflows: Some(names(&["w"])), agents: None };
    let key = here.key(NewApiKey { scope: scope.clone(), ..new_key("ci", Role::Operator) }).await;
    let session = here.with_key(&key.text).await.expect("it is good");
    let minted = here.uses.exchange_key.execute(&session, WantedToken::default(), &by()).await.expect("it may");
    assert_eq!(minted.grant.expires_at, here.clock_now() + Duration::from_mins(15));
    let principal = here.with_token(&minted.token).await.expect("it is good").principal;
    assert_eq!((principal.name.as_str(), principal.role, principal.scope), ("key:ci", Role::Operator, scope));
    here.wait(15 * 60 * 1_000);
    assert_eq!(here.with_token(&minted.token).await.expect_err("it has ended"), Refused::Expired);
}

#[tokio::test]
async fn a_token_can_have_less_than_its_key_and_never_more() {
    let here = Installation::new();
    let end = here.clock_now() + Duration::from_mins(30);
    let scope = Scope { workflows: Some(names(&["a", "b"])), agents: None };
    let key = here.key(NewApiKey { scope, expires_at: Some(end), ..new_key("ci", Role::Operator) }).await;
    let session = here.with_key(&key.text).await.expect("it is good");
    let exchange = async |wanted| here.uses.exchange_key.execute(&session, wanted, &by()).await;
    let less = WantedToken {
        lifetime: Some(MAX_TOKEN_LIFETIME * 2),
        role: Some(Role::Viewer),
        workflows: Some(names(&["a"])),
        agents: Some(names(&["x"])),
        hides_payloads: true,
    };
    let grant = exchange(less).await.expect("it is less").grant;
    assert_eq!(
        (grant.role, grant.scope.workflows, grant.scope.agents),
        (Role::Viewer, Some(names(&["a"])), Some(names(&["x"])))
    );
    assert!(grant.hides_payloads);
    assert_eq!(grant.expires_at, end, "no longer than the key");
    let wider = WantedToken { workflows: Some(names(&["a", "c"])), ..WantedToken::default() };
    let answer = exchange(wider).await;
    assert!(matches!(answer, Err(ExchangeKeyError::Forbidden(Forbidden::OutOfScope(_)))), "{answer:?}");
    let higher = WantedToken { role: Some(Role::Admin), ..WantedToken::default() };
    let answer = exchange(higher).await;
    assert!(
        matches!(answer, Err(ExchangeKeyError::Forbidden(Forbidden::Exceeds { given: Role::Admin, .. }))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn the_audit_log_knows_every_token_that_is_exchanged_for_a_key() {
    let here = Installation::new();
    let key = here.key(new_key("ci", Role::Operator)).await;
    let session = here.with_key(&key.text).await.expect("it is good");
    let actor = session.actor(Some("req-1".to_owned()), None);
    let wanted = WantedToken { role: Some(Role::Viewer), ..WantedToken::default() };
    here.uses.exchange_key.execute(&session, wanted, &actor).await.expect("it is less");
    let filter = AuditFilter { action: Some("issue_token".to_owned()), ..AuditFilter::default() };
    let found = here.store.list(&filter, None, 10).await.expect("memory").rows;
    let [row] = &found[..] else { panic!("{found:?}") };
    assert_eq!((row.user.as_deref(), row.entity_id.as_str()), (Some("key:ci"), "id of token0"));
    let changes = row.changes.as_ref().expect("it is told").to_string();
    assert!(changes.contains("viewer") && changes.contains("\"ttl_seconds\":{\"after\":900}"), "{changes}");
    let over = WantedToken { role: Some(Role::Admin), ..WantedToken::default() };
    here.uses.exchange_key.execute(&session, over, &actor).await.expect_err("it is more");
    let found = here.store.list(&filter, None, 10).await.expect("memory").rows;
    assert_eq!(found.len(), 1, "what is refused issues nothing");
}

#[tokio::test]
async fn a_token_is_not_exchanged_for_another() {
    let here = Installation::new();
    let key = here.key(new_key("ci", Role::Operator)).await;
    let session = here.with_key(&key.text).await.expect("it is good");
    let minted = here.uses.exchange_key.execute(&session, WantedToken::default(), &by()).await.expect("it may");
    let by_token = here.with_token(&minted.token).await.expect("it is good");
    for caller in [by_token, Session::system()] {
        let answer = here.uses.exchange_key.execute(&caller, WantedToken::default(), &by()).await;
        assert!(matches!(answer, Err(ExchangeKeyError::NotAKey)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_revoked_token_takes_those_made_from_it_along_and_not_the_one_it_was_made_from() {
    let here = Installation::new();
    let key = here.key(new_key("ci", Role::Operator)).await;
    let session = here.with_key(&key.text).await.expect("it is good");
    let root = here.uses.exchange_key.execute(&session, WantedToken::default(), &by()).await.expect("it may").token;
    let child = Secret::new(format!("{}+", root.reveal()));
    let grandchild = Secret::new(format!("{}++", root.reveal()));
    for token in [&root, &child, &grandchild] {
        here.with_token(token).await.expect("it is good");
    }
    here.uses.revoke_token.execute(Revoked::Token(child.clone()), &session, &by()).await.expect("whoever has it may");
    here.with_token(&root).await.expect("it is good");
    for token in [&child, &grandchild] {
        assert_eq!(here.with_token(token).await.expect_err("it is revoked"), Refused::Revoked);
    }
}

#[tokio::test]
async fn only_who_manages_access_revokes_by_id() {
    let here = Installation::new();
    let (weak, root) = (here.key(new_key("weak", Role::Operator)).await, here.key(new_key("root", Role::Admin)).await);
    let ids = Revoked::Ids(vec!["id of token0".to_owned()]);
    let caller = here.with_key(&weak.text).await.expect("it is good");
    let token = here.uses.exchange_key.execute(&caller, WantedToken::default(), &by()).await.expect("it may").token;
    let refused = here.uses.revoke_token.execute(ids.clone(), &caller, &by()).await;
    assert!(matches!(refused, Err(RevokeTokenError::Forbidden(Forbidden::Lacks(Right::AccessManage)))), "{refused:?}");
    let caller = here.with_key(&root.text).await.expect("it is good");
    let minted = here.uses.exchange_key.execute(&caller, WantedToken::default(), &by()).await.expect("it may").token;
    let handed_on = here.with_token(&Secret::new(format!("{}+", minted.reveal()))).await.expect("it is good");
    let refused = here.uses.revoke_token.execute(ids.clone(), &handed_on, &by()).await;
    assert!(matches!(refused, Err(RevokeTokenError::Forbidden(Forbidden::Attenuated))), "{refused:?}");
    here.uses.revoke_token.execute(ids, &caller, &by()).await.expect("an administrator may");
    assert_eq!(here.with_token(&token).await.expect_err("it is revoked"), Refused::Revoked);
    let nothing = here.uses.revoke_token.execute(Revoked::Token(Secret::new("x")), &caller, &by()).await;
    assert!(matches!(nothing, Err(RevokeTokenError::NoToken)), "{nothing:?}");
}

#[tokio::test]
async fn who_holds_an_attenuated_token_gives_nothing() {
    let here = Installation::new();
    let root = here.key(new_key("root", Role::Admin)).await;
    let caller = here.with_key(&root.text).await.expect("it is good");
    let minted = here.uses.exchange_key.execute(&caller, WantedToken::default(), &by()).await.expect("it may").token;
    let handed_on = here.with_token(&Secret::new(format!("{}+", minted.reveal()))).await.expect("it is good");
    let made = here.uses.create_api_key.execute(new_key("mine", Role::Viewer), &handed_on, &by()).await;
    assert!(matches!(made, Err(application::access::CreateApiKeyError::Forbidden(Forbidden::Attenuated))), "{made:?}");
}

#[tokio::test]
async fn a_revocation_is_forgotten_when_the_token_has_ended_anyway() {
    use domain::ports::Accounts;
    let here = Installation::new();
    let key = here.key(new_key("ci", Role::Operator)).await;
    let session = here.with_key(&key.text).await.expect("it is good");
    let token = here.uses.exchange_key.execute(&session, WantedToken::default(), &by()).await.expect("it may").token;
    here.uses.revoke_token.execute(Revoked::Token(token.clone()), &session, &by()).await.expect("it may");
    assert_eq!(here.uses.keep_accounts.forget().await.expect("memory"), 0);
    here.wait(15 * 60 * 1_000 + 1);
    assert_eq!(here.uses.keep_accounts.forget().await.expect("memory"), 1);
    assert!(here.store.revoked(&["id of token0".to_owned()]).await.expect("memory").is_empty());
    here.uses.revoke_token.execute(Revoked::Token(token), &session, &by()).await.expect("there is nothing to do");
}
