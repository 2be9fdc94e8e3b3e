//! `cargo xtask bench runs`: the command itself. It measures with a release build of this very program, because a driver
//! built for debugging would measure itself.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};

use super::{
    machine::Machine,
    page,
    report::Report,
    round::{self, Measured, Plan},
    services::Services,
    store::{Store, StoreKind},
};
use crate::workspace::{ORRERY_BIN, Profile, cargo, must, root, server};

#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Where the server keeps everything.
    #[arg(long, value_enum, default_value_t = StoreKind::Sqlite)]
    store: StoreKind,
    /// With --store postgres: a server whose user may create databases, instead of a private one. A database of its own is
    /// made there for each server that is measured, and dropped.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// With --store postgres: measures a second time beside so many parked runs.
    #[arg(long, value_name = "RUNS", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    parked: Option<u32>,
    /// How long each figure is measured in each round.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How many rounds; the median of them is reported, with the spread.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Two rounds of one second each: shows that everything works, measures nothing well.
    #[arg(long)]
    quick: bool,
    /// With debug builds of server and driver: for work on this command itself.
    #[arg(long, conflicts_with = "write")]
    debug_build: bool,
    /// Puts the result into docs/reference/performance.md.
    #[arg(long)]
    write: bool,
}

impl Options {
    fn check(&self) -> anyhow::Result<()> {
        let needless = self.store == StoreKind::Sqlite && (self.database_url.is_some() || self.parked.is_some());
        ensure!(!needless, "--database-url and --parked need --store postgres");
        Ok(())
    }

    fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds.max(1) }
    }

    fn seconds(&self) -> f64 {
        if self.quick { 1.0 } else { self.seconds.clamp(0.2, 600.0) }
    }

    /// What another process of this program is told to measure the same.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
        if self.store != StoreKind::Sqlite {
            add("--store", self.store.name());
        }
        if let Some(url) = &self.database_url {
            add("--database-url", url);
        }
        if let Some(parked) = self.parked {
            add("--parked", &parked.to_string());
        }
        add("--seconds", &self.seconds().to_string());
        add("--rounds", &self.rounds().to_string());
        let flags = [(self.debug_build, "--debug-build"), (self.write, "--write")];
        arguments.extend(flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned()));
        arguments
    }

    /// As typed, for the record; a URL may hold a password.
    fn command(&self) -> String {
        let arguments = self.arguments().join(" ");
        let shown = match &self.database_url {
            Some(url) => arguments.replace(url, "…"),
            None => arguments,
        };
        format!("cargo xtask bench runs {shown}")
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    options.check()?;
    if options.debug_build {
        return measure(options, Profile::Dev);
    }
    if cfg!(debug_assertions) { in_release("runs", &options.arguments()) } else { measure(options, Profile::Release) }
}

/// Builds the server as it is shipped, then this program, and hands over to it.
pub(super) fn in_release(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    println!("building the server and the driver in the release profile (minutes, the first time)");
    let binary = server(Profile::Release)?;
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--release", "--bin", "xtask", "--", "bench", name]).args(arguments);
    must(bench.env(ORRERY_BIN, binary))
}

fn measure(options: &Options, profile: Profile) -> anyhow::Result<()> {
    let (binary, folder) = (server(profile)?, data_folder()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let store = store(options, &folder).await?;
        let parked = options.parked.map(usize::try_from).transpose()?;
        let window = Duration::from_secs_f64(options.seconds());
        let plan = Plan { binary, folder, store, window, parked };
        let mut measured = Measured::default();
        for number in 1..=options.rounds() {
            println!("round {number} of {}", options.rounds());
            round::measure(&plan, &mut measured).await.with_context(|| format!("round {number}"))?;
        }
        plan.store.clear().await?;
        let machine = Machine::this(&plan.folder)?;
        let (store, services) = (plan.store.kind(), plan.store.described());
        anyhow::Ok(Report { store, services, measured, parked, machine, command: options.command() })
    })?;
    let text = report.markdown();
    println!("\n{text}");
    if options.write {
        page::write(page::Part::Runs(options.store), &text)?;
    }
    Ok(())
}

async fn store(options: &Options, folder: &Path) -> anyhow::Result<Store> {
    match options.store {
        StoreKind::Sqlite => Ok(Store::Folders),
        StoreKind::Postgres => {
            println!("starting PostgreSQL and Kafka");
            Ok(Store::Services(Box::new(Services::start(folder, options.database_url.as_deref()).await?)))
        }
    }
}

/// Beside the build, not in the system's folder for temporary files: that one may lie in memory, where a commit is free.
pub(super) fn data_folder() -> anyhow::Result<PathBuf> {
    let folder = root().join("target").join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn options(arguments: &[&str]) -> Options {
        let command = Options::augment_args(clap::Command::new("runs").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).expect("they are known");
        Options::from_arg_matches(&matches).expect("they are valid")
    }

    #[test]
    fn another_process_is_told_everything_and_the_record_holds_no_password() {
        let typed =
            ["--store", "postgres", "--database-url", "postgres://me:secret@db/x", "--parked", "100000", "--quick"];
        let options = options(&typed);
        let told = options.arguments().join(" ");
        let given = "--store postgres --database-url postgres://me:secret@db/x --parked 100000 --seconds 1 --rounds 2";
        assert_eq!(told, given);
        let shown = "cargo xtask bench runs --store postgres --database-url … --parked 100000 --seconds 1 --rounds 2";
        assert_eq!(options.command(), shown);
    }

    #[test]
    fn a_folder_is_measured_as_ever() {
        assert_eq!(options(&["--write"]).command(), "cargo xtask bench runs --seconds 5 --rounds 5 --write");
        assert!(options(&["--parked", "10"]).check().is_err());
    }
}
