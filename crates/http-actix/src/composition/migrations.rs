//! The database's schema, changed by hand.

use std::fmt::Write;

use adapters_postgres::PgStore;
use anyhow::Context;

use crate::cli::Migrate;

/// Does it, and says how the schema is then.
pub(crate) async fn migrate(database_url: Option<&str>, what: Migrate) -> anyhow::Result<String> {
    let url = database_url.context("migrations are of a database: set --database-url or DATABASE_URL")?;
    // The driver of migrations would show the URL in its errors; this looks first, and does not.
    match PgStore::check_before_migration(url).await {
        Err(error @ adapters_postgres::ConnectError::Newer { .. }) if !matches!(what, Migrate::Status) => {
            return Err(error.into());
        }
        Ok(()) | Err(adapters_postgres::ConnectError::Newer { .. }) => {}
        Err(error) => return Err(anyhow::Error::from(error).context("the database cannot be used")),
    }
    match what {
        Migrate::Up => migration::up(url).await?,
        Migrate::Down { steps } => migration::down(url, Some(steps)).await?,
        Migrate::Status => {}
    }
    let survey = migration::survey(url).await?;
    let mut text = String::new();
    for state in &survey.known {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {}", if state.applied { "applied" } else { "pending" }, state.name);
    }
    for unknown in &survey.unknown {
        let _ = writeln!(text, "unknown {unknown}");
    }
    text.push_str(if survey.is_current() { "the schema is up to date" } else { "the schema is not this program's" });
    Ok(text)
}
