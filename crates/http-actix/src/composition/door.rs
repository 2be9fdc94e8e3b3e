//! The doors of a process: who is asked for credentials at each, and with what they are checked.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use adapters_auth::{Argon2Passwords, DatalogPolicy, HmacDigests, JwtSettings, Keyring, ProviderJwts};
use anyhow::Context;
use application::{
    Ports,
    access::{AccessPorts, AccessUseCases, Authorize, FirstKey, Gate, OpenGate, TrustedGate},
};
use domain::{
    access::Role,
    agents::Secret,
    ports::{Accounts, Jwts, Tokens},
};
use http_actix::{Guard, RequestDigests};
use tokio_util::sync::CancellationToken;

use crate::cli::{Auth, DoorSettings};

/// How many passwords are hashed at a time; each takes a core for tens of milliseconds, and 19 MiB.
const PASSWORDS_AT_A_TIME: usize = 2;

/// How often the store is told which keys were used.
const TELLING: Duration = Duration::from_secs(5);

/// How many of those go by before revocations that nobody needs are forgotten.
const FORGETTING: u32 = 120;

/// The use cases of access, over the store and the server's keys.
pub(super) fn use_cases(
    settings: &DoorSettings,
    ports: &Ports,
    accounts: Arc<dyn Accounts>,
    tokens: Arc<dyn Tokens>,
    keyring: &Keyring,
) -> anyhow::Result<Arc<AccessUseCases>> {
    let jwts = settings.jwt_issuers_file.as_deref().map(jwts).transpose()?;
    Ok(Arc::new(AccessUseCases::new(&AccessPorts {
        accounts,
        transactions: ports.transactions.clone(),
        digests: Arc::new(RequestDigests::new(HmacDigests::new(keyring))),
        passwords: Argon2Passwords::new(PASSWORDS_AT_A_TIME),
        tokens,
        jwts,
        policy: Arc::new(DatalogPolicy::load()),
        clock: ports.clock.clone(),
        ids: ports.ids.clone(),
    })))
}

/// The identity providers in a file.
fn jwts(file: &Path) -> anyhow::Result<Arc<dyn Jwts>> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("the identity providers in {shown} cannot be read"))?;
    let jwts = JwtSettings::parse(&text).and_then(ProviderJwts::new);
    let jwts = jwts.with_context(|| format!("the identity providers in {shown} cannot be used"))?;
    Ok(jwts)
}

/// Whether the identity providers can be used, as far as that can be told without asking them.
pub(super) fn check_issuers(settings: &DoorSettings) -> anyhow::Result<()> {
    settings.jwt_issuers_file.as_deref().map_or(Ok(()), |file| jwts(file).map(drop))
}

/// The guards of the doors.
pub(super) struct Guards {
    /// Of the API.
    pub(super) api: Guard,
    /// Of the address for programs that cannot present anything.
    pub(super) trusted: Guard,
}

/// Puts a guard into each door.
pub(super) fn guards(settings: &DoorSettings, ports: &Ports, access: Arc<AccessUseCases>) -> Guards {
    let authorize = Arc::new(Authorize::new(ports, access.policy.clone()));
    let asking: Arc<dyn Gate> = access;
    let api: Arc<dyn Gate> = match settings.auth {
        Auth::Required => asking.clone(),
        Auth::Disabled => Arc::new(OpenGate),
    };
    let trusted = TrustedGate::new(Role::from(settings.trusted_role), asking);
    let hosts = settings.known_hosts();
    let guard = |gate| {
        let guard = Guard::new(gate, authorize.clone()).for_origins(&settings.trusted_origins);
        guard.for_hosts(hosts.clone())
    };
    Guards { api: guard(api), trusted: guard(Arc::new(trusted)) }
}

/// Sees to it that somebody can manage access; answers the key, if one was made.
pub(super) async fn ensure_somebody_has_a_key(
    settings: &DoorSettings,
    access: &AccessUseCases,
) -> anyhow::Result<Option<Secret>> {
    http_actix::asks_for_credentials(settings.auth == Auth::Required);
    if settings.auth == Auth::Disabled {
        tracing::warn!(
            "nobody is asked for credentials (--auth disabled): whoever reaches this server may do everything"
        );
        return Ok(None);
    }
    let first = access.ensure_admin_key.execute(settings.admin_key.as_ref()).await;
    match first.context("the first administrator gets no key (ORRERY_ADMIN_KEY)")? {
        FirstKey::Made(text) => return Ok(Some(text)),
        FirstKey::Given => tracing::info!("the key in ORRERY_ADMIN_KEY is the first administrator's"),
        FirstKey::NotNeeded => {}
        FirstKey::Ignored => {
            tracing::warn!(
                "the key in ORRERY_ADMIN_KEY counts for nothing: there are keys already, and it is none of them"
            );
        }
    }
    Ok(None)
}

/// Tells the first key, on standard output and not in the log: logs are kept and sent on.
pub(super) fn print_first_key(key: &Secret, server: SocketAddr) {
    use std::io::Write;
    let key = key.reveal();
    let text = format!(
        "The first administrator's API key, which is not shown again:\n\n    {key}\n\n\
         Send it as X-API-Key: curl -H \"X-API-Key: {key}\" http://{server}/api/v1/runs\n"
    );
    // A closed pipe is no reason not to serve: another key can be made with `orrery keys`.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Tells the store now and then what only this process knows of keys, and a last time at the end.
pub(super) async fn keep_accounts(access: Arc<AccessUseCases>, stop: CancellationToken) {
    for round in 1_u32.. {
        let ends = stop.run_until_cancelled(tokio::time::sleep(TELLING)).await.is_none();
        if let Err(error) = access.keep_accounts.tick().await {
            tracing::warn!(%error, "it was not written down when keys were last used; that is tried again");
        }
        if ends {
            return;
        }
        if round.is_multiple_of(FORGETTING)
            && let Err(error) = access.keep_accounts.forget().await
        {
            tracing::warn!(%error, "revocations of tokens that have ended were not forgotten; that is tried again");
        }
    }
}
