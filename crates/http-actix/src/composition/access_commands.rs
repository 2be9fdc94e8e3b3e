//! `orrery keys` and `orrery users`, on the store itself.

use std::{collections::BTreeSet, fmt::Write as _, io::IsTerminal, sync::Arc, time::Duration};

use adapters_auth::{AeadVault, Argon2Passwords, Biscuits, DatalogPolicy, HmacDigests, Keyring};
use adapters_postgres::PgStore;
use adapters_sqlite::{OpenError, SqliteStore};
use anyhow::{Context, bail, ensure};
use application::access::{AccessPorts, AccessUseCases, IssuedApiKey, NewApiKey, NewUser, Session, UserChanges};
use domain::{
    Timestamp,
    access::{Actor, ApiKey, Scope, User},
    agents::Secret,
    page::{MAX_PAGE_SIZE, Page, PageRequest},
    ports::{Accounts, Clock, StoreError, Transactions},
};

use super::{
    keyring::{self, Place},
    system::{SystemClock, SystemIds},
};
use crate::cli::{
    SecretsPlace,
    access::{KeysDo, NewKey, UsersDo},
};

/// The shortest password that is taken, in characters; the REST API says so too.
const SHORTEST_PASSWORD: usize = 12;

/// What a command says: to people on standard error, to programs on standard output.
pub(crate) struct Said {
    /// For people.
    pub(crate) about: String,
    /// The one thing that was asked for.
    pub(crate) result: Option<String>,
}

/// Does something with API keys.
pub(crate) async fn manage_keys(place: &SecretsPlace, what: KeysDo) -> anyhow::Result<Said> {
    let opened = Opened::at(place).await?;
    let (access, by, session) = (&opened.access, by(), Session::system());
    match what {
        KeysDo::Create(new) => {
            let new = opened.wanted(new);
            Ok(issued("made", &access.create_api_key.execute(new, &session, &by).await?))
        }
        KeysDo::Rotate { id, grace_seconds } => {
            let grace = Duration::from_secs(grace_seconds);
            Ok(issued("gave a new secret to", &access.rotate_api_key.execute(id, grace, &session, &by).await?))
        }
        KeysDo::Revoke { id } => {
            let key = access.revoke_api_key.execute(id, &by).await?;
            Ok(Said { about: format!("revoked the key '{}' ({})", key.name, key.id), result: None })
        }
        KeysDo::List => {
            let keys = every(async |page| access.list_api_keys.execute(page).await).await?;
            let now = opened.clock.now();
            Ok(listed(keys.iter().map(|key| key_line(key, now)), "id\tname\trole\tstate\tlast used\tmade by"))
        }
    }
}

/// Does something with people.
pub(crate) async fn manage_users(place: &SecretsPlace, what: UsersDo) -> anyhow::Result<Said> {
    let opened = Opened::at(place).await?;
    let (access, by, session) = (&opened.access, by(), Session::system());
    match what {
        UsersDo::Create { name, role, hides_payloads } => {
            let new = NewUser { name, password: password()?, role: role.into(), hides_payloads };
            let user = access.create_user.execute(new, &session, &by).await?;
            Ok(Said {
                about: format!("'{}' can log in as {}", user.name, user.role.as_str()),
                result: Some(user.id.to_string()),
            })
        }
        UsersDo::Password { name } => {
            let found = opened.accounts.user_named(name.as_str()).await?;
            let user = found.with_context(|| format!("nobody is called '{name}'"))?;
            let changes = UserChanges { password: Some(password()?), ..UserChanges::default() };
            access.update_user.execute(user.id, changes, &session, &by).await?;
            Ok(Said { about: format!("'{name}' has a new password; earlier log-ins have ended"), result: None })
        }
        UsersDo::List => {
            let users = every(async |page| access.list_users.execute(page).await).await?;
            Ok(listed(users.iter().map(user_line), "id\tname\trole\tstate"))
        }
    }
}

/// The store of a place, and what can be done with its accounts.
struct Opened {
    access: AccessUseCases,
    accounts: Arc<dyn Accounts>,
    clock: Arc<dyn Clock>,
}

