//! Credentials and secrets that are kept sealed: sealing anew what is in clear or under another key, beside everybody who writes.

use async_trait::async_trait;
use domain::{
    agents::AgentAuth,
    ids::{AgentId, WebhookId},
    ports::{KeptSecrets, Reseal, Resealed, SealBroken, StoreError, Vault},
    webhooks::Webhook,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    PgStore,
    failure::{Failure, Outcome},
};

/// The members of `auth_config` that are secrets, whatever the kind of authentication is now.
const SECRETS: [&str; 2] = ["token", "key"];

#[async_trait]
impl KeptSecrets for PgStore {
    async fn reseal(&self, which: Reseal) -> Result<Resealed, StoreError> {
        Ok(reseal(self, which).await?)
    }
}

async fn reseal(store: &PgStore, which: Reseal) -> Outcome<Resealed> {
    let mut found = Resealed::default();
    let sql = "SELECT id, name, auth_config FROM agents WHERE jsonb_typeof(auth_config) = 'object' ORDER BY id";
    let rows: Vec<(Uuid, String, Value)> = sqlx::query_as(sql).fetch_all(store.pool()).await?;
    for (id, name, stored) in rows {
        let sealed = sealed(AgentId::new(id), &stored, &**store.vault(), which, &mut found);
        let Some(sealed) = sealed.map_err(|broken| self::broken(&name, &broken))? else { continue };
        // Whoever has changed it meanwhile has sealed it too.
        let sql = "UPDATE agents SET auth_config = $3 WHERE id = $1 AND auth_config = $2";
        sqlx::query(sql).bind(id).bind(&stored).bind(&sealed).execute(store.pool()).await?;
    }
    reseal_webhooks(store, which, &mut found).await?;
    Ok(found)
}

async fn reseal_webhooks(store: &PgStore, which: Reseal, found: &mut Resealed) -> Outcome<()> {
    for (select, update) in [
        (
            "SELECT webhook_id, name, secret FROM webhooks ORDER BY webhook_id",
            "UPDATE webhooks SET secret = $3 WHERE webhook_id = $1 AND secret = $2",
        ),
        (
            "SELECT webhook_id, name, previous_secret FROM webhooks WHERE previous_secret IS NOT NULL ORDER BY webhook_id",
            "UPDATE webhooks SET previous_secret = $3 WHERE webhook_id = $1 AND previous_secret = $2",
        ),
    ] {
        let rows: Vec<(Uuid, String, String)> = sqlx::query_as(select).fetch_all(store.pool()).await?;
        for (id, name, stored) in rows {
            let context = Webhook::context(WebhookId::new(id));
            let sealed = found.visit(&**store.vault(), &context, &stored, which);
            let Some(sealed) = sealed.map_err(|broken| broken_webhook(&name, &broken))? else { continue };
            // Whoever has changed it meanwhile has sealed it too.
            sqlx::query(update).bind(id).bind(&stored).bind(&sealed).execute(store.pool()).await?;
        }
    }
    Ok(())
}

/// A secret of a webhook that does not open.
pub(crate) fn broken_webhook(webhook: &str, broken: &SealBroken) -> Failure {
    unreadable(format!("the secret of the webhook '{webhook}' cannot be read: {broken}"), broken)
}

/// The same with its secrets sealed anew, if there are any to be.
fn sealed(
    id: AgentId,
    stored: &Value,
    vault: &dyn Vault,
    which: Reseal,
    found: &mut Resealed,
) -> Result<Option<Value>, SealBroken> {
    let mut config = stored.clone();
    let mut changed = false;
    for name in SECRETS {
        let Some(Value::String(secret)) = config.get_mut(name) else { continue };
        if let Some(sealed) = found.visit(vault, &AgentAuth::context(id), secret, which)? {
            *secret = sealed;
            changed = true;
        }
    }
    Ok(changed.then_some(config))
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
