//! An installation whose secrets are no secrets.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use adapters_memory::{MemoryStore, SequentialIds, VirtualClock};
use application::access::{AccessPorts, AccessUseCases, AuthenticateError, IssuedApiKey, NewApiKey, NewUser, Session};
use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{
        AccountName, Actor, Forbidden, JwtHolder, KeyDigest, PasswordHash, Presented, Principal, Refused, Resource,
        Right, Role, Scope, TokenGrant, User,
    },
    agents::Secret,
    idempotency::Seed,
    ports::{Accounts, HeldToken, Jwts, KeyDigests, Passwords, Policy, Tokens},
};

pub(crate) struct Installation {
    pub(crate) uses: AccessUseCases,
    pub(crate) store: MemoryStore,
    pub(crate) clock: VirtualClock,
    pub(crate) tokens: Arc<Minted>,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let store = MemoryStore::new();
        Self::over(store.clone(), Arc::new(store))
    }

    /// A process over a store, which reads accounts through something else.
    pub(crate) fn over(store: MemoryStore, accounts: Arc<dyn Accounts>) -> Self {
        let clock = VirtualClock::new(Timestamp::from_timestamp(1_800_000_000, 0).expect("a time"));
        Self::at(clock, store, accounts)
    }

    fn at(clock: VirtualClock, store: MemoryStore, accounts: Arc<dyn Accounts>) -> Self {
        static SEEDS: AtomicU64 = AtomicU64::new(1);
        let seed = SEEDS.fetch_add(1, Ordering::Relaxed);
        let tokens = Arc::new(Minted::default());
        let uses = AccessUseCases::new(&AccessPorts {
            accounts,
            transactions: Arc::new(store.clone()),
            digests: Arc::new(Digests(AtomicU64::new(seed << 32))),
            passwords: Arc::new(Plain),
            tokens: tokens.clone(),
            jwts: Some(Arc::new(Provider)),
            policy: Arc::new(Ladder),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SequentialIds::new(seed)),
        });
        Self { uses, store, clock, tokens }
    }

    /// Another process over the same store.
    pub(crate) fn replica(&self) -> Self {
        Self::at(self.clock.clone(), self.store.clone(), Arc::new(self.store.clone()))
    }

    pub(crate) async fn key(&self, new: NewApiKey) -> IssuedApiKey {
        self.uses.create_api_key.execute(new, &Session::system(), &by()).await.expect("a key")
    }

    pub(crate) async fn person(&self, name: &str, role: Role) -> User {
        let new = NewUser { name: account(name), password: Secret::new("right"), role, hides_payloads: false };
        self.uses.create_user.execute(new, &Session::system(), &by()).await.expect("a person")
    }

    pub(crate) async fn with_key(&self, text: &Secret) -> Result<Session, Refused> {
        refusal(self.uses.authenticate.execute(&Presented::ApiKey(text.clone()), None).await)
    }

    pub(crate) async fn with_token(&self, text: &Secret) -> Result<Session, Refused> {
        refusal(self.uses.authenticate.execute(&Presented::Token(text.clone()), None).await)
    }

    pub(crate) fn wait(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }
}

pub(crate) fn refusal(answer: Result<Session, AuthenticateError>) -> Result<Session, Refused> {
    answer.map_err(|error| match error {
        AuthenticateError::Refused(refused) => refused,
        AuthenticateError::Store(error) => panic!("the store fails: {error}"),
    })
}

pub(crate) fn by() -> Actor {
    Actor::named("user:tester")
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::parse(name).expect("a name")
}

pub(crate) fn new_key(name: &str, role: Role) -> NewApiKey {
    NewApiKey {
        name: account(name),
        role,
        scope: Scope::default(),
        networks: Vec::new(),
        hides_payloads: false,
        expires_at: None,
    }
}

/// Digests that are the secret itself, as far as it has room.
struct Digests(AtomicU64);

impl KeyDigests for Digests {
    fn fresh(&self) -> Secret {
        Secret::new(format!("{:0>43}", self.0.fetch_add(1, Ordering::Relaxed)))
    }

    fn derived(&self, _: &Seed, number: u32) -> Secret {
        Secret::new(format!("{number:x>43}"))
    }

    fn digest(&self, secret: &Secret) -> KeyDigest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&secret.reveal().as_bytes()[11..]);
        KeyDigest { keyed_by: "k".to_owned(), bytes }
    }

    fn matches(&self, secret: &Secret, digest: &KeyDigest) -> bool {
        self.digest(secret) == *digest
    }
}

struct Plain;

#[async_trait]
impl Passwords for Plain {
    async fn hash(&self, password: &Secret) -> PasswordHash {
        PasswordHash(password.reveal().to_owned())
    }

    async fn verify(&self, password: &Secret, hash: Option<PasswordHash>) -> bool {
        hash.is_some_and(|hash| hash.0 == password.reveal())
    }
}

/// Tokens are looked up where they were minted. A holder attenuates one by appending `+`.
#[derive(Default)]
pub(crate) struct Minted(Mutex<HashMap<String, TokenGrant>>);

impl Tokens for Minted {
    fn mint(&self, grant: &TokenGrant) -> Secret {
        let mut minted = self.0.lock().expect("no panic");
        let text = format!("token{}", minted.len());
        minted.insert(text.clone(), grant.clone());
        Secret::new(text)
    }

    fn verify(&self, token: &Secret, now: Timestamp) -> Result<Arc<dyn HeldToken>, Refused> {
        let text = token.reveal();
        let grant = self.0.lock().expect("no panic").get(text.trim_end_matches('+')).cloned().ok_or(Refused::Forged)?;
        if grant.expires_at <= now {
            return Err(Refused::Expired);
        }
        let root = text.trim_end_matches('+').len();
        let ids = (root..=text.len()).map(|length| format!("id of {}", &text[..length])).collect();
        Ok(Arc::new(Held { grant, ids }))
    }
}

struct Held {
    grant: TokenGrant,
    ids: Vec<String>,
}

impl HeldToken for Held {
    fn grant(&self) -> &TokenGrant {
        &self.grant
    }

    fn revocation_ids(&self) -> &[String] {
        &self.ids
    }

    /// Each block says "only read".
    fn allows(&self, right: Right, _: &Resource, _: Timestamp) -> Result<(), Option<Forbidden>> {
        if self.ids.len() == 1 || right.reads() { Ok(()) } else { Err(Some(Forbidden::Attenuated)) }
    }
}

struct Provider;

#[async_trait]
impl Jwts for Provider {
    async fn verify(&self, token: &Secret, now: Timestamp) -> Result<JwtHolder, Refused> {
        match token.reveal() {
            "good.j.wt" => Ok(JwtHolder {
                principal: Principal { name: "jwt:someone".to_owned(), role: Role::Viewer, ..Principal::system() },
                expires_at: now + Duration::from_mins(5),
            }),
            _ => Err(Refused::Forged),
        }
    }
}

/// Roles as a ladder, agents beside it.
struct Ladder;

impl Policy for Ladder {
    fn grants(&self, role: Role, right: Right) -> bool {
        let least = match right {
            Right::TasksReport => return role == Role::Agent,
            Right::AccessManage => Role::Admin,
            right if right.reads() => Role::Viewer,
            _ => Role::Operator,
        };
        role != Role::Agent && role >= least
    }
}

impl Installation {
    pub(crate) fn clock_now(&self) -> Timestamp {
        use domain::ports::Clock;
        self.clock.now()
    }
}
