//! `cargo xtask docs`: the documentation as a site of plain files, and what is checked of it.
//!
//! Its sources are the Markdown files of the repository as they are; the order of the pages is that of `docs/README.md`. What a
//! page looks like is in `docs/site`. Nothing in the site is fetched from elsewhere, and it works from a folder.

mod command;
mod links;
mod markdown;
mod pages;
mod search;
mod site;

pub(crate) use command::{Options, run};
