//! What the command does.

use std::path::PathBuf;

use super::{links, site};
use crate::workspace;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail if a link leads nowhere, or if the site cannot be made.
    #[arg(long)]
    check: bool,
    /// The folder of the site; by default `docs-site` in the target folder. What is in it is replaced.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Options {
    /// As in CI.
    pub(crate) fn check() -> Self {
        Self { check: true, out: None }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    println!("{}", links::check()?);
    let site = site::Site::made()?;
    if options.check {
        println!("the site has {} pages", site.pages());
        return Ok(());
    }
    let folder = match &options.out {
        Some(folder) => folder.clone(),
        None => workspace::target_folder()?.join("docs-site"),
    };
    site.write(&folder)?;
    println!("wrote {} pages; open {}", site.pages(), folder.join("index.html").display());
    Ok(())
}
