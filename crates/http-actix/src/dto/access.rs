//! Being known: log-ins, tokens, and who one is.

use std::{collections::BTreeSet, time::Duration};

use application::access::{MAX_TOKEN_LIFETIME, MintedToken, Proof, Revoked, Session, WantedToken};
use domain::{
    access::{Right, Role, Scope},
    agents::Secret,
    ports::Policy,
};
use garde::{Path, Report, Validate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Stamp;

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum RoleName {
    Viewer,
    Operator,
    Designer,
    Admin,
    Agent,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Designer => Self::Designer,
            RoleName::Admin => Self::Admin,
            RoleName::Agent => Self::Agent,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Designer => Self::Designer,
            Role::Admin => Self::Admin,
            Role::Agent => Self::Agent,
        }
    }
}

/// Names that a scope may hold.
pub(super) fn check_names(
    member: &'static str,
    names: Option<&BTreeSet<String>>,
    parent: &mut dyn FnMut() -> Path,
    report: &mut Report,
) {
    for (index, name) in names.into_iter().flatten().enumerate() {
        if name.trim().is_empty() || name.chars().any(char::is_control) || name.chars().count() > 255 {
            let message = "must be a name: 1 to 255 characters, not blank, without control characters";
            report.append(parent().join(member).join(index), garde::Error::new(message));
        }
    }
}

/// What a person logs in with.
#[derive(Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct LogIn {
    /// The person's name.
    #[schemars(length(min = 1, max = 100))]
    pub(crate) name: String,
    /// The password.
    #[schemars(length(min = 1, max = 1024))]
    password: String,
}

impl LogIn {
    pub(crate) fn password(&self) -> Secret {
        Secret::new(&self.password)
    }
}

/// What is wanted of a token; what is left out is as the key has it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantToken {
    /// For how many seconds it is to be good, 900 if nothing is said; never longer than the key.
    #[schemars(range(min = 1, max = 3600))]
    ttl_seconds: Option<u64>,
    /// A role that may do no more than the key's.
    role: Option<RoleName>,
    /// Only these of the key's workflows.
    #[schemars(length(max = 1000))]
    workflows: Option<BTreeSet<String>>,
    /// Only these of the key's agents.
    #[schemars(length(max = 1000))]
    agents: Option<BTreeSet<String>>,
    /// Whether it is shown statuses and no data.
    #[serde(default)]
    hides_payloads: bool,
}

const _: () = assert!(MAX_TOKEN_LIFETIME.as_secs() == 3600, "the schema says so");

impl Validate for WantToken {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        check_names("workflows", self.workflows.as_ref(), parent, report);
        check_names("agents", self.agents.as_ref(), parent, report);
    }
}

impl WantToken {
    pub(crate) fn wanted(self) -> WantedToken {
        WantedToken {
            lifetime: self.ttl_seconds.map(Duration::from_secs),
            role: self.role.map(Into::into),
            workflows: self.workflows,
            agents: self.agents,
            hides_payloads: self.hides_payloads,
        }
    }
}

/// Which tokens are to be revoked. Exactly one of the members is needed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeTokens {
    /// This one, and all that were attenuated from it. Whoever has a token may revoke it.
    #[schemars(length(min = 1, max = 16384))]
    token: Option<String>,
    /// Those with these revocation ids (64 bytes as hexadecimal digits), and all that were attenuated from them. Needs the right
    /// `access:manage`.
    #[schemars(length(min = 1, max = 100), inner(regex(pattern = "^([0-9a-fA-F]{2}){64,72}$")))]
    revocation_ids: Option<Vec<String>>,
}

impl Validate for RevokeTokens {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let mut say = |member: &'static str, what| report.append(parent().join(member), garde::Error::new(what));
        match (&self.token, &self.revocation_ids) {
            (None, None) => say("token", "is required without revocation_ids"),
            (Some(_), Some(_)) => say("revocation_ids", "must not come together with token"),
            (Some(_), None) | (None, Some(_)) => {}
        }
        for (index, id) in self.revocation_ids.iter().flatten().enumerate() {
            if !is_revocation_id(id) {
                let message =
                    "must be a revocation id: 64 bytes as hexadecimal digits, as `orrery token inspect` shows them";
                report.append(parent().join("revocation_ids").join(index), garde::Error::new(message));
            }
        }
    }
}

