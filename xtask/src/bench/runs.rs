//! `cargo xtask bench runs`: the command itself. It measures with a release build of this very program, because a driver
//! built for debugging would measure itself.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;

use super::{
    figures::Figures,
    machine::Machine,
    page,
    report::Report,
    round::{self, Plan},
};
use crate::workspace::{ORRERY_BIN, Profile, cargo, must, root, server};

#[derive(clap::Args, Debug)]
pub(crate) struct Options {
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
    fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds.max(1) }
    }

    fn seconds(&self) -> f64 {
        if self.quick { 1.0 } else { self.seconds.clamp(0.2, 600.0) }
    }

    /// As typed, for the record.
    fn command(&self) -> String {
        let mut command = format!("cargo xtask bench runs --seconds {} --rounds {}", self.seconds(), self.rounds());
        for (given, flag) in [(self.debug_build, " --debug-build"), (self.write, " --write")] {
            if given {
                command += flag;
            }
        }
        command
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.debug_build {
        return measure(options, Profile::Dev);
    }
    if cfg!(debug_assertions) { in_release(options) } else { measure(options, Profile::Release) }
}

/// Builds the server as it is shipped, then this program, and hands over to it.
fn in_release(options: &Options) -> anyhow::Result<()> {
    println!("building the server and the driver in the release profile (minutes, the first time)");
    let binary = server(Profile::Release)?;
    let mut bench = cargo();
    bench.args(["run", "--quiet", "--release", "-p", "xtask", "--", "bench", "runs"]);
    bench.args(["--seconds", &options.seconds().to_string(), "--rounds", &options.rounds().to_string()]);
    if options.write {
        bench.arg("--write");
    }
    must(bench.env(ORRERY_BIN, binary))
}

fn measure(options: &Options, profile: Profile) -> anyhow::Result<()> {
    let plan = Plan { binary: server(profile)?, folder: data_folder()?, window: window(options) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = Figures::default();
    for number in 1..=options.rounds() {
        println!("round {number} of {}", options.rounds());
        runtime.block_on(round::measure(&plan, &mut figures)).with_context(|| format!("round {number}"))?;
    }
    let report = Report { figures, machine: Machine::this(&plan.folder)?, command: options.command() };
    let text = report.markdown();
    println!("\n{text}");
    if options.write {
        page::write(&text)?;
    }
    Ok(())
}

fn window(options: &Options) -> Duration {
    Duration::from_secs_f64(options.seconds())
}

/// Beside the build, not in the system's folder for temporary files: that one may lie in memory, where a commit is free.
fn data_folder() -> anyhow::Result<PathBuf> {
    let folder = root().join("target").join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
