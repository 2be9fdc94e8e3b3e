//! Credentials and secrets that are kept sealed: sealing anew what is in clear or under another key.

use async_trait::async_trait;
use domain::{
    agents::AgentAuth,
    ids::{AgentId, WebhookId},
    ports::{KeptSecrets, Reseal, Resealed, SealBroken, StoreError, Vault},
    webhooks::Webhook,
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    codec::{all, text, uuid},
    failure::{Failure, Outcome},
};

#[async_trait]
impl KeptSecrets for SqliteStore {
    async fn reseal(&self, which: Reseal) -> Result<Resealed, StoreError> {
        let vault = self.vault().clone();
        let work = move |connection: &Connection| reseal(connection, &*vault, which);
        self.writer().work(move |session| session.overwriting(work)).await
    }
}

/// Nobody else writes while this thread does.
fn reseal(connection: &Connection, vault: &dyn Vault, which: Reseal) -> Outcome<Resealed> {
    let mut found = Resealed::default();
    let sql = "SELECT id, name, auth_secret FROM agents WHERE auth_secret IS NOT NULL ORDER BY id";
    let row =
        |row: &rusqlite::Row<'_>| Ok((AgentId::new(uuid(row, 0)?), text(row, 1)?.to_owned(), text(row, 2)?.to_owned()));
    for (id, name, stored) in all(&mut *connection.prepare_cached(sql)?, [], row)? {
        let sealed = found.visit(vault, &AgentAuth::context(id), &stored, which);
        if let Some(sealed) = sealed.map_err(|broken| self::broken(&name, &broken))? {
            let sql = "UPDATE agents SET auth_secret = ?2 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(params![id.uuid().as_bytes(), sealed])?;
        }
    }
    reseal_webhooks(connection, vault, which, &mut found)?;
    Ok(found)
}

fn reseal_webhooks(connection: &Connection, vault: &dyn Vault, which: Reseal, found: &mut Resealed) -> Outcome<()> {
    for column in ["secret", "previous_secret"] {
        let sql =
            format!("SELECT webhook_id, name, {column} FROM webhooks WHERE {column} IS NOT NULL ORDER BY webhook_id");
        let row = |row: &rusqlite::Row<'_>| {
            Ok((WebhookId::new(uuid(row, 0)?), text(row, 1)?.to_owned(), text(row, 2)?.to_owned()))
        };
        for (id, name, stored) in all(&mut *connection.prepare_cached(&sql)?, [], row)? {
            let sealed = found.visit(vault, &Webhook::context(id), &stored, which);
            if let Some(sealed) = sealed.map_err(|broken| broken_webhook(&name, &broken))? {
                let sql = format!("UPDATE webhooks SET {column} = ?2 WHERE webhook_id = ?1");
                connection.prepare_cached(&sql)?.execute(params![id.uuid().as_bytes(), sealed])?;
            }
        }
    }
    Ok(())
}

/// A secret of a webhook that does not open.
pub(crate) fn broken_webhook(webhook: &str, broken: &SealBroken) -> Failure {
    unreadable(format!("the secret of the webhook '{webhook}' cannot be read: {broken}"), broken)
}

/// A credential that does not open.
pub(crate) fn broken(agent: &str, broken: &SealBroken) -> Failure {
    unreadable(format!("the credential of the agent '{agent}' cannot be read: {broken}"), broken)
}

fn unreadable(what: String, broken: &SealBroken) -> Failure {
    match broken {
        // Processes get a new key one after the other.
        SealBroken::UnknownKey(_) => Failure::Locked(what),
        SealBroken::Broken => Failure::Corrupt(what),
    }
}