/// The signature of a block: 64 bytes, or up to 72 where its holder has signed it with another kind of key.
fn is_revocation_id(text: &str) -> bool {
    let fits = (128..=144).contains(&text.len()) && text.len().is_multiple_of(2);
    fits && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

impl RevokeTokens {
    pub(crate) fn revoked(self) -> Revoked {
        match self.token {
            Some(token) => Revoked::Token(Secret::new(token)),
            // As the server writes them.
            None => Revoked::Ids(self.revocation_ids.iter().flatten().map(|id| id.to_ascii_lowercase()).collect()),
        }
    }
}

/// A new password for oneself.
#[derive(Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct ChangePassword {
    /// The present password.
    #[schemars(length(min = 1, max = 1024))]
    password: String,
    /// The new one.
    #[schemars(length(min = 12, max = 1024))]
    new_password: String,
}

impl ChangePassword {
    pub(crate) fn present(&self) -> Secret {
        Secret::new(&self.password)
    }

    pub(crate) fn new_one(&self) -> Secret {
        Secret::new(&self.new_password)
    }
}

/// What somebody is restricted to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Scope")]
pub(crate) struct ScopeView {
    /// The names of the only workflows, with their runs; null for any.
    workflows: Option<BTreeSet<String>>,
    /// The names of the only agents; null for any.
    agents: Option<BTreeSet<String>>,
}

impl From<Scope> for ScopeView {
    fn from(scope: Scope) -> Self {
        Self { workflows: scope.workflows, agents: scope.agents }
    }
}

/// A token, and what it is good for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MintedToken")]
pub(crate) struct TokenView {
    /// The token, a Biscuit: present it in `Authorization: Bearer`. It is told this once.
    access_token: String,
    /// How it is presented.
    #[schemars(extend("const" = "Bearer"))]
    token_type: &'static str,
    /// For how many seconds it is good.
    expires_in: i64,
    /// When it ends.
    expires_at: Stamp,
    /// Whom it stands for.
    principal: String,
    /// What it is trusted with.
    role: RoleName,
    /// What it is restricted to.
    scope: ScopeView,
    /// Whether it is shown statuses and no data.
    hides_payloads: bool,
}

impl From<MintedToken> for TokenView {
    fn from(minted: MintedToken) -> Self {
        let MintedToken { token, grant, at } = minted;
        Self {
            access_token: token.reveal().to_owned(),
            token_type: "Bearer",
            expires_in: (grant.expires_at - at).num_seconds(),
            expires_at: Stamp(grant.expires_at),
            principal: grant.principal,
            role: grant.role.into(),
            scope: grant.scope.into(),
            hides_payloads: grant.hides_payloads,
        }
    }
}

/// Who is calling.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Me")]
pub(crate) struct MeView {
    /// The name, as the audit log has it.
    principal: String,
    /// The id of the key or token; null where nobody is asked.
    credential: Option<String>,
    /// By what the caller is known.
    #[schemars(extend("enum" = ["none", "api_key", "token", "jwt"]))]
    known_by: &'static str,
    /// What the caller is trusted with.
    role: RoleName,
    /// The rights of the role.
    rights: Vec<&'static str>,
    /// What the caller is restricted to.
    scope: ScopeView,
    /// Whether the caller is shown statuses and no data.
    hides_payloads: bool,
    /// Whether somebody has restricted the token further; by what, only its blocks say.
    attenuated: bool,
    /// When the key or token ends; null where it does not by itself.
    expires_at: Option<Stamp>,
}

impl MeView {
    pub(crate) fn new(session: Session, policy: &dyn Policy) -> Self {
        let attenuated = session.is_attenuated();
        let Session { principal, proof, expires_at, .. } = session;
        let granted = Right::ALL.into_iter().filter(|right| policy.grants(principal.role, *right));
        Self {
            principal: principal.name,
            credential: principal.credential,
            known_by: match proof {
                Proof::Nothing => "none",
                Proof::ApiKey(_) => "api_key",
                Proof::Token(_) => "token",
                Proof::Jwt => "jwt",
            },
            role: principal.role.into(),
            rights: granted.map(Right::as_str).collect(),
            scope: principal.scope.into(),
            hides_payloads: principal.hides_payloads,
            attenuated,
            expires_at: expires_at.map(Stamp),
        }
    }
}

impl crate::api::Checked for LogIn {}
impl crate::api::Checked for WantToken {}
impl crate::api::Checked for RevokeTokens {}
impl crate::api::Checked for ChangePassword {}
