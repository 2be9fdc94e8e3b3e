//! A request whose caller is known.

use std::{fmt, net::IpAddr, sync::Arc};

use domain::{
    Timestamp,
    access::{Actor, Principal, Source},
    ids::ApiKeyId,
    ports::HeldToken,
};

use super::Bounds;

/// Who is calling, and by what that is known.
#[derive(Clone)]
pub struct Session {
    /// Who is calling.
    pub principal: Principal,
    /// What was presented.
    pub proof: Proof,
    /// The token, whose blocks have a say in what may be done; only with [`Proof::Token`].
    pub held: Option<Arc<dyn HeldToken>>,
    /// When what was presented ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// From where and until when the key behind it is good.
    pub bounds: Bounds,
}

/// By what a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nobody is asked: authentication is disabled, or the server itself acts.
    Nothing,
    /// An API key.
    ApiKey(ApiKeyId),
    /// A token of ours, minted for a key or a log-in; for neither where it belongs to the call of an agent.
    Token(Option<Source>),
    /// A token of the organisation's identity provider.
    Jwt,
}

impl Session {
    /// Whoever calls while nobody is asked who they are.
    pub fn system() -> Self {
        Self::new(Principal::system(), Proof::Nothing)
    }

    /// A caller who is good without end and from anywhere, by no token.
    pub fn new(principal: Principal, proof: Proof) -> Self {
        Self { principal, proof, held: None, expires_at: None, bounds: Bounds::default() }
    }

    /// The caller as the audit log is told of it.
    pub fn actor(&self, request: Option<String>, address: Option<IpAddr>) -> Actor {
        let Principal { name, credential, .. } = &self.principal;
        Actor { name: name.clone(), credential: credential.clone(), request, address, trace: None }
    }

    /// Whether somebody has put blocks onto the token. What it allows cannot be compared with what is to be given, so its
    /// holder may give nothing at all.
    pub fn is_attenuated(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.revocation_ids().len() > 1)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("principal", &self.principal)
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}
