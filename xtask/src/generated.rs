//! Reference documents that the server writes itself, so that they cannot drift from the code: written here, and
//! compared in CI.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, bail};

use crate::workspace::{Profile, root, server, shown};

/// A generated document.
pub(crate) struct Generated {
    /// The subcommand of the server that prints it.
    subcommand: &'static str,
    /// Where it is kept, below the workspace's root.
    pub(crate) path: &'static str,
    /// The command of this program that writes it.
    command: &'static str,
}

/// The API's description, in OpenAPI 3.1.
pub(crate) const OPENAPI: Generated =
    Generated { subcommand: "openapi", path: "docs/reference/openapi.json", command: "openapi" };

/// The same in OpenAPI 3.0.3.
pub(crate) const OPENAPI_3_0: Generated =
    Generated { subcommand: "openapi-3.0", path: "docs/reference/openapi-3.0.json", command: "openapi" };

/// The description that clients were promised with the last release.
pub(crate) const BASELINE: Generated =
    Generated { subcommand: "openapi", path: "docs/reference/openapi-baseline.json", command: "openapi --baseline" };

/// The table of error codes.
pub(crate) const ERRORS: Generated =
    Generated { subcommand: "errors", path: "docs/reference/errors.md", command: "errors" };

/// The table of rights.
pub(crate) const RIGHTS: Generated =
    Generated { subcommand: "rights", path: "docs/reference/rights.md", command: "rights" };

/// The table of metrics.
pub(crate) const METRICS: Generated =
    Generated { subcommand: "metrics", path: "docs/reference/metrics.md", command: "metrics" };

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Compare instead of writing; fails if the file is out of date.
    #[arg(long)]
    check: bool,
}

impl Options {
    /// As in CI.
    pub(crate) fn check() -> Self {
        Self { check: true }
    }
}

#[derive(clap::Args)]
pub(crate) struct OpenapiOptions {
    #[command(flatten)]
    options: Options,
    /// Write docs/reference/openapi-baseline.json too: what clients are promised from now on. At a release, or before there is one
    /// that somebody uses.
    #[arg(long, conflicts_with = "check")]
    baseline: bool,
}

impl OpenapiOptions {
    /// As in CI.
    pub(crate) fn check() -> Self {
        Self { options: Options::check(), baseline: false }
    }
}

/// The description, in both versions of OpenAPI.
pub(crate) fn run_openapi(options: &OpenapiOptions) -> anyhow::Result<()> {
    run(&OPENAPI, &options.options)?;
    run(&OPENAPI_3_0, &options.options)?;
    if options.baseline { run(&BASELINE, &options.options) } else { Ok(()) }
}

pub(crate) fn run(document: &Generated, options: &Options) -> anyhow::Result<()> {
    let fresh = printed_by_the_server(document)?;
    let path: PathBuf = root().join(document.path);
    if !options.check {
        let folder = path.parent().context("a document lies in a folder")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(&path, fresh)?;
        println!("wrote {}", document.path);
        return Ok(());
    }
    let kept = std::fs::read_to_string(&path)
        .with_context(|| format!("{} is missing; write it with cargo xtask {}", document.path, document.command))?;
    if let Some(difference) = difference(&kept, &fresh) {
        bail!("{} is out of date; run cargo xtask {}\n{difference}", document.path, document.command);
    }
    println!("{} is up to date", document.path);
    Ok(())
}

fn printed_by_the_server(document: &Generated) -> anyhow::Result<String> {
    let mut command = Command::new(server(Profile::Dev)?);
    let output = command.arg(document.subcommand).output()?;
    if !output.status.success() {
        bail!("{} failed: {}\n{}", shown(&command), output.status, String::from_utf8_lossy(&output.stderr));
    }
    let mut text = String::from_utf8(output.stdout)?;
    anyhow::ensure!(!text.trim().is_empty(), "{} printed nothing", shown(&command));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// A summary of how two texts differ, if they do: sizes and the first lines that differ.
fn difference(kept: &str, fresh: &str) -> Option<String> {
    if kept == fresh {
        return None;
    }
    let (old, new): (Vec<_>, Vec<_>) = (kept.lines().collect(), fresh.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let head = format!("  {} lines kept, {} lines now; first difference in line {}", old.len(), new.len(), same + 1);
    let shown = [("-", old), ("+", new)].into_iter().flat_map(|(mark, lines)| {
        let differing = lines.into_iter().skip(same).take(4);
        differing.map(move |line| format!("  {mark} {}", line.chars().take(160).collect::<String>()))
    });
    Some(std::iter::once(head).chain(shown).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_do_not_differ() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    }

    #[test]
    fn the_first_line_that_differs_is_named_and_both_sides_are_shown() {
        let summary = difference("a\nb\n", "a\nc\nd\n").expect("they differ");
        assert!(summary.contains("2 lines kept, 3 lines now; first difference in line 2"), "{summary}");
        assert!(summary.contains("- b") && summary.contains("+ c"), "{summary}");
    }
}
