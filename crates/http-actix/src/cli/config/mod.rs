//! `orrery config`, and how settings come together: flags over variables over a file over defaults.
//!
//! Settings are declared once, as flags (`cli/serve.rs` and what it flattens). The keys of the file, the commented file of
//! defaults and what is shown are derived from these declarations; nothing is listed a second time.

mod declared;
mod file;
mod layers;
mod mistake;
mod shown;
mod template;

use clap::Subcommand;

use super::Serve;
use crate::composition;

pub(crate) use layers::{Refused, read};
pub(crate) use shown::Effective;

/// What is done with the configuration.
#[derive(Subcommand)]
pub(crate) enum Config {
    /// Print a file of all settings with their explanations, each with its default behind a '#'.
    Default,
    /// Look for mistakes in the file, the variables and the flags that `serve` would be given, without starting anything.
    ///
    /// Tells all mistakes at once, and ends with 1 if there is any.
    Check(Box<Serve>),
    /// Print the settings that `serve` would go by and where each comes from. Secrets are not shown.
    Show(Box<Serve>),
}

impl Config {
    /// Does it, and says what was found.
    pub(super) fn run(&self, effective: &[Effective]) -> anyhow::Result<String> {
        match self {
            Self::Default => Ok(template::text().trim_end().to_owned()),
            Self::Show(_) => Ok(shown::text(effective).trim_end().to_owned()),
            Self::Check(serve) => {
                let refused = composition::contradictions(serve);
                if refused.is_empty() {
                    let set = effective.iter().filter(|setting| !setting.is_default()).count();
                    return Ok(format!("the configuration is good: {set} settings are not their defaults"));
                }
                for mistake in &refused {
                    eprintln!("orrery: {mistake}");
                }
                Err(anyhow::anyhow!("the server would not start like this"))
            }
        }
    }
}
