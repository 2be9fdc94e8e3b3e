//! The `orrery` binary: the command line, and the composition root behind it.

mod cli;
mod composition;
mod demo;

use std::process::ExitCode;

use cli::Refused;
use mimalloc::MiMalloc;

/// A quarter more steps a second than with the allocator of glibc (ADR 0038).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const _: () = assert!(!domain::planted::POSSIBLE, "the product is not built with the simulation's bugs in it");

/// A command line that nobody understands (`sysexits.h`). The usual 2 is what `apply --check` says of differences.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let (command, settings) = match cli::read(std::env::args_os()) {
        Ok(read) => read,
        Err(Refused::Usage(told)) => {
            let _ = told.print();
            return if told.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
        Err(Refused::Files(mistakes)) => {
            for mistake in mistakes {
                eprintln!("orrery: {mistake}");
            }
            return ExitCode::FAILURE;
        }
    };
    match command.run(&settings) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("orrery: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The chain of causes: what failed, and why. Many errors of libraries say what their causes say; that is told once.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(|cause| cause.to_string().replace('\n', " ")) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cause_repeats_is_told_once() {
        let error =
            anyhow::anyhow!("refused").context("no connection: refused").context("the database\ncannot be used");
        assert_eq!(in_one_line(&error), "the database cannot be used: no connection: refused");
    }
}
