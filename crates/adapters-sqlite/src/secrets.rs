//! Credentials that are kept sealed: sealing anew what is in clear or under another key.

use async_trait::async_trait;
use domain::{
    agents::AgentAuth,
    ids::AgentId,
    ports::{KeptSecrets, Reseal, Resealed, SealBroken, StoreError, Vault},
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
    Ok(found)
}

/// A credential that does not open.
pub(crate) fn broken(agent: &str, broken: &SealBroken) -> Failure {
    let what = format!("the credential of the agent '{agent}' cannot be read: {broken}");
    match broken {
        // Processes get a new key one after the other.
        SealBroken::UnknownKey(_) => Failure::Locked(what),
        SealBroken::Broken => Failure::Corrupt(what),
    }
}
