//! What holders do with tokens on the command line, and what the server makes of it.

use adapters_auth::{Attenuation, Biscuits, Keyring, inspect};
use chrono::{DateTime, TimeDelta};
use domain::{
    Timestamp,
    access::{Refused, Resource, Right, Role, Scope, TokenGrant},
    agents::Secret,
    ports::Tokens,
};

fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).expect("it is a time")
}

fn minted() -> (std::sync::Arc<Biscuits>, Secret) {
    let server = Biscuits::new(&Keyring::parse(&Keyring::fresh_line("k1")).expect("it is a key"));
    let grant = TokenGrant {
        principal: "key:ci".into(),
        source: None,
        role: Role::Admin,
        scope: Scope::default(),
        hides_payloads: false,
        expires_at: now() + TimeDelta::hours(1),
        task: None,
    };
    let token = server.mint(&grant);
    (server, token)
}

#[test]
fn what_was_taken_away_is_gone() {
    let (server, token) = minted();
    let attenuation = Attenuation {
        ends: Some(now() + TimeDelta::minutes(5)),
        workflows: vec!["billing".into(), "say \"hi\"".into()],
        runs: vec!["run-1".into()],
        agents: Vec::new(),
        read_only: true,
    };
    let narrow = attenuation.apply(&token).expect("it can be narrowed");
    let held = server.verify(&narrow, now()).expect("it is good");
    let of = |workflow: &str, run: &str| Resource {
        workflow: Some(workflow.into()),
        run: Some(run.into()),
        ..Resource::default()
    };
    for workflow in ["billing", "say \"hi\""] {
        assert!(held.allows(Right::RunsRead, &of(workflow, "run-1"), now()).is_ok(), "{workflow}");
    }
    for (right, resource) in [
        (Right::RunsControl, of("billing", "run-1")),
        (Right::RunsRead, of("payroll", "run-1")),
        (Right::RunsRead, of("billing", "run-2")),
        (Right::RunsRead, Resource::default()),
    ] {
        assert!(held.allows(right, &resource, now()).is_err(), "{right:?} {resource:?}");
    }
    assert_eq!(server.verify(&narrow, now() + TimeDelta::minutes(5)).err(), Some(Refused::Expired));
    assert!(server.verify(&token, now() + TimeDelta::minutes(5)).is_ok(), "the token it was made from is untouched");
}

#[test]
fn a_look_into_a_token_shows_blocks_ends_and_ids() {
    let (server, token) = minted();
    let narrow = Attenuation { agents: vec!["Fetcher".into()], ..Attenuation::default() }.apply(&token);
    let narrow = narrow.expect("it can be narrowed");
    let seen = inspect(&narrow).expect("it is a token");
    let ids: Vec<_> = seen.blocks.iter().map(|block| block.revocation_id.clone()).collect();
    assert_eq!(ids, server.verify(&narrow, now()).expect("it is good").revocation_ids());
    let text = seen.text();
    for shown in
        [r#"principal("key:ci")"#, r#"role("admin")"#, "2027-01-15T09:00:00Z", r#"check if agent("Fetcher")"#, &ids[1]]
    {
        assert!(text.contains(shown), "{shown} is not in:\n{text}");
    }
}

#[test]
fn nobody_is_handed_a_token_that_the_server_would_not_look_at() {
    let (server, mut token) = minted();
    let once_more = Attenuation { read_only: true, ..Attenuation::default() };
    for _ in 1..adapters_auth::MAX_BLOCKS {
        token = once_more.apply(&token).expect("there is room");
        assert!(server.verify(&token, now()).is_ok());
    }
    let refused = once_more.apply(&token).expect_err("it is full");
    assert!(refused.to_string().contains("16 blocks"), "{refused}");
    let (_, token) = minted();
    let long = Attenuation { agents: vec!["x".repeat(16 * 1024)], ..Attenuation::default() };
    let refused = long.apply(&token).expect_err("it is long");
    assert!(refused.to_string().contains("16384 bytes"), "{refused}");
}

#[test]
fn what_is_no_token_is_none() {
    for text in ["", "x", "eyJhbGciOiJub25lIn0.e30."] {
        assert!(inspect(&Secret::new(text)).is_err());
        assert!(Attenuation::default().apply(&Secret::new(text)).is_err());
    }
}
