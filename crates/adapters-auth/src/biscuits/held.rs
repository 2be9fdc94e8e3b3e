//! A token whose signatures are right: what it grants, what revokes it, and whether its blocks allow an operation.

use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

use biscuit_auth::{
    AuthorizerBuilder, Biscuit,
    builder::{Policy, Term},
    error::Token,
};
use domain::{
    Timestamp,
    access::{Forbidden, Refused, Resource, Right, TokenGrant},
    ports::HeldToken,
};

use super::{
    cost::{self, LIMITS},
    grant::{self, fact, seconds, text},
};

/// What a role may do is decided elsewhere; here only checks say no.
static ALLOW: LazyLock<Policy> = LazyLock::new(|| "allow if true".try_into().expect("it is Datalog"));

/// A token whose signatures are right.
pub(super) struct Held {
    biscuit: Biscuit,
    grant: TokenGrant,
    revocation_ids: Vec<String>,
    ends: Timestamp,
}

impl Held {
    /// Reads what a token says.
    pub(super) fn new(biscuit: Biscuit) -> Result<Self, Refused> {
        let builder = AuthorizerBuilder::new().set_limits(LIMITS);
        let mut authorizer = builder.build(&biscuit).map_err(|_| Refused::Malformed)?;
        if !cost::is_affordable(&authorizer) {
            return Err(Refused::Costly);
        }
        let (_, _, checks, _) = authorizer.dump();
        let grant = grant::read(&mut authorizer).map_err(|_| Refused::Costly)?.ok_or(Refused::Malformed)?;
        let ends = checks.iter().filter_map(grant::end).fold(grant.expires_at, Timestamp::min);
        let revocation_ids = biscuit.revocation_identifiers().iter().map(|id| hex(id)).collect();
        Ok(Self { biscuit, grant, revocation_ids, ends })
    }

    /// Whether its end has come: that of the grant, or the earliest that a later block has set.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    fn evaluate(&self, right: Right, resource: &Resource, now: Timestamp) -> Result<(), Token> {
        let mode = if right.reads() { "read" } else { "write" };
        let mut facts = BTreeMap::from([
            ("operation", text(right.as_str())),
            ("mode", text(mode)),
            ("time", Term::Date(seconds(now))),
        ]);
        let Resource { workflow, run, step, agent } = resource;
        for (name, value) in [("workflow", workflow), ("run", run), ("step", step), ("agent", agent)] {
            facts.extend(value.as_ref().map(|value| (name, text(value))));
        }
        let builder = AuthorizerBuilder::new().set_limits(LIMITS).policy(ALLOW.clone())?;
        let builder =
            facts.into_iter().try_fold(builder, |builder, (name, value)| builder.fact(fact(name, vec![value])))?;
        builder.build(&self.biscuit)?.authorize().map(|_| ())
    }
}

impl HeldToken for Held {
    fn grant(&self) -> &TokenGrant {
        &self.grant
    }

    fn revocation_ids(&self) -> &[String] {
        &self.revocation_ids
    }

    fn allows(&self, right: Right, resource: &Resource, now: Timestamp) -> Result<(), Option<Forbidden>> {
        match self.evaluate(right, resource, now) {
            Ok(()) => Ok(()),
            Err(Token::RunLimit(_)) => Err(None),
            // A block that cannot be evaluated allows nothing.
            Err(_) => Err(Some(Forbidden::Attenuated)),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
