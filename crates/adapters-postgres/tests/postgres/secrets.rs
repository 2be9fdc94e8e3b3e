//! Credentials of agents lie in the table encrypted, and only for their agent; what the old system stored in clear is read.

use std::sync::Arc;

use adapters_auth::{AeadVault, Keyring};
use adapters_postgres::PgStore;
use dev_services::Database;
use domain::{
    agents::{Agent, AgentAuth, ApiKey, Secret},
    ports::{Agents, KeptSecrets, Reseal, Resealed, StoreError, Webhooks},
    webhooks::{PreviousSecret, Webhook},
};
use port_contracts::{
    Change, Stores,
    samples::{agent, at, signing_secret, webhook},
};
use sqlx::{Connection, PgConnection};

use crate::stores::migrated;

const SECRET: &str = "s3cret-of-an-agent-that-nobody-may-find";

fn vault(lines: &[&str]) -> Arc<AeadVault> {
    AeadVault::new(&Keyring::parse(&lines.join("\n")).expect("these are keys"))
}

async fn open(database: &Database, lines: &[&str]) -> PgStore {
    PgStore::connect(database.url(), vault(lines)).await.expect("a store")
}

fn agents() -> [Agent; 2] {
    let key = ApiKey { header: "X-Key".into(), key: Secret::new(SECRET) };
    [
        Agent { auth: AgentAuth::ApiKey(Some(key)), ..agent("a") },
        Agent { auth: AgentAuth::Bearer(Some(Secret::new(SECRET))), ..agent("b") },
    ]
}

/// The table as anybody sees it who can read it.
async fn rows(database: &Database) -> String {
    let mut connection = PgConnection::connect(database.url()).await.expect("it connects");
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT agents::text FROM agents").fetch_all(&mut connection).await.expect("it reads");
    rows.join("\n")
}

async fn auth_of(store: &PgStore, agent: &Agent) -> Result<AgentAuth, StoreError> {
    Ok(Agents::get(store, agent.id).await?.expect("it is there").auth)
}

#[tokio::test]
async fn a_row_shows_no_credential_and_one_that_is_copied_does_not_open() {
    let (database, key) = (migrated().await, Keyring::fresh_line("k"));
    let store = open(&database, &[&key]).await;
    let agents = agents();
    Stores::new(store.clone()).changed(&agents.clone().map(Change::AddAgent)).await;
    let rows = rows(&database).await;
    assert!(rows.contains("orrery-sealed:1:k:") && !rows.contains(SECRET), "{rows}");
    for agent in &agents {
        assert_eq!(auth_of(&store, agent).await.expect("it opens"), agent.auth);
    }
    let copied = "UPDATE agents SET auth_config = jsonb_build_object('token', auth_config -> 'token', 'key',
                  (SELECT auth_config -> 'token' FROM agents WHERE name = 'b'), 'header_name', 'X-Key') WHERE name = 'a'";
    database.run(copied).await;
    let refused = auth_of(&store, &agents[0]).await.expect_err("it is another's");
    assert!(matches!(&refused, StoreError::Corrupt(what) if what.contains("agent 'a'")), "{refused}");
}

#[tokio::test]
async fn what_the_old_system_stored_is_read_swept_and_rotated() {
    let (database, old, new) = (migrated().await, Keyring::fresh_line("old"), Keyring::fresh_line("new"));
    let store = open(&database, &[&old]).await;
    let agents = agents();
    Stores::new(store.clone()).changed(&agents.clone().map(Change::AddAgent)).await;
    let in_clear = r#"
        UPDATE agents SET auth_config = '{"key": "s3cret-of-an-agent-that-nobody-may-find", "header_name": "X-Key"}' WHERE name = 'a';
        UPDATE agents SET auth_config = '{"token": "s3cret-of-an-agent-that-nobody-may-find"}' WHERE name = 'b';"#;
    database.run(in_clear).await;
    assert!(rows(&database).await.contains(SECRET), "as the old system has left it");
    for agent in &agents {
        assert_eq!(auth_of(&store, agent).await.expect("it is read as it is"), agent.auth);
    }
    let swept = store.reseal(Reseal::Clear).await.expect("the store works");
    assert_eq!(swept, Resealed { clear: 2, rotated: 0, kept: 0 });
    assert!(!rows(&database).await.contains(SECRET));
    let rotating = open(&database, &[&new, &old]).await;
    let started = rotating.reseal(Reseal::Clear).await.expect("the store works");
    assert_eq!(started, Resealed { clear: 0, rotated: 0, kept: 2 });
    for counts in [Resealed { clear: 0, rotated: 2, kept: 0 }, Resealed { clear: 0, rotated: 0, kept: 2 }] {
        assert_eq!(rotating.reseal(Reseal::NotCurrent).await.expect("the store works"), counts);
    }
    let after = open(&database, &[&new]).await;
    for agent in &agents {
        assert_eq!(auth_of(&after, agent).await.expect("it opens"), agent.auth);
    }
    let refused = auth_of(&store, &agents[0]).await.expect_err("it does not have the new key").to_string();
    assert!(refused.contains("'new'") && !refused.contains(SECRET), "{refused}");
}

#[tokio::test]
async fn secrets_of_webhooks_lie_encrypted_and_are_rotated() {
    let (database, old, new) = (migrated().await, Keyring::fresh_line("old"), Keyring::fresh_line("new"));
    let previous = Some(PreviousSecret { secret: signing_secret('p'), until: at(9) });
    let told = Webhook { previous, ..webhook("a") };
    let store = open(&database, &[&old]).await;
    Stores::new(store).changed(&[Change::AddWebhook(told.clone())]).await;
    let mut connection = PgConnection::connect(database.url()).await.expect("it connects");
    let row: String =
        sqlx::query_scalar("SELECT webhooks::text FROM webhooks").fetch_one(&mut connection).await.expect("it reads");
    assert!(!row.contains("ssssssssssssssss") && !row.contains("pppppppppppppppp"), "{row}");
    let rotating = open(&database, &[&new, &old]).await;
    for counts in [Resealed { clear: 0, rotated: 2, kept: 0 }, Resealed { clear: 0, rotated: 0, kept: 2 }] {
        assert_eq!(rotating.reseal(Reseal::NotCurrent).await.expect("the store works"), counts);
    }
    let after = open(&database, &[&new]).await;
    assert_eq!(Webhooks::get(&after, told.id).await.expect("the old key is not needed"), Some(told));
}
