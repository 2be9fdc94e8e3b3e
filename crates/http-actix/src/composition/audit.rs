//! The audit log from the command line.

use std::sync::Arc;

use adapters_auth::{AeadVault, ChainSeal, Keyring};
use adapters_postgres::PgStore;
use adapters_sqlite::SqliteChain;
use anyhow::{Context, bail, ensure};
use application::audit::{Expectations, Verified, VerifyAudit};
use domain::ports::{AuditChain, Clock};

use super::{keyring, system::SystemClock};
use crate::cli::{SecretsPlace, Verify};

/// Walks the chain of a folder or database, and answers in words; the first thing that is wrong is an error.
pub(crate) async fn verify_audit(options: &Verify) -> anyhow::Result<String> {
    let (chain, keyring) = opened(&options.place).await?;
    let verify = VerifyAudit::new(chain, Arc::new(ChainSeal::new(&keyring)));
    let expected = Expectations { max_age: options.max_age(), witness: options.head };
    let now = SystemClock::default().now();
    let verified = verify.execute(expected, now).await.context("the audit log cannot be read")?;
    if let Some(finding) = verified.finding {
        bail!("the audit log is not as it was sealed: {finding} ({} rows before it are sound)", verified.rows);
    }
    Ok(in_words(&verified, options))
}

async fn opened(place: &SecretsPlace) -> anyhow::Result<(Arc<dyn AuditChain>, Keyring)> {
    if let Some(url) = &place.database_url {
        let keyring = keyring::of(place)?;
        let store = PgStore::connect(url, AeadVault::new(&keyring)).await.context("the database cannot be used")?;
        return Ok((Arc::new(store), keyring));
    }
    let shown = place.data.display();
    ensure!(place.data.join("orrery.db").exists(), "there is no store in the folder {shown}");
    Ok((Arc::new(SqliteChain::in_folder(&place.data)), keyring::of(place)?))
}

fn in_words(verified: &Verified, options: &Verify) -> String {
    let Verified { rows, from, head, unsealed, .. } = verified;
    let Some(head) = head else { return format!("nothing is sealed yet; {unsealed} rows wait for it") };
    let removed = from.as_ref().map_or(String::new(), |from| {
        let noted = options.head.is_some_and(|witness| witness.seals < from.seals);
        let noted = if noted { ", and the noted head with them" } else { "" };
        format!("; the first {} were old enough to be removed{noted}", from.seals)
    });
    let waiting = if *unsealed > 0 { format!("; {unsealed} rows wait for the next seal") } else { String::new() };
    let (seals, at, mac) = (head.seals, head.at, head.mac);
    format!("{rows} rows are as they were sealed, up to number {seals} at {at}{removed}{waiting}\nhead {seals}:{mac}")
}
