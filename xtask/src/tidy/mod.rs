//! `cargo xtask tidy`: walls between crates and rules for files that no compiler checks. All findings at once.

mod command;
mod finding;
mod leaks;
mod manifests;
mod rust_files;
mod walls;

pub(crate) use command::run;
