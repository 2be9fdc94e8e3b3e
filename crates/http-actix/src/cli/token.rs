//! Tokens in the hands of their holders: no server and no key is needed.

use std::{
    io::{Read, stdin},
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use domain::agents::Secret;

use crate::composition::{self, Attenuation, inspect};

/// What to do with a token.
#[derive(Subcommand)]
pub(crate) enum Token {
    /// Show what a token says, when it ends and how it is revoked. Whether it is good only the server knows.
    Inspect {
        /// The token; `-` reads it from standard input.
        token: String,
    },
    /// Print a narrower token. The one given stays as good as it is.
    Attenuate(Attenuate),
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true)))]
pub(crate) struct Attenuate {
    /// The token; `-` reads it from standard input.
    token: String,
    /// For how long it is good at most: 90s, 15m, 8h or 7d.
    #[arg(long, group = "what", value_parser = duration)]
    expires_in: Option<Duration>,
    /// The only workflow it is good for, by name; several may be given.
    #[arg(long = "workflow", group = "what")]
    workflows: Vec<String>,
    /// The only run it is good for, by id; several may be given.
    #[arg(long = "run", group = "what")]
    runs: Vec<String>,
    /// The only agent it is good for, by name; several may be given. Workflows and runs name no agent: it is good for none of them.
    #[arg(long = "agent", group = "what")]
    agents: Vec<String>,
    /// Only reading.
    #[arg(long, group = "what")]
    read_only: bool,
}

impl Token {
    /// Does it, and says what was found.
    pub(super) fn run(self) -> anyhow::Result<String> {
        match self {
            Self::Inspect { token } => Ok(inspect(&given(token)?)?.text().trim_end().to_owned()),
            Self::Attenuate(attenuate) => attenuate.run(),
        }
    }
}

impl Attenuate {
    fn run(self) -> anyhow::Result<String> {
        let ends = match self.expires_in {
            Some(duration) => {
                let end = Attenuation::ending_in(composition::now(), duration);
                Some(end.context("--expires-in is too long for any clock")?)
            }
            None => None,
        };
        let Self { workflows, runs, agents, read_only, .. } = self;
        let attenuation = Attenuation { ends, workflows, runs, agents, read_only };
        Ok(attenuation.apply(&given(self.token)?)?.reveal().to_owned())
    }
}

fn given(token: String) -> anyhow::Result<Secret> {
    if token != "-" {
        return Ok(Secret::new(token));
    }
    let mut text = String::new();
    stdin().take(64 * 1024).read_to_string(&mut text).context("the token cannot be read from standard input")?;
    Ok(Secret::new(text.trim()))
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number and s, m, h or d: 15m".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).filter(|duration| !duration.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(7 * 24)));
        for wrong in ["", "5", "m", "0h", "-1m", "1w", "§", "99999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
