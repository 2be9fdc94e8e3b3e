//! Every operation of the description with real keys and tokens: made by the use cases, kept in the store, checked by the server's
//! own cryptography.

use std::{sync::Arc, time::Duration};

use actix_web::test::TestRequest;
use adapters_auth::{Argon2Passwords, Biscuits, DatalogPolicy, HmacDigests, Keyring};
use adapters_memory::SequentialIds;
use application::access::{AccessPorts, AccessUseCases, NewApiKey, Session, WantedToken};
use biscuit_auth::{BlockBuilder, UnverifiedBiscuit};
use domain::{
    access::{AccountName, Actor, Presented, Right, Role, Scope},
    agents::Secret,
    ports::{Policy, Tokens},
};

use crate::{
    callers::presenting,
    rights::{Furnished, operations},
    support::Orrery,
};

/// Credentials of a server, and the use cases behind them.
struct Credentials {
    access: Arc<AccessUseCases>,
}

impl Credentials {
    fn new(orrery: &Orrery) -> Self {
        let keyring = Keyring::parse(&Keyring::fresh_line("k1")).expect("a key");
        let access = Arc::new(AccessUseCases::new(&AccessPorts {
            accounts: orrery.store(),
            transactions: orrery.store(),
            digests: HmacDigests::new(&keyring),
            passwords: Argon2Passwords::new(1),
            tokens: Biscuits::new(&keyring),
            jwts: None,
            policy: Arc::new(DatalogPolicy::load()),
            clock: Arc::new(orrery.clock.clone()),
            ids: Arc::new(SequentialIds::new(99)),
        }));
        Self { access }
    }

    /// A key of this role that ends after a while.
    async fn key(&self, role: Role, ends_in: Option<Duration>, orrery: &Orrery) -> (domain::ids::ApiKeyId, String) {
        let name = format!("{} {}", role.as_str(), ends_in.map_or(0, |time| time.as_secs()));
        let new = NewApiKey {
            name: AccountName::parse(&name).expect("a name"),
            role,
            scope: Scope::default(),
            networks: Vec::new(),
            hides_payloads: false,
            expires_at: ends_in.map(|time| domain::ports::Clock::now(&orrery.clock) + time),
        };
        let made = self.access.create_api_key.execute(new, &Session::system(), &Actor::system()).await;
        let made = made.expect("the system may make any key");
        (made.key.id, made.text.reveal().to_owned())
    }

    /// A token for a key.
    async fn token(&self, key: &str) -> String {
        let session = self.access.authenticate.execute(&Presented::ApiKey(Secret::new(key)), None).await;
        let session = session.expect("a good key");
        let by = session.actor(None, None);
        let minted = self.access.exchange_key.execute(&session, WantedToken::default(), &by).await;
        minted.expect("a token").token.reveal().to_owned()
    }
}

/// The same token with a block that its holder has added, offline.
fn attenuated(token: &str, block: &str) -> String {
    let token = UnverifiedBiscuit::from_base64(token).expect("a token");
    let block = BlockBuilder::new().code(block).expect("Datalog");
    token.append(block).and_then(|token| token.to_base64()).expect("it can be attenuated")
}

#[actix_web::test]
async fn every_operation_takes_real_keys_and_tokens_for_what_they_are_worth() {
    let furnished = Furnished::new().await;
    let orrery = furnished.orrery();
    let (policy, credentials) = (DatalogPolicy::load(), Credentials::new(orrery));
    let hour = Duration::from_hours(1);
    let (_, expiring) = credentials.key(Role::Viewer, Some(hour), orrery).await;
    orrery.clock.advance(hour * 2);
    let (id, revoked) = credentials.key(Role::Operator, Some(hour), orrery).await;
    let of_revoked = credentials.token(&revoked).await;
    credentials.access.revoke_api_key.execute(id, &Actor::system()).await.expect("it is there");
    // What is known of a key is believed for less than a second.
    orrery.clock.advance(Duration::from_secs(1));

    let (_, admin) = credentials.key(Role::Admin, None, orrery).await;
    let token = credentials.token(&admin).await;
    let strangers = Biscuits::new(&Keyring::parse(&Keyring::fresh_line("k1")).expect("a key"));
    let session = credentials.access.authenticate.execute(&Presented::Token(Secret::new(&*token)), None).await;
    let grant = session.expect("a good token").held.expect("a token").grant().clone();
    let foreign = strangers.mint(&grant).reveal().to_owned();
    let other_secret = format!("{}{}", &admin[..admin.len() - 1], if admin.ends_with('A') { 'B' } else { 'A' });
    let worthless = [
        ("expired", expiring),
        ("revoked", revoked),
        ("of a revoked key", of_revoked),
        ("of another server", foreign),
        ("truncated", token[..token.len() / 2].to_owned()),
        ("with another secret", other_secret),
        ("ended by its holder", attenuated(&token, "check if time($now), $now < 2020-01-01T00:00:00Z;")),
    ];
    let (reads, other) =
        (attenuated(&token, "check if mode(\"read\");"), attenuated(&token, "check if workflow(\"v\");"));
    let mut keys = Vec::new();
    for role in Role::ALL {
        let key = match role {
            Role::Admin => admin.clone(),
            role => credentials.key(role, None, orrery).await.1,
        };
        keys.push((role, key));
    }
    let guarded = furnished.behind(credentials.access.clone());
    // What reads comes first, while everything is there.
    let mut operations = operations();
    operations.sort_by_key(|operation| !operation.right.is_some_and(Right::reads));
    for operation in operations.iter().filter(|operation| operation.right.is_some()) {
        let right = operation.right.expect("it was looked for");
        for (why, text) in &worthless {
            let answer = guarded.call(operation, Some(text)).await;
            assert_eq!(answer.status, 401, "{} with what is {why}: {}", operation.name, answer.text());
        }
        for (role, key) in keys.iter().filter(|(role, _)| !policy.grants(*role, right)) {
            let problem = guarded.call(operation, Some(key)).await.problem(403, "forbidden");
            assert_eq!(problem["required_right"], right.as_str(), "{} as {}", operation.name, role.as_str());
        }
        if right == Right::TasksReport {
            continue;
        }
        guarded.call(operation, Some(&other)).await.problem(403, "token_restricted");
        if right.reads() {
            let answer = guarded.call(operation, Some(&reads)).await;
            assert!(answer.status.is_success(), "{}: {}", operation.name, answer.text());
            for (role, key) in keys.iter().filter(|(role, _)| policy.grants(*role, right)) {
                let answer = guarded.call(operation, Some(key)).await;
                assert!(answer.status.is_success(), "{} as {}: {}", operation.name, role.as_str(), answer.text());
            }
        } else {
            guarded.call(operation, Some(&reads)).await.problem(403, "token_restricted");
            let answer = guarded.call(operation, Some(&admin)).await;
            assert!(![401, 403].contains(&answer.status.as_u16()), "{}: {}", operation.name, answer.text());
        }
    }
    let public = presenting(TestRequest::get(), &worthless[0].1);
    guarded.orrery().send(public, "/health").await.expect(200);
}
