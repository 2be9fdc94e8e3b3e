//! Callers of every kind, by what they present. No cryptography: what credentials are worth is tested where they are made.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use actix_web::test::TestRequest;
use application::access::{AuthenticateError, Gate, Proof, Session};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{Forbidden, Presented, Principal, Refused, Resource, Right, Role, Scope, TokenGrant},
    ports::{HeldToken, StoreError},
};

/// Lets in whoever presents one of the texts below.
pub(crate) struct Callers;

/// What is worth nothing, and why.
pub(crate) const WORTHLESS: [(&str, Refused); 7] = [
    ("ork_garbage", Refused::Malformed),
    ("ork_unknown", Refused::Unknown),
    ("ork_forged", Refused::Forged),
    ("ork_expired", Refused::Expired),
    ("ork_revoked", Refused::Revoked),
    ("token-of-another-audience", Refused::Audience),
    ("ork_elsewhere", Refused::Network),
];

/// A token of an admin that only reads.
pub(crate) const READS: &str = "token-reads";

/// A token of an admin for the workflow `w`.
pub(crate) const FOR_W: &str = "token-for-w";

/// A token of an admin for another workflow.
pub(crate) const FOR_OTHER: &str = "token-for-other";

/// A token of an admin that has nothing to do with the agent `B`.
pub(crate) const NOT_B: &str = "token-not-b";

/// A token whose rules come to no verdict.
pub(crate) const ENDLESS: &str = "token-endless";

/// An admin's key for the workflow `w` and the agent `A`.
pub(crate) const SCOPED: &str = "ork_scoped";

/// An admin's key for another workflow and another agent.
pub(crate) const SCOPED_ELSEWHERE: &str = "ork_scoped_elsewhere";

/// An admin's key that sees no data.
pub(crate) const BLIND: &str = "ork_blind";

/// The store of credentials is away.
pub(crate) const AWAY: &str = "ork_away";

/// The key of a role.
pub(crate) fn key_of(role: Role) -> String {
    format!("ork_{}", role.as_str())
}

/// A request that presents a text: keys and tokens in the header where they belong.
pub(crate) fn presenting(request: TestRequest, text: &str) -> TestRequest {
    if text.starts_with("ork_") {
        request.insert_header(("X-API-Key", text))
    } else {
        request.insert_header(("Authorization", format!("Bearer {text}")))
    }
}

#[async_trait]
impl Gate for Callers {
    async fn admit(&self, presented: Option<&Presented>, _: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        let (Presented::ApiKey(text) | Presented::Token(text)) = presented.ok_or(Refused::Missing)?;
        let text = text.reveal();
        if let Some((_, refused)) = WORTHLESS.into_iter().find(|(worthless, _)| *worthless == text) {
            return Err(refused.into());
        }
        if text == AWAY {
            return Err(StoreError::Unavailable("it is away".to_owned()).into());
        }
        if let Some(role) = Role::ALL.into_iter().find(|role| key_of(*role) == text) {
            return Ok(session(role, Scope::default(), false, None));
        }
        let scope = |workflow: &str, agent: &str| Scope {
            workflows: Some(BTreeSet::from([workflow.to_owned()])),
            agents: Some(BTreeSet::from([agent.to_owned()])),
        };
        let admin = |scope, blind, held| Ok(session(Role::Admin, scope, blind, held));
        match text {
            SCOPED => admin(scope("w", "A"), false, None),
            SCOPED_ELSEWHERE => admin(scope("v", "B"), false, None),
            BLIND => admin(Scope::default(), true, None),
            READS => admin(
                Scope::default(),
                false,
                Some(Held::by(|right, _| if right.reads() { Ok(()) } else { Err(Some(Forbidden::Attenuated)) })),
            ),
            FOR_W => admin(Scope::default(), false, Some(Held::by(|_, resource| only("w", resource)))),
            FOR_OTHER => admin(Scope::default(), false, Some(Held::by(|_, resource| only("v", resource)))),
            NOT_B => admin(Scope::default(), false, Some(Held::by(|_, resource| not("B", resource)))),
            ENDLESS => admin(Scope::default(), false, Some(Held::by(|_, _| Err(None)))),
            _ => Err(Refused::Unknown.into()),
        }
    }
}

fn only(workflow: &str, resource: &Resource) -> Verdict {
    if resource.workflow.as_deref() == Some(workflow) { Ok(()) } else { Err(Some(Forbidden::Attenuated)) }
}

fn not(agent: &str, resource: &Resource) -> Verdict {
    if resource.agent.as_deref() == Some(agent) { Err(Some(Forbidden::Attenuated)) } else { Ok(()) }
}

fn session(role: Role, scope: Scope, hides_payloads: bool, held: Option<Arc<dyn HeldToken>>) -> Session {
    let name = format!("key:{}", role.as_str());
    let principal = Principal { name, credential: Some("key-1".to_owned()), role, scope, hides_payloads };
    Session { held, ..Session::new(principal, Proof::Token(None)) }
}

type Verdict = Result<(), Option<Forbidden>>;

/// A token with a block of its holder's.
struct Held {
    grant: TokenGrant,
    ids: [String; 2],
    rule: fn(Right, &Resource) -> Verdict,
}

impl Held {
    fn by(rule: fn(Right, &Resource) -> Verdict) -> Arc<dyn HeldToken> {
        let grant = TokenGrant {
            principal: "key:admin".to_owned(),
            source: None,
            role: Role::Admin,
            scope: Scope::default(),
            hides_payloads: false,
            expires_at: Timestamp::MAX_UTC,
            task: None,
        };
        Arc::new(Self { grant, ids: ["first".to_owned(), "second".to_owned()], rule })
    }
}

impl HeldToken for Held {
    fn grant(&self) -> &TokenGrant {
        &self.grant
    }

    fn revocation_ids(&self) -> &[String] {
        &self.ids
    }

    fn allows(&self, right: Right, resource: &Resource, _: Timestamp) -> Verdict {
        (self.rule)(right, resource)
    }
}
