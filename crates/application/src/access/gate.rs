//! The gate: turns what a request presents into a session. Whether credentials are asked for at all is decided by which gate
//! stands in a door.

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use domain::access::{Presented, Principal, Role};

use super::{AuthenticateError, Proof, Session};

/// Finds out who is calling. The use cases of access are the gate that asks everybody.
#[async_trait]
pub trait Gate: Send + Sync {
    /// The caller who presents this, if anything, from this address, as far as that is known.
    async fn admit(&self, presented: Option<&Presented>, from: Option<IpAddr>) -> Result<Session, AuthenticateError>;
}

/// Asks nobody: everybody is the system, whatever is presented.
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn admit(&self, _: Option<&Presented>, _: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        Ok(Session::system())
    }
}

/// Stands in a door that only trusted programs reach which cannot present anything: whoever presents nothing has a fixed role.
/// What is presented counts as at any other door.
pub struct TrustedGate {
    role: Role,
    others: Arc<dyn Gate>,
}

impl TrustedGate {
    /// Callers who present nothing get the role; others are asked for by the other gate.
    pub fn new(role: Role, others: Arc<dyn Gate>) -> Self {
        Self { role, others }
    }
}

#[async_trait]
impl Gate for TrustedGate {
    async fn admit(&self, presented: Option<&Presented>, from: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        if presented.is_some() {
            return self.others.admit(presented, from).await;
        }
        let principal = Principal { name: "trusted".to_owned(), role: self.role, ..Principal::system() };
        Ok(Session::new(principal, Proof::Nothing))
    }
}
