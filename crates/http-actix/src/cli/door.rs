//! Who is asked for credentials, and where nobody is.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::ensure;
use clap::{Args, ValueEnum};
use domain::{access::Role, agents::Secret};
use http_actix::{KnownHosts, limits::Origin};
use ipnet::IpNet;

/// Who is asked for credentials.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DoorSettings {
    /// Whether callers of the API must say who they are. Without it, whoever reaches the server may do everything.
    #[arg(long, env = "ORRERY_AUTH", value_enum, default_value_t = Auth::Required)]
    pub(crate) auth: Auth,
    /// Allow `--auth disabled` also on an address that others may reach.
    #[arg(long, env = "ORRERY_AUTH_DISABLED_ANYWHERE")]
    auth_disabled_anywhere: bool,
    /// The key of the first administrator: `ork_<32 hexadecimal digits>_<43 characters of base64url>`. It counts only where there
    /// has never been a key; without it one is made and printed once. Use the variable: others can read arguments.
    #[arg(long, env = "ORRERY_ADMIN_KEY", hide = true, hide_env_values = true, value_parser = secret)]
    pub(crate) admin_key: Option<Secret>,
    /// The file with the identity providers whose JSON Web Tokens are accepted; see docs/guides/identity-providers.md.
    #[arg(long, env = "ORRERY_JWT_ISSUERS_FILE")]
    pub(crate) jwt_issuers_file: Option<PathBuf>,
    /// The networks of proxies whose `X-Forwarded-For` is believed, like 10.0.0.0/8.
    #[arg(long, env = "ORRERY_TRUSTED_PROXIES", value_delimiter = ',')]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The URL under which others reach this API: each call of an agent tells it beside the token with which the agent may report.
    #[arg(long, env = "ORRERY_PUBLIC_URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
    /// A second address for programs that cannot present credentials, like the existing UI: whoever presents none there has the
    /// role of `--trusted-role`. Only they may reach it.
    #[arg(long, env = "ORRERY_TRUSTED_LISTEN")]
    pub(crate) trusted_listen: Option<SocketAddr>,
    /// What callers of `--trusted-listen` may do.
    #[arg(long, env = "ORRERY_TRUSTED_ROLE", value_enum, default_value_t = TrustedRole::Operator, requires = "trusted_listen")]
    pub(crate) trusted_role: TrustedRole,
    /// The origins whose pages may change something without presenting credentials, like `https://ui.example.com`: where nobody is
    /// asked, any other page that somebody looks at could. Such an address is also reached under their hosts, and under no other
    /// name but localhost and that of `--public-url`.
    #[arg(long, env = "ORRERY_TRUSTED_ORIGINS", value_delimiter = ',', value_parser = trusted_origin)]
    pub(crate) trusted_origins: Vec<String>,
}

impl DoorSettings {
    /// Without credentials, for a process that only its own user reaches.
    pub(crate) fn open() -> Self {
        Self { auth: Auth::Disabled, ..Self::default() }
    }

    /// The names under which the server is reached where nobody is asked.
    pub(crate) fn known_hosts(&self) -> KnownHosts {
        KnownHosts::of(self.trusted_origins.iter().chain(&self.public_url).map(String::as_str))
    }

    /// Nobody opens a server to others by mistake.
    pub(crate) fn check(&self, listen: SocketAddr) -> anyhow::Result<()> {
        ensure!(
            self.auth == Auth::Required || self.auth_disabled_anywhere || listen.ip().is_loopback(),
            "--auth disabled lets everybody who reaches {listen} do everything: listen on 127.0.0.1, or say \
             --auth-disabled-anywhere as well"
        );
        Ok(())
    }
}

/// As browsers write it: what is compared are texts.
fn trusted_origin(text: &str) -> Result<String, String> {
    match text.parse::<Origin>() {
        Ok(_) if text == "*" => Err("pages of any origin cannot be trusted: name the origins".to_owned()),
        Ok(origin) => Ok(origin.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// It goes into a header, and paths are put behind it.
fn public_url(text: &str) -> Result<String, &'static str> {
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"?#".contains(c));
    if is_url && is_plain { Ok(text.to_owned()) } else { Err("it is no http or https URL without a query") }
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Whether callers must say who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// They must.
    #[default]
    Required,
    /// Nobody is asked.
    Disabled,
}

/// A role that may be given to whoever reaches an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrustedRole {
    /// Reads.
    Viewer,
    /// And executes, retries, cancels runs.
    #[default]
    Operator,
    /// And writes workflows.
    Designer,
    /// Everything.
    Admin,
}

impl From<TrustedRole> for Role {
    fn from(role: TrustedRole) -> Self {
        match role {
            TrustedRole::Viewer => Self::Viewer,
            TrustedRole::Operator => Self::Operator,
            TrustedRole::Designer => Self::Designer,
            TrustedRole::Admin => Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        door: DoorSettings,
    }

    fn check(line: &str, listen: &str) -> Result<(), String> {
        let line = Line::try_parse_from(std::iter::once("orrery").chain(line.split_whitespace()));
        let door = line.map_err(|e| e.to_string())?.door;
        door.check(listen.parse().expect("an address")).map_err(|e| e.to_string())
    }

    #[test]
    fn nobody_is_let_in_unknown_from_elsewhere_unless_that_is_said_twice() {
        assert_eq!(check("", "0.0.0.0:8000"), Ok(()));
        for loopback in ["127.0.0.1:8000", "127.9.9.9:1", "[::1]:8000"] {
            assert_eq!(check("--auth disabled", loopback), Ok(()));
        }
        for reachable in ["0.0.0.0:8000", "192.0.2.1:8000", "[::]:8000"] {
            let refused = check("--auth disabled", reachable).expect_err("others reach it");
            assert!(refused.contains("--auth-disabled-anywhere"), "{refused}");
            assert_eq!(check("--auth disabled --auth-disabled-anywhere", reachable), Ok(()));
        }
    }

    #[test]
    fn an_origin_that_no_browser_would_send_is_refused() {
        let read = |text: &str| {
            let line = Line::try_parse_from(["orrery", "--trusted-origins", text]);
            line.map(|line| line.door.trusted_origins).map_err(|error| error.to_string())
        };
        assert_eq!(
            read("https://UI.example.com,http://localhost:3000"),
            Ok(vec!["https://ui.example.com".to_owned(), "http://localhost:3000".to_owned()])
        );
        for wrong in ["foo/bar", "ui.example.com", "https://ui.example.com/", "*"] {
            let refused = read(wrong).expect_err(wrong);
            assert!(refused.contains("origin"), "{refused}");
        }
    }

    #[test]
    fn a_key_that_was_given_is_in_no_debug_output() {
        let line = Line::try_parse_from(["orrery", "--admin-key", "ork_secret"]).expect("it is read");
        assert!(!format!("{:?}", line.door).contains("ork_secret"));
    }
}
