//! Credentials of agents lie in the folder encrypted, and only there, and only for their agent.

use std::{fs, path::Path, sync::Arc};

use adapters_auth::{AeadVault, Keyring};
use adapters_sqlite::SqliteStore;
use domain::{
    agents::{Agent, AgentAuth, ApiKey, Secret},
    ports::{Agents, KeptSecrets, Reseal, Resealed, StoreError, Webhooks},
    webhooks::{PreviousSecret, Webhook},
};
use port_contracts::{
    Change, Stores,
    samples::{agent, at, signing_secret, webhook},
};
use rusqlite::Connection;

const SECRET: &str = "s3cret-of-an-agent-that-nobody-may-find";

fn vault(lines: &[&str]) -> Arc<AeadVault> {
    AeadVault::new(&Keyring::parse(&lines.join("\n")).expect("these are keys"))
}

fn with_key(name: &str) -> Agent {
    let key = ApiKey { header: "X-Key".into(), key: Secret::new(SECRET) };
    Agent { auth: AgentAuth::ApiKey(Some(key)), ..agent(name) }
}

fn with_token(name: &str) -> Agent {
    Agent { auth: AgentAuth::Bearer(Some(Secret::new(SECRET))), ..agent(name) }
}

fn open(folder: &Path, lines: &[&str]) -> SqliteStore {
    SqliteStore::open(folder, vault(lines)).expect("a store")
}

/// Whether the secret is anywhere in the folder's files.
fn lies_in(folder: &Path) -> bool {
    let files = fs::read_dir(folder).expect("it can be listed").map(|file| file.expect("a file").path());
    files.map(|file| fs::read(file).expect("it can be read")).any(|bytes| found_in(&bytes))
}

fn found_in(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

fn sql(folder: &Path, statement: &str) {
    let connection = Connection::open(folder.join("orrery.db")).expect("it opens");
    connection.execute_batch(statement).expect("it is SQL");
}

async fn auth_of(store: &SqliteStore, agent: &Agent) -> Result<AgentAuth, StoreError> {
    Ok(Agents::get(store, agent.id).await?.expect("it is there").auth)
}

#[tokio::test]
async fn what_is_written_is_nowhere_in_clear_and_is_read_back() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), Keyring::fresh_line("k"));
    let agents = [with_key("a"), with_token("b")];
    let stores = Stores::new(open(folder.path(), &[&key]));
    stores.changed(&agents.clone().map(Change::AddAgent)).await;
    let changed = Agent { revision: agents[0].revision + 1, description: Some("new".into()), ..agents[0].clone() };
    stores.changed(&[Change::ReplaceAgent(changed)]).await;
    assert!(!lies_in(folder.path()), "while it runs");
    drop(stores);
    assert!(!lies_in(folder.path()), "afterwards");
    let store = open(folder.path(), &[&key]);
    for agent in agents {
        assert_eq!(auth_of(&store, &agent).await.expect("it opens"), agent.auth);
    }
}

#[tokio::test]
async fn a_credential_that_is_copied_to_another_agent_does_not_open_there() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), Keyring::fresh_line("k"));
    let (a, b) = (with_token("a"), with_token("b"));
    let stores = Stores::new(open(folder.path(), &[&key]));
    stores.changed(&[Change::AddAgent(a.clone()), Change::AddAgent(b.clone())]).await;
    drop(stores);
    sql(
        folder.path(),
        "UPDATE agents SET auth_secret = (SELECT auth_secret FROM agents WHERE name = 'a') WHERE name = 'b'",
    );
    let store = open(folder.path(), &[&key]);
    assert!(auth_of(&store, &a).await.is_ok());
    let refused = auth_of(&store, &b).await.expect_err("it is another's");
    assert!(matches!(&refused, StoreError::Corrupt(what) if what.contains("agent 'b'")), "{refused}");
}

#[tokio::test]
async fn a_missing_key_is_named() {
    let (folder, old, new) =
        (tempfile::tempdir().expect("a folder"), Keyring::fresh_line("old-key"), Keyring::fresh_line("new-key"));
    let a = with_token("a");
    let stores = Stores::new(open(folder.path(), &[&old]));
    stores.changed(&[Change::AddAgent(a.clone())]).await;
    drop(stores);
    let store = open(folder.path(), &[&new]);
    let refusals = [auth_of(&store, &a).await.err(), store.reseal(Reseal::Clear).await.err()];
    for refused in refusals {
        let refused = refused.expect("the key is missing");
        assert!(matches!(refused, StoreError::Locked(_)), "another process may have it: {refused}");
        let refused = refused.to_string();
        assert!(refused.contains("'old-key'") && refused.contains("agent 'a'"), "{refused}");
        assert!(!refused.contains(SECRET));
    }
}

