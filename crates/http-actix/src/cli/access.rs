//! `orrery keys` and `orrery users`: for who has no key yet, or none any more. They work on the store itself.

use clap::{Args, Subcommand, ValueEnum};
use domain::{
    access::{self, AccountName},
    ids::ApiKeyId,
};
use ipnet::IpNet;

use super::SecretsPlace;

/// What is done with API keys.
#[derive(Args)]
pub(crate) struct KeysCommand {
    #[command(subcommand)]
    pub(crate) what: KeysDo,
    #[command(flatten)]
    pub(crate) place: SecretsPlace,
}

#[derive(Subcommand)]
pub(crate) enum KeysDo {
    /// Make a key. It alone is written to standard output, and nobody can be told it again.
    Create(NewKey),
    /// List the keys.
    List,
    /// Give a key a new secret, which is written to standard output.
    Rotate {
        /// The key's id.
        id: ApiKeyId,
        /// For how many seconds the secret before stays good.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=604_800))]
        grace_seconds: u64,
    },
    /// Revoke a key, for good.
    Revoke {
        /// The key's id.
        id: ApiKeyId,
    },
}

/// What is said about a new key.
#[derive(Args)]
pub(crate) struct NewKey {
    /// What it is called.
    #[arg(long, value_parser = name)]
    pub(crate) name: AccountName,
    /// What it is trusted with.
    #[arg(long, value_enum, default_value_t = RoleName::Operator)]
    pub(crate) role: RoleName,
    /// Only this workflow; may be given several times.
    #[arg(long)]
    pub(crate) workflow: Vec<String>,
    /// Only this agent; may be given several times.
    #[arg(long)]
    pub(crate) agent: Vec<String>,
    /// Only from this network, such as `10.0.0.0/8`; may be given several times.
    #[arg(long)]
    pub(crate) network: Vec<IpNet>,
    /// Show it statuses and no data.
    #[arg(long)]
    pub(crate) hides_payloads: bool,
    /// After how many days it ends; without it, never.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub(crate) expires_in_days: Option<u64>,
}

/// What is done with people.
#[derive(Args)]
pub(crate) struct UsersCommand {
    #[command(subcommand)]
    pub(crate) what: UsersDo,
    #[command(flatten)]
    pub(crate) place: SecretsPlace,
}

#[derive(Subcommand)]
pub(crate) enum UsersDo {
    /// Let a person log in. The password is read from standard input.
    Create {
        /// The name to log in with.
        #[arg(value_parser = name)]
        name: AccountName,
        /// What the person is trusted with.
        #[arg(long, value_enum, default_value_t = RoleName::Viewer)]
        role: RoleName,
        /// Show statuses and no data.
        #[arg(long)]
        hides_payloads: bool,
    },
    /// Give a person a new password, which is read from standard input. Earlier log-ins end.
    Password {
        /// The name to log in with.
        #[arg(value_parser = name)]
        name: AccountName,
    },
    /// List the people.
    List,
}

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Reads.
    Viewer,
    /// Also executes, retries and cancels.
    Operator,
    /// Also writes workflows.
    Designer,
    /// Everything.
    Admin,
    /// Reports its own tasks.
    Agent,
}

impl From<RoleName> for access::Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Designer => Self::Designer,
            RoleName::Admin => Self::Admin,
            RoleName::Agent => Self::Agent,
        }
    }
}

fn name(text: &str) -> Result<AccountName, String> {
    AccountName::parse(text).map_err(|invalid| invalid.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        keys: KeysCommand,
    }

    #[test]
    fn the_place_may_be_said_before_and_after_what_is_to_be_done() {
        crate::cli::Cli::command().debug_assert();
        for line in ["orrery --data there list", "orrery list --data there", "orrery create --name ci --data there"] {
            let Line { keys } = Line::try_parse_from(line.split(' ')).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(keys.place.data, Path::new("there"), "{line}");
        }
    }
}
