//! Finds out who is calling.

use std::{net::IpAddr, sync::Arc};

use domain::{
    Timestamp,
    access::{ApiKey, JwtHolder, KeyDigest, KeyText, Presented, Principal, Refused, Source, TokenGrant},
    agents::Secret,
    ports::{Clock, Jwts, KeyDigests, StoreError, Tokens},
};

use super::{AccessPorts, Bounds, Proof, Session, known::KnownAccounts, uses::Uses};

/// The longest credential that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// Why a caller is not known.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// What was presented is worth nothing.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store cannot be asked. That is no refusal: the credential may be good.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds out who is calling.
pub struct Authenticate {
    known: Arc<KnownAccounts>,
    uses: Arc<Uses>,
    digests: Arc<dyn KeyDigests>,
    tokens: Arc<dyn Tokens>,
    jwts: Option<Arc<dyn Jwts>>,
    clock: Arc<dyn Clock>,
    /// The digest of a secret that nobody has: what is compared where there is nothing to compare with.
    nobody: KeyDigest,
}

impl Authenticate {
    pub(super) fn new(ports: &AccessPorts, known: Arc<KnownAccounts>, uses: Arc<Uses>) -> Self {
        Self {
            known,
            uses,
            digests: ports.digests.clone(),
            tokens: ports.tokens.clone(),
            jwts: ports.jwts.clone(),
            clock: ports.clock.clone(),
            nobody: ports.digests.digest(&ports.digests.fresh()),
        }
    }

    /// The caller who presents this from this address, as far as that is known.
    pub async fn execute(&self, presented: &Presented, from: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        let (Presented::ApiKey(text) | Presented::Token(text)) = presented;
        match text.reveal().len() {
            0 => return Err(Refused::Missing.into()),
            length if length > LONGEST => return Err(Refused::Oversized.into()),
            _ => {}
        }
        match presented {
            Presented::ApiKey(text) => self.by_key(text, from).await,
            // A JWT is three parts with dots between them (RFC 7515, section 7.1); a Biscuit is one part of base64url.
            Presented::Token(text) if text.reveal().contains('.') => self.by_jwt(text).await,
            Presented::Token(text) => self.by_token(text, from).await,
        }
    }

    async fn by_key(&self, text: &Secret, from: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        let given = KeyText::parse(text).ok_or(Refused::Malformed)?;
        let (stored, now) = (self.known.key(given.id).await?, self.clock.now());
        let is_proven = self.is_proven(stored.as_deref(), &given.secret, now);
        let key = stored.ok_or(Refused::Unknown)?;
        if !is_proven {
            return Err(Refused::Forged.into());
        }
        check(&key, from, now)?;
        self.uses.note(key.id, now);
        let principal = Principal {
            name: key.principal(),
            credential: Some(Source::Key(key.id).to_string()),
            role: key.role,
            scope: key.scope.clone(),
            hides_payloads: key.hides_payloads,
        };
        let session = Session::new(principal, Proof::ApiKey(key.id));
        Ok(Session { expires_at: key.expires_at, bounds: Bounds::of(&key), ..session })
    }

    /// Compares the secret twice, whether there is a key, one digest or two: the time tells nothing.
    fn is_proven(&self, stored: Option<&ApiKey>, secret: &Secret, now: Timestamp) -> bool {
        let previous = stored.and_then(|key| key.previous.as_ref()).filter(|previous| now < previous.until);
        let current = self.digests.matches(secret, stored.map_or(&self.nobody, |key| &key.digest));
        let before = self.digests.matches(secret, previous.map_or(&self.nobody, |previous| &previous.digest));
        current | before
    }

    async fn by_jwt(&self, text: &Secret) -> Result<Session, AuthenticateError> {
        let jwts = self.jwts.as_ref().ok_or(Refused::Unknown)?;
        let JwtHolder { principal, expires_at } = jwts.verify(text, self.clock.now()).await?;
        Ok(Session { expires_at: Some(expires_at), ..Session::new(principal, Proof::Jwt) })
    }

    async fn by_token(&self, text: &Secret, from: Option<IpAddr>) -> Result<Session, AuthenticateError> {
        let held = self.tokens.verify(text, self.clock.now())?;
        if self.known.any_revoked(held.revocation_ids()).await? {
            return Err(Refused::Revoked.into());
        }
        let grant = held.grant();
        let (source, hides, bounds) = match &grant.source {
            // The call of an agent ends with its step, and nobody is behind it.
            None => (None, false, Bounds::default()),
            Some(text) => {
                let source = Source::parse(text).ok_or(Refused::Unknown)?;
                let (hides, bounds) = self.stands(source, grant, from).await?;
                (Some(source), hides, bounds)
            }
        };
        let principal = Principal {
            name: grant.principal.clone(),
            credential: held.revocation_ids().last().cloned(),
            role: grant.role,
            scope: grant.scope.clone(),
            hides_payloads: grant.hides_payloads || hides,
        };
        let expires_at = Some(grant.expires_at);
        Ok(Session { principal, proof: Proof::Token(source), held: Some(held), expires_at, bounds })
    }

    /// An error if whoever a token was minted for would not get it any more. Otherwise whether data is hidden from them, and what
    /// bounds them.
    async fn stands(
        &self,
        source: Source,
        grant: &TokenGrant,
        from: Option<IpAddr>,
    ) -> Result<(bool, Bounds), AuthenticateError> {
        match source {
            Source::Key(id) => {
                let (key, now) = (self.known.key(id).await?.ok_or(Refused::Revoked)?, self.clock.now());
                check(&key, from, now)?;
                self.uses.note(id, now);
                Ok((key.hides_payloads, Bounds::of(&key)))
            }
            Source::User(id, epoch) => {
                let user = self.known.user(id).await?.ok_or(Refused::Revoked)?;
                let unchanged = user.active && user.epoch == epoch && user.role == grant.role;
                let trusted = (user.hides_payloads, Bounds::default());
                if unchanged { Ok(trusted) } else { Err(Refused::Revoked.into()) }
            }
        }
    }
}

fn check(key: &ApiKey, from: Option<IpAddr>, now: Timestamp) -> Result<(), Refused> {
    if key.revoked_at.is_some() {
        return Err(Refused::Revoked);
    }
    if !key.is_live(now) {
        return Err(Refused::Expired);
    }
    if key.is_usable_from(from) { Ok(()) } else { Err(Refused::Network) }
}
