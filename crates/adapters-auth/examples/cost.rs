//! What each step of authentication costs on this machine: `cargo run --release -p adapters-auth --example cost`.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use adapters_auth::{Biscuits, HmacDigests, Keyring};
use biscuit_auth::{BlockBuilder, UnverifiedBiscuit};
use chrono::DateTime;
use domain::{
    access::{Resource, Right, Role, Scope, TokenGrant},
    agents::Secret,
    ports::{KeyDigests, Tokens},
};

const ROUNDS: usize = 1_000;

fn main() {
    let keyring = Keyring::parse(&Keyring::fresh_line("bench")).expect("it is a key");
    let now = DateTime::from_timestamp(1_800_000_000, 0).expect("it is a time");
    let grant = TokenGrant {
        principal: "user:alice".into(),
        source: Some("user:0190a4c0-0000-7000-8000-000000000000".into()),
        role: Role::Operator,
        scope: Scope::default(),
        hides_payloads: false,
        expires_at: now + Duration::from_hours(1),
        task: None,
    };
    let server = Biscuits::new(&keyring);
    let narrow = |token: &Secret| {
        let block = BlockBuilder::new().code(r#"check if workflow("billing"); check if mode("read");"#);
        let token = UnverifiedBiscuit::from_base64(token.reveal()).and_then(|token| token.append(block?)?.to_base64());
        Secret::new(token.expect("it can be attenuated"))
    };
    let resource = Resource { workflow: Some("billing".into()), ..Resource::default() };
    let tokens: Vec<Secret> = (0..ROUNDS).map(|_| server.mint(&grant)).collect();
    let narrowed: Vec<Secret> = tokens.iter().map(narrow).collect();

    measure("mint", |_| drop(black_box(server.mint(&grant))));
    measure("check, first time, 1 block", |n| drop(black_box(server.verify(&tokens[n], now))));
    measure("check, first time, 2 blocks", |n| drop(black_box(server.verify(&narrowed[n], now))));
    for (name, token) in [("1 block", &tokens[0]), ("2 blocks", &narrowed[0])] {
        measure(&format!("check, remembered, {name}"), |_| drop(black_box(server.verify(token, now))));
        measure(&format!("check, remembered, and evaluate, {name}"), |_| {
            let held = server.verify(token, now).expect("it is good");
            held.allows(Right::RunsRead, &resource, now).expect("it allows this");
        });
    }
    let digests = HmacDigests::new(&keyring);
    let secret = digests.fresh();
    let digest = digests.digest(&secret);
    measure("secret of an API key against its digest", |_| assert!(digests.matches(&secret, &digest)));
}

fn measure(what: &str, mut work: impl FnMut(usize)) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let started = Instant::now();
            work(round);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    let micros = |share: usize| times[ROUNDS * share / 100].as_nanos() / 100;
    let [p50, p99] = [micros(50), micros(99)].map(|tenths| format!("{}.{}", tenths / 10, tenths % 10));
    println!("{what:<45} p50 {p50:>7} us   p99 {p99:>7} us");
}
