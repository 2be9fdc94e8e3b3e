//! Servers, grants and holders.

use std::sync::Arc;

use adapters_auth::{Biscuits, Keyring};
use biscuit_auth::{BlockBuilder, UnverifiedBiscuit};
use chrono::{DateTime, TimeDelta};
use domain::{
    Timestamp,
    access::{Forbidden, Refused, Resource, Right, Role, Scope, TokenGrant},
    agents::Secret,
    ports::{HeldToken, Tokens},
};

pub(crate) fn now() -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).expect("it is a time")
}

pub(crate) fn in_seconds(seconds: i64) -> Timestamp {
    now() + TimeDelta::seconds(seconds)
}

/// A server with these keys.
pub(crate) fn server(keys: &[&str]) -> Arc<Biscuits> {
    Biscuits::new(&Keyring::parse(&keys.join("\n")).expect("these are keys"))
}

pub(crate) fn some_server() -> Arc<Biscuits> {
    server(&[&Keyring::fresh_line("k1")])
}

/// What an operator is granted for an hour.
pub(crate) fn grant() -> TokenGrant {
    TokenGrant {
        principal: "user:alice".into(),
        source: Some("user:0190".into()),
        role: Role::Operator,
        scope: Scope::default(),
        hides_payloads: false,
        expires_at: in_seconds(3600),
        task: None,
    }
}

/// The token with another block, as its holder makes it, without any key.
pub(crate) fn attenuated(token: &Secret, datalog: &str) -> Secret {
    let token = UnverifiedBiscuit::from_base64(token.reveal()).expect("it is a token");
    let block = BlockBuilder::new().code(datalog).expect("it is Datalog");
    Secret::new(token.append(block).and_then(|token| token.to_base64()).expect("it can be attenuated"))
}

pub(crate) fn held(server: &Biscuits, token: &Secret) -> Arc<dyn HeldToken> {
    server.verify(token, now()).expect("it is good")
}

pub(crate) fn refused(server: &Biscuits, token: &Secret) -> Option<Refused> {
    server.verify(token, now()).err()
}

/// Whether a token allows something; a token that takes too long to evaluate is a failure of the test.
pub(crate) fn allows(held: &Arc<dyn HeldToken>, right: Right, resource: &Resource) -> bool {
    match held.allows(right, resource, now()) {
        Ok(()) => true,
        Err(Some(Forbidden::Attenuated)) => false,
        Err(other) => panic!("that is no answer of a token: {other:?}"),
    }
}

pub(crate) fn workflow(name: &str) -> Resource {
    Resource { workflow: Some(name.into()), ..Resource::default() }
}
