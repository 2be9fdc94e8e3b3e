//! What is minted, and how long it is good.

use std::collections::BTreeSet;

use adapters_auth::{Keyring, MAX_TOKEN};
use domain::{
    access::{Refused, Resource, Right, Role, Scope, TaskGrant, TokenGrant},
    agents::AgentName,
    ids::{RunId, StepPath},
    ports::Tokens,
};

use crate::support::{allows, attenuated, grant, held, in_seconds, now, refused, server, some_server, workflow};

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn task() -> TaskGrant {
    TaskGrant {
        generation: 0,
        round: 0,
        run: RunId::parse("run-1").expect("it is an id"),
        step: StepPath::parse("each[3]/fetch").expect("it is a path"),
        agent: AgentName::parse("Fetcher \"1\"").expect("it is a name"),
    }
}

#[test]
fn what_was_granted_is_read_back_whole() {
    let server = some_server();
    let plain = grant();
    let scoped = TokenGrant {
        scope: Scope { workflows: Some(names(&["a \"quoted\" one", "b"])), agents: Some(names(&[])) },
        hides_payloads: true,
        source: None,
        ..grant()
    };
    let of_agent = TokenGrant { role: Role::Agent, task: Some(task()), ..grant() };
    for granted in [plain, scoped, of_agent] {
        let token = server.mint(&granted);
        assert_eq!(held(&server, &token).grant(), &granted);
        // And again, from what is remembered.
        assert_eq!(held(&server, &token).grant(), &granted);
    }
}

#[test]
fn a_wide_scope_fits_into_a_token() {
    let many: BTreeSet<String> = (0..90).map(|n| format!("{n:0100}")).collect();
    let granted = TokenGrant { scope: Scope { workflows: Some(many), agents: None }, ..grant() };
    let server = some_server();
    let token = server.mint(&granted);
    assert!(token.reveal().len() <= MAX_TOKEN, "{}", token.reveal().len());
    let held = held(&server, &token);
    assert_eq!(held.grant(), &granted);
    assert!(allows(&held, Right::RunsRead, &Resource::default()));
}

#[test]
fn a_token_ends_when_its_grant_ends_even_if_it_is_remembered() {
    let server = some_server();
    let token = server.mint(&grant());
    assert!(server.verify(&token, in_seconds(3599)).is_ok());
    assert_eq!(server.verify(&token, in_seconds(3600)).err(), Some(Refused::Expired));
    let held = held(&server, &token);
    assert!(held.allows(Right::RunsRead, &Resource::default(), in_seconds(3600)).is_err());
}

#[test]
fn a_token_of_a_call_is_good_for_that_call_only() {
    let server = some_server();
    let token = server.mint(&TokenGrant { role: Role::Agent, task: Some(task()), ..grant() });
    let place = Resource {
        workflow: Some("w".into()),
        run: Some("run-1".into()),
        step: Some("each[3]/fetch".into()),
        agent: Some("Fetcher \"1\"".into()),
    };
    let held = held(&server, &token);
    assert!(allows(&held, Right::TasksReport, &place));
    let others = [
        Resource { run: Some("run-2".into()), ..place.clone() },
        Resource { step: Some("each[4]/fetch".into()), ..place.clone() },
        Resource { agent: Some("Fetcher".into()), ..place.clone() },
        Resource { step: None, ..place.clone() },
        Resource::default(),
    ];
    for other in others {
        assert!(!allows(&held, Right::TasksReport, &other), "{other:?}");
    }
}

#[test]
fn no_later_block_widens_a_token() {
    let server = some_server();
    let token = server.mint(&TokenGrant { role: Role::Agent, task: Some(task()), ..grant() });
    let widened = attenuated(
        &token,
        r#"role("admin"); principal("user:root"); only_workflows({"x"}); expires(2100-01-01T00:00:00Z);
           task("run-2", "s", "a"); run("run-2"); step("each[3]/fetch"); agent("Fetcher \"1\""); operation("access:manage");"#,
    );
    let held = held(&server, &widened);
    assert_eq!(held.grant(), &TokenGrant { role: Role::Agent, task: Some(task()), ..grant() });
    let other = Resource { run: Some("run-3".into()), ..Resource::default() };
    assert!(!allows(&held, Right::TasksReport, &other));
    assert!(!allows(&held, Right::TasksReport, &workflow("x")));
}

#[test]
fn each_block_has_an_id_to_revoke_it_by() {
    let server = some_server();
    let token = server.mint(&grant());
    let narrow = attenuated(&token, r#"check if mode("read");"#);
    let (ids, of_narrow) = (held(&server, &token), held(&server, &narrow));
    let (ids, of_narrow) = (ids.revocation_ids(), of_narrow.revocation_ids());
    assert_eq!((ids.len(), of_narrow.len()), (1, 2));
    assert_eq!(ids[0], of_narrow[0], "who revokes a token revokes what was made of it");
    assert!(ids[0].len() == 128 && ids[0].bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", ids[0]);
    assert_ne!(held(&server, &server.mint(&grant())).revocation_ids(), ids, "no two tokens share one");
}

#[test]
fn tokens_outlive_a_new_key_in_front_and_end_with_their_own() {
    let (old, new) = (Keyring::fresh_line("old"), Keyring::fresh_line("new"));
    let token = server(&[&old]).mint(&grant());
    let rotated = server(&[&new, &old]);
    assert_eq!(held(&rotated, &token).grant(), &grant());
    let fresh = rotated.mint(&grant());
    assert_eq!(refused(&server(&[&old]), &fresh), Some(Refused::Unknown), "a server that is behind does not guess");
    let over = server(&[&new]);
    assert_eq!(refused(&over, &token), Some(Refused::Unknown));
    assert!(over.verify(&fresh, now()).is_ok());
}
