//! `cargo xtask test`: builds the server, then runs every test with [`ORRERY_BIN`] naming it, so that the end-to-end
//! tests drive the binary that users get.

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use anyhow::Context;

use crate::{
    postgres,
    workspace::{ORRERY_BIN, Profile, build_server, cargo, root, shown},
};

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Passed on to `cargo test` (for example `-p domain`, or `-- a_name`).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// The sums over all test binaries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    binaries: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds a line of the form `test result: ok. 12 passed; 0 failed; 0 ignored; …`; other lines change nothing.
    fn add(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        let number = |word: &str| {
            let before = result.split(word).next().filter(|before| before.len() < result.len())?;
            before.split_whitespace().next_back()?.parse::<u64>().ok()
        };
        self.binaries += 1;
        self.passed += number(" passed").unwrap_or(0);
        self.failed += number(" failed").unwrap_or(0);
        self.ignored += number(" ignored").unwrap_or(0);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { binaries, passed, failed, ignored } = self;
        write!(f, "{passed} passed; {failed} failed; {ignored} ignored; in {binaries} test binaries")
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Counts> {
    postgres::ensure()?;
    println!("building the server");
    let server = build_server(Profile::Dev)?;
    let mut tests = cargo();
    tests.arg("test");
    if options.rest.is_empty() || options.rest.first().is_some_and(|first| first == "--") {
        tests.arg("--workspace");
    }
    tests.args(&options.rest).env(ORRERY_BIN, server);
    let counts = passing_on(&mut tests);
    postgres::stop(&root().join("target"));
    let counts = counts?;
    println!("all tests: {counts}");
    Ok(counts)
}

/// Runs the command, passing its output on line by line while counting.
fn passing_on(command: &mut Command) -> anyhow::Result<Counts> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {}", shown(command)))?;
    let output = child.stdout.take().context("the output was not piped")?;
    let mut counts = Counts::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        counts.add(&line);
        writeln!(std::io::stdout(), "{line}")?;
    }
    let status = child.wait()?;
    anyhow::ensure!(status.success(), "{} failed: {status} ({counts})", shown(command));
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_all_binaries_are_summed() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { binaries: 2, passed: 7, failed: 1, ignored: 2 });
    }
}