#[tokio::test]
async fn what_was_stored_in_clear_is_read_and_swept_without_a_trace() {
    let (folder, key) = (tempfile::tempdir().expect("a folder"), Keyring::fresh_line("k"));
    let agents = [with_key("a"), with_token("b"), agent("c")];
    let stores = Stores::new(open(folder.path(), &[&key]));
    stores.changed(&agents.clone().map(Change::AddAgent)).await;
    drop(stores);
    sql(folder.path(), &format!("UPDATE agents SET auth_secret = '{SECRET}' WHERE auth_secret IS NOT NULL"));
    assert!(lies_in(folder.path()), "as an older program has left it");
    let store = open(folder.path(), &[&key]);
    for agent in &agents {
        assert_eq!(auth_of(&store, agent).await.expect("it is read as it is"), agent.auth);
    }
    let found = store.reseal(Reseal::Clear).await.expect("the store works");
    assert_eq!(found, Resealed { clear: 2, rotated: 0, kept: 0 });
    let again = store.reseal(Reseal::Clear).await.expect("the store works");
    assert_eq!(again, Resealed { clear: 0, rotated: 0, kept: 2 });
    for agent in &agents {
        assert_eq!(auth_of(&store, agent).await.expect("it opens"), agent.auth);
    }
    drop(store);
    assert!(!lies_in(folder.path()));
}

#[tokio::test]
async fn a_rotation_leaves_nothing_under_the_old_key() {
    let (folder, old, new) =
        (tempfile::tempdir().expect("a folder"), Keyring::fresh_line("old"), Keyring::fresh_line("new"));
    let (a, b) = (with_token("a"), with_key("b"));
    let stores = Stores::new(open(folder.path(), &[&old]));
    stores.changed(&[Change::AddAgent(a.clone())]).await;
    drop(stores);
    let store = open(folder.path(), &[&new, &old]);
    let stores = Stores::new(store.clone());
    stores.changed(&[Change::AddAgent(b.clone())]).await;
    let started = store.reseal(Reseal::Clear).await.expect("the store works");
    assert_eq!(started, Resealed { clear: 0, rotated: 0, kept: 2 }, "a start does not rotate");
    let found = store.reseal(Reseal::NotCurrent).await.expect("the store works");
    assert_eq!(found, Resealed { clear: 0, rotated: 1, kept: 1 });
    drop((stores, store));
    let store = open(folder.path(), &[&new]);
    for agent in [a, b] {
        assert_eq!(auth_of(&store, &agent).await.expect("the old key is not needed"), agent.auth);
    }
}

#[tokio::test]
async fn secrets_of_webhooks_lie_encrypted_and_are_rotated() {
    let (folder, old, new) =
        (tempfile::tempdir().expect("a folder"), Keyring::fresh_line("old"), Keyring::fresh_line("new"));
    let previous = Some(PreviousSecret { secret: signing_secret('p'), until: at(9) });
    let told = Webhook { previous, ..webhook("a") };
    let stores = Stores::new(open(folder.path(), &[&old]));
    stores.changed(&[Change::AddWebhook(told.clone())]).await;
    drop(stores);
    for file in fs::read_dir(folder.path()).expect("it can be listed") {
        let bytes = fs::read(file.expect("a file").path()).expect("it can be read");
        for secret in ["ssssssssssssssss", "pppppppppppppppp"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
    let store = open(folder.path(), &[&new, &old]);
    let found = store.reseal(Reseal::NotCurrent).await.expect("the store works");
    assert_eq!(found, Resealed { clear: 0, rotated: 2, kept: 0 });
    drop(store);
    let store = open(folder.path(), &[&new]);
    assert_eq!(Webhooks::get(&store, told.id).await.expect("the old key is not needed"), Some(told));
    drop(store);
    let refused = Webhooks::enabled(&open(folder.path(), &[&old])).await.expect_err("the key is missing");
    assert!(matches!(&refused, StoreError::Locked(what) if what.contains("webhook 'a'")), "{refused}");
}
