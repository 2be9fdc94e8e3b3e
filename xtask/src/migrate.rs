//! `cargo xtask migrate`: the schema of a PostgreSQL database, forth and back.

use anyhow::{Context, bail, ensure};
use dev_services::Postgres;
use migration::{MigrateError, Survey};

use crate::workspace::variable;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The database; otherwise the one that `DATABASE_URL` names.
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Applies all pending migrations.
    Up,
    /// Takes migrations back, the newest first.
    Down {
        /// How many.
        #[arg(long, default_value_t = 1, conflicts_with = "all")]
        steps: u32,
        /// All of them. Whatever Orrery had added is lost.
        #[arg(long)]
        all: bool,
        /// Yes, what Orrery had added may be lost (needed with --all).
        #[arg(long)]
        yes: bool,
    },
    /// Shows which migrations are applied.
    Status,
    /// Drops everything in the current schema and applies all migrations. All data is lost.
    Fresh {
        /// Yes, all data of this database may be lost.
        #[arg(long)]
        yes: bool,
    },
    /// Fails if migrations are pending, or if some are applied that this version does not know.
    Check,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let url = options.database_url.clone().or_else(|| variable("DATABASE_URL")).context(
        "no database is named: give --database-url, or set DATABASE_URL ('cargo xtask services up' starts one and says how)",
    )?;
    // Asked here, because the libraries below repeat a URL that they cannot use, with its password.
    ensure!(is_postgres(&url), "the database's URL must begin with postgres:// or postgresql://");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(act(&options.action, &url))
}

async fn act(action: &Action, url: &str) -> anyhow::Result<()> {
    // First of all: migrations would wait for a server that is not there. The URL is not shown, it may hold a password.
    Postgres::answers_at(url).context("the database cannot be reached")?;
    let done = match action {
        Action::Up => migration::up(url).await,
        Action::Down { all: true, yes: false, .. } => {
            bail!("'down --all' drops whatever Orrery had added to the database; say --yes if that is what you want")
        }
        Action::Down { all: true, yes: true, .. } => migration::down(url, None).await,
        Action::Down { steps, .. } => migration::down(url, Some(*steps)).await,
        Action::Fresh { yes: false } => {
            bail!("'fresh' drops all data of the database; say --yes if that is what you want")
        }
        Action::Fresh { yes: true } => migration::fresh(url).await,
        Action::Status => Ok(()),
        Action::Check => return check(&surveyed(url).await?),
    };
    done.map_err(|error| said(&error))?;
    print!("{}", table(&surveyed(url).await?));
    Ok(())
}

fn is_postgres(url: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
}

async fn surveyed(url: &str) -> anyhow::Result<Survey> {
    migration::survey(url).await.map_err(|error| said(&error))
}

/// Its sentence holds its causes already.
fn said(error: &MigrateError) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

fn check(survey: &Survey) -> anyhow::Result<()> {
    if survey.is_current() {
        println!("the database has the schema that this version knows");
        return Ok(());
    }
    print!("{}", table(survey));
    let pending = survey.known.iter().filter(|state| !state.applied).count();
    bail!("{pending} migrations are pending, {} are unknown to this version", survey.unknown.len())
}

fn table(survey: &Survey) -> String {
    let known = survey.known.iter().map(|state| (if state.applied { "applied" } else { "pending" }, &state.name));
    let unknown = survey.unknown.iter().map(|name| ("unknown", name));
    let lines: Vec<_> = known.chain(unknown).map(|(state, name)| format!("{state:<8}  {name}\n")).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use migration::State;

    use super::*;

    #[test]
    fn a_url_of_another_scheme_is_refused_without_being_repeated() {
        let options = Options {
            database_url: Some("postgresql+asyncpg://user:secret@127.0.0.1/orrery".to_owned()),
            action: Action::Status,
        };
        let refusal = format!("{:#}", run(&options).unwrap_err());
        assert_eq!(refusal, "the database's URL must begin with postgres:// or postgresql://");
    }

    #[test]
    fn a_database_that_is_ahead_or_behind_does_not_pass() {
        let state = |applied| State { name: "m0001".to_owned(), applied };
        let survey = |applied, unknown: &[&str]| Survey {
            known: vec![state(applied)],
            unknown: unknown.iter().map(ToString::to_string).collect(),
        };
        assert!(check(&survey(true, &[])).is_ok());
        assert!(check(&survey(false, &[])).is_err());
        assert!(check(&survey(true, &["m9999"])).is_err());
        assert_eq!(table(&survey(true, &["m9999"])), "applied   m0001\nunknown   m9999\n");
    }
}
