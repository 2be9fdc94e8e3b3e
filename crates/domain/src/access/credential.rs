//! What is presented as a credential, what is minted, and why it may be refused.

use super::{Principal, Right, Role, Scope};
use crate::{
    Timestamp,
    agents::{AgentName, Secret},
    ids::{RunId, StepPath},
    runs::CallKey,
};

/// What a request presents to be known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// An API key, in `X-API-Key` or, by its prefix, in `Authorization: Bearer`.
    ApiKey(Secret),
    /// A Biscuit or a JWT, in `Authorization: Bearer`.
    Token(Secret),
}

/// Why a credential was refused. Clients are told only that it was; the log and a counter get the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is none.
    #[error("missing")]
    Missing,
    /// It has no form that is known here.
    #[error("malformed")]
    Malformed,
    /// It is longer than anything minted here.
    #[error("oversized")]
    Oversized,
    /// It asks for more evaluation than a token is worth.
    #[error("costly")]
    Costly,
    /// Its id, issuer or key is not known here.
    #[error("unknown")]
    Unknown,
    /// Its secret or signature is wrong.
    #[error("forged")]
    Forged,
    /// It is too old, or not valid yet.
    #[error("expired")]
    Expired,
    /// It was revoked, or whoever it stands for was.
    #[error("revoked")]
    Revoked,
    /// It was minted for somebody else to accept.
    #[error("audience")]
    Audience,
    /// It is good, and gives no role that means anything here.
    #[error("no_role")]
    Roleless,
    /// It is used from a network that it is not allowed in.
    #[error("network")]
    Network,
}

impl Refused {
    /// The reason code of logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Costly => "costly",
            Self::Unknown => "unknown",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Audience => "audience",
            Self::Roleless => "no_role",
            Self::Network => "network",
        }
    }
}

/// Why somebody who is known may not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The role lacks the right.
    #[error("this needs the right {}", .0.as_str())]
    Lacks(Right),
    /// What is to be given is more than the caller's role.
    #[error("the role {} is more than the role {}, which lacks the right {}", .given.as_str(), .own.as_str(), .right.as_str())]
    Exceeds {
        /// The role that is to be given.
        given: Role,
        /// The caller's.
        own: Role,
        /// The first right that the caller's role lacks.
        right: Right,
    },
    /// The scope of the principal leaves it out.
    #[error("this is outside of what the credential is restricted to: {0}")]
    OutOfScope(String),
    /// A block of the token says no.
    #[error("the token does not allow this")]
    Attenuated,
}

/// Whom a JSON Web Token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtHolder {
    /// Who it is.
    pub principal: Principal,
    /// What the token says of its end.
    pub expires_at: Timestamp,
}

/// What a token is minted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenGrant {
    /// The principal's name.
    pub principal: String,
    /// The key or log-in behind it, as [`Source`](super::Source) writes it; its end is the token's end. None for the call of
    /// an agent.
    pub source: Option<String>,
    /// What it is trusted with.
    pub role: Role,
    /// What it is restricted to.
    pub scope: Scope,
    /// It sees statuses and no data.
    pub hides_payloads: bool,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The one call that it is about, for the agent that is called.
    pub task: Option<TaskGrant>,
}

/// The call that an agent's token is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskGrant {
    /// The run.
    pub run: RunId,
    /// The step, with iteration and branch.
    pub step: StepPath,
    /// See [`RunEvent::StepDispatched`](crate::runs::RunEvent::StepDispatched): a token is worth nothing after a rerun.
    pub generation: u32,
    /// See [`RunEvent::StepDispatched`](crate::runs::RunEvent::StepDispatched): nor is it after a definite answer, for the
    /// next call.
    pub round: u32,
    /// The agent.
    pub agent: AgentName,
}

impl TaskGrant {
    /// What identifies the call.
    pub fn key(&self) -> CallKey {
        let (run, path) = (self.run.clone(), self.step.clone());
        CallKey { run, path, generation: self.generation, round: self.round }
    }
}
