//! `cargo xtask test`: builds the server, then runs every test with [`ORRERY_BIN`] naming it, so that the end-to-end
//! tests drive the binary that users get.

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use anyhow::Context;

use crate::{
    chaos, libraries,
    services::ForTests,
    workspace::{ORRERY_BIN, Profile, build_server, cargo, shown},
};

/// Tells the tests to run the long ones too; `dev_services::full_tests` reads it.
const FULL: &str = "ORRERY_TEST_FULL";

/// What does not run without `--full`.
const LONG: [&str; 3] = ["three-broker fail-over", "a minute of chaos", "two minutes of a schedule"];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Runs the long tests too.
    #[arg(long)]
    full: bool,
    /// Passed on to `cargo test` (for example `-p domain`, or `-- a_name`).
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Options {
    /// Whether the long tests run too. Clap takes everything after the first argument that it does not know as passed on.
    fn full(&self) -> bool {
        self.full || self.ours().any(|argument| argument == "--full")
    }

    /// What `cargo test` gets: all but a `--full` of ours; one after `--` belongs to the tests.
    fn passed_on(&self) -> Vec<&String> {
        let ours = self.ours().filter(|argument| *argument != "--full");
        ours.chain(self.rest.iter().skip_while(|argument| *argument != "--")).collect()
    }

    fn ours(&self) -> impl Iterator<Item = &String> {
        self.rest.iter().take_while(|argument| *argument != "--")
    }
}

/// The sums over all test binaries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Those that began; one that breaks off before its end has no result.
    begun: u64,
    binaries: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds a line of the form `running 12 tests` or `test result: ok. 12 passed; 0 failed; 0 ignored; …`; other lines
    /// change nothing.
    fn add(&mut self, line: &str) {
        self.begun += u64::from(is_a_begin(line));
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
        let Self { begun, binaries, passed, failed, ignored } = self;
        write!(f, "{passed} passed; {failed} failed; {ignored} ignored; in {binaries} test binaries")?;
        match begun.saturating_sub(*binaries) {
            0 => Ok(()),
            broken => write!(f, "; {broken} more broke off before their end"),
        }
    }
}

/// Whether the line is `running 1 test` or `running 12 tests`.
fn is_a_begin(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("running")
        && words.next().is_some_and(|count| count.parse::<u64>().is_ok())
        && words.next().is_some_and(|what| matches!(what, "test" | "tests"))
        && words.next().is_none()
}

pub(crate) fn run(options: &Options) -> anyhow::Result<Counts> {
    libraries::ensure()?;
    let services = ForTests::ensure()?;
    let counts = run_with(&services, options);
    services.stop();
    if options.full() {
        println!("the long tests ran too ({FULL}=1)");
    }
    for name in LONG.iter().filter(|_| !options.full()) {
        println!("NOT RUN: {name} (cargo xtask test --full)");
    }
    let counts = counts?;
    // Those that name what they want do not want this.
    if options.full() && options.passed_on().is_empty() {
        chaos::run(&chaos::Options::short())?;
    }
    println!("all tests: {counts}");
    Ok(counts)
}

fn run_with(services: &ForTests, options: &Options) -> anyhow::Result<Counts> {
    println!("building the server");
    let server = build_server(Profile::Dev)?;
    let mut tests = cargo();
    tests.arg("test");
    let passed_on = options.passed_on();
    if passed_on.first().is_none_or(|first| *first == "--") {
        tests.arg("--workspace");
    }
    // Who runs everything wants to know of everything that fails.
    tests.arg("--no-fail-fast");
    tests.args(passed_on).env(ORRERY_BIN, server).envs(services.variables.iter().cloned());
    if options.full() {
        tests.env(FULL, "1");
    } else {
        tests.env_remove(FULL);
    }
    passing_on(&mut tests)
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
    fn a_full_run_can_be_asked_for_anywhere_before_what_the_tests_get() {
        let options = |rest: &[&str]| Options { full: false, rest: rest.iter().map(ToString::to_string).collect() };
        let asked = options(&["-p", "domain", "--full", "--", "a_name"]);
        assert!(asked.full());
        assert_eq!(asked.passed_on(), ["-p", "domain", "--", "a_name"]);
        let other = options(&["--", "--full"]);
        assert!(!other.full());
        assert_eq!(other.passed_on(), ["--", "--full"]);
    }

    #[test]
    fn the_closing_lines_of_all_binaries_are_summed() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test running 12 tests of another ... ok",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "running 7 tests",
            "test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { begun: 2, binaries: 2, passed: 7, failed: 1, ignored: 2 });
        assert!(!counts.to_string().contains("broke off"), "{counts}");
        counts.add("running 1 test");
        assert!(counts.to_string().ends_with("; 1 more broke off before their end"), "{counts}");
    }
}