impl Opened {
    async fn at(place: &SecretsPlace) -> anyhow::Result<Self> {
        if let Some(url) = &place.database_url {
            let keyring = keyring::of(place)?;
            let store = PgStore::connect(url, AeadVault::new(&keyring)).await;
            let store = store.context("the database cannot be used")?;
            return Ok(Self::over(Arc::new(store), &keyring));
        }
        let shown = place.data.display();
        ensure!(
            place.data.join("orrery.db").exists(),
            "there is no store in the folder {shown}: name another with --data, or start the server, which makes one"
        );
        let keyring = keyring::load(&place.keys, Place::Folder(&place.data))?;
        let store = match SqliteStore::open(&place.data, AeadVault::new(&keyring)) {
            Ok(store) => store,
            Err(OpenError::InUse { .. }) => bail!(
                "a server is running on the folder {shown}, and nobody else can write there meanwhile: use its API \
                 (/api/v1/api-keys and /api/v1/users), or stop it first"
            ),
            Err(other) => return Err(other).with_context(|| format!("cannot open the store in {shown}")),
        };
        Ok(Self::over(Arc::new(store), &keyring))
    }

    fn over<S: Accounts + Transactions + 'static>(store: Arc<S>, keyring: &Keyring) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let access = AccessUseCases::new(&AccessPorts {
            accounts: store.clone(),
            transactions: store.clone(),
            digests: HmacDigests::new(keyring),
            passwords: Argon2Passwords::new(1),
            tokens: Biscuits::new(keyring),
            jwts: None,
            policy: Arc::new(DatalogPolicy::load()),
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
        });
        Self { access, accounts: store, clock }
    }

    fn wanted(&self, new: NewKey) -> NewApiKey {
        let names = |names: Vec<String>| (!names.is_empty()).then(|| names.into_iter().collect::<BTreeSet<_>>());
        let end = |days: u64| self.clock.now() + Duration::from_hours(24 * days);
        NewApiKey {
            name: new.name,
            role: new.role.into(),
            scope: Scope { workflows: names(new.workflow), agents: names(new.agent) },
            networks: new.network,
            hides_payloads: new.hides_payloads,
            expires_at: new.expires_in_days.map(end),
        }
    }
}

/// Whoever can reach the store is not asked who they are.
fn by() -> Actor {
    Actor::named("cli")
}

fn issued(done: &str, issued: &IssuedApiKey) -> Said {
    let IssuedApiKey { key, text } = issued;
    let about =
        format!("{done} the key '{}' ({}), {}; it is shown this once:", key.name, key.id, one(key.role.as_str()));
    Said { about, result: Some(text.reveal().to_owned()) }
}

/// The word with its article.
fn one(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {word}")
}

/// All items of a list.
async fn every<T>(page: impl AsyncFn(PageRequest) -> Result<Page<T>, StoreError>) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::new();
    let mut wanted = PageRequest::first(MAX_PAGE_SIZE);
    while let Some(request) = wanted {
        let Page { items, next, .. } = page(request).await?;
        all.extend(items);
        wanted = next.and_then(|next| PageRequest::after(next, MAX_PAGE_SIZE));
    }
    Ok(all)
}

fn listed(lines: impl Iterator<Item = String>, head: &str) -> Said {
    let lines: Vec<String> = lines.collect();
    Said { about: head.to_owned(), result: (!lines.is_empty()).then(|| lines.join("\n")) }
}

fn key_line(key: &ApiKey, now: Timestamp) -> String {
    let state = match (key.revoked_at, key.is_live(now)) {
        (Some(_), _) => "revoked",
        (None, false) => "expired",
        (None, true) => "good",
    };
    let used = key.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
    let mut line = format!("{}\t{}\t{}\t{state}\t{used}\t{}", key.id, key.name, key.role.as_str(), key.created_by);
    for (what, names) in [("workflows", &key.scope.workflows), ("agents", &key.scope.agents)] {
        if let Some(names) = names {
            // Writing to a String cannot fail.
            let _ = write!(line, "\t{what}: {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        }
    }
    line
}

fn user_line(user: &User) -> String {
    let state = if user.active { "active" } else { "inactive" };
    format!("{}\t{}\t{}\t{state}", user.id, user.name, user.role.as_str())
}

/// One line from standard input. Never from the command line, which every process can read.
fn password() -> anyhow::Result<Secret> {
    if std::io::stdin().is_terminal() {
        eprintln!("Password (shown as you type; a pipe shows nothing):");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(
        password.chars().count() >= SHORTEST_PASSWORD,
        "a password of at least {SHORTEST_PASSWORD} characters is needed on standard input"
    );
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use domain::access::Role;

    use super::*;

    #[test]
    fn roles_have_the_right_article() {
        let all = Role::ALL.map(|role| one(role.as_str()));
        assert_eq!(all, ["an agent", "a viewer", "an operator", "a designer", "an admin"]);
    }
}
