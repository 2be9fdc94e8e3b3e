//! `cargo xtask chaos`: faults on real processes. What happens and what is checked is a program of its own (`tests/chaos`,
//! package `e2e-tests`); this builds the server for it, and puts its summary into the reference page.

use std::{path::Path, process::Command};

use anyhow::{Context, bail};

use crate::{
    bench::{Machine, Part, write},
    libraries,
    services::ForTests,
    workspace::{ORRERY_BIN, Profile, build, root, server, shown},
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long faults happen, in minutes.
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Which faults; by default any, and it is said which.
    #[arg(long)]
    seed: Option<u64>,
    /// How many runs are started each second.
    #[arg(long)]
    rate: Option<f64>,
    /// The lease of the executors, in seconds; by default that of the server.
    #[arg(long)]
    lease_seconds: Option<u64>,
    /// Builds the server as it is shipped.
    #[arg(long)]
    release: bool,
    /// Puts the summary into docs/reference/guarantees.md.
    #[arg(long)]
    write: bool,
}

impl Options {
    /// What `cargo xtask test --full` runs.
    pub(crate) fn short() -> Self {
        Self { minutes: 1.0, seed: None, rate: None, lease_seconds: None, release: false, write: false }
    }

    /// What both commands understand.
    fn shared(&self) -> Vec<String> {
        let minutes = Some(("--minutes", self.minutes.to_string()));
        let seed = self.seed.map(|seed| ("--seed", seed.to_string()));
        let rate = self.rate.map(|rate| ("--rate", rate.to_string()));
        let lease = self.lease_seconds.map(|seconds| ("--lease-seconds", seconds.to_string()));
        let given = [minutes, seed, rate, lease].into_iter().flatten();
        given.flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    /// The command as a person would type it.
    fn command(&self) -> String {
        format!("cargo xtask chaos {}{}", self.shared().join(" "), if self.release { " --release" } else { "" })
    }

    /// The program that does it.
    fn program(&self, binary: &Path, section: &Path) -> anyhow::Result<Command> {
        let mut program = Command::new(build("chaos", Profile::Dev)?);
        program.current_dir(root()).env(ORRERY_BIN, binary).args(self.shared()).arg("--section").arg(section);
        Ok(program)
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    libraries::ensure()?;
    ForTests::ensure()?;
    let binary = server(if options.release { Profile::Release } else { Profile::Dev })?;
    let section = tempfile::NamedTempFile::new()?.into_temp_path();
    let program = options.program(&binary, &section)?;
    outliving_ctrl_c(program)?;
    if options.write {
        let build = if options.release { "release" } else { "debug" };
        let said = std::fs::read_to_string(&section).context("the summary")?;
        let machine = Machine::this(&root().join("target"))?;
        write(Part::Chaos, &format!("{}\n\n{said}", heading(&machine, &options.command(), build)))?;
    }
    Ok(())
}

fn heading(machine: &Machine, command: &str, build: &str) -> String {
    let Machine { cpu, cores, memory_gib, kernel, file_system, date } = machine;
    format!(
        "Measured {date} by `{command}` ({build} build).\n\nMachine: {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}, data \
         on {file_system}; servers, services, agents and the program that does it together on it."
    )
}

/// Ctrl-C reaches the program too, which ends its servers then: this must not be gone before it is.
fn outliving_ctrl_c(mut program: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = shown(&program);
    let status = runtime.block_on(async {
        let child = tokio::task::spawn_blocking(move || program.status());
        tokio::pin!(child);
        loop {
            tokio::select! {
                status = &mut child => return status,
                heard = tokio::signal::ctrl_c() => drop(heard),
            }
        }
    });
    let status = status?.with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_is_written_down_can_be_typed_again() {
        assert_eq!(Options::short().command(), "cargo xtask chaos --minutes 1");
        let options = Options { seed: Some(7), release: true, minutes: 10.0, write: true, ..Options::short() };
        assert_eq!(options.command(), "cargo xtask chaos --minutes 10 --seed 7 --release");
    }
}
