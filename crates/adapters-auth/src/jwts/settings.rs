//! Which tokens are accepted, and what their claims mean here.

use std::{collections::BTreeMap, path::PathBuf};

use domain::{access::Role, agents::Secret};
use serde::Deserialize;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidJwtSettings {
    /// They are no JSON of the right shape.
    #[error("these are no settings of issuers")]
    Json(#[source] serde_json::Error),
    /// An issuer's settings are wrong.
    #[error("the issuer '{issuer}' {problem}")]
    Issuer {
        /// Which.
        issuer: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// All issuers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    issuers: Vec<Written>,
}

/// An issuer as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    audiences: Vec<String>,
    jwks_url: Option<String>,
    jwks_file: Option<PathBuf>,
    hs256_secret_file: Option<PathBuf>,
    #[serde(default = "a_minute")]
    leeway_seconds: u16,
    name: Option<String>,
    #[serde(default = "roles")]
    role_claim: String,
    #[serde(default)]
    roles: BTreeMap<String, String>,
    default_role: Option<String>,
    hides_payloads_claim: Option<String>,
    workflows_claim: Option<String>,
    agents_claim: Option<String>,
}

fn a_minute() -> u16 {
    60
}

fn roles() -> String {
    "roles".to_owned()
}

/// An issuer.
#[derive(Debug)]
pub struct IssuerSettings {
    /// What its tokens say as `iss`.
    pub issuer: String,
    /// One of these must be among what its tokens say as `aud`.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub keys: KeySource,
    /// How far clocks may be apart, in seconds.
    pub leeway_seconds: i64,
    /// What stands before subjects, so that two issuers do not name the same principal.
    pub prefix: String,
    /// Where the roles are said.
    pub role_claim: ClaimPath,
    /// What the values there mean.
    pub roles: BTreeMap<String, Role>,
    /// The role of those whose token says none that is known.
    pub default_role: Option<Role>,
    /// Where it is said that payloads are hidden: whatever is there hides them, but for null, false, 0 and these as a text.
    pub hides_payloads: Option<ClaimPath>,
    /// Where the workflows are listed that the token is restricted to.
    pub workflows: Option<ClaimPath>,
    /// Where the agents are listed that the token is restricted to.
    pub agents: Option<ClaimPath>,
}

/// The keys of an issuer.
#[derive(Debug)]
pub enum KeySource {
    /// Published at a URL.
    Url(String),
    /// Published, and kept in a file.
    File(PathBuf),
    /// Shared.
    Secret(Secret),
}

/// The way to a claim: a name, or names of nested objects with dots between. A claim whose own name has dots
/// (`https://example.org/roles`) is found too.
#[derive(Debug, Clone)]
pub struct ClaimPath(pub(super) String);

impl JwtSettings {
    /// Reads settings: `{"issuers": [{"issuer": …, "audiences": […], "jwks_url": …}]}`.
    pub fn parse(json: &str) -> Result<Self, InvalidJwtSettings> {
        serde_json::from_str(json).map_err(InvalidJwtSettings::Json)
    }

    pub(super) fn into_issuers(self) -> Result<Vec<IssuerSettings>, InvalidJwtSettings> {
        let several = self.issuers.len() > 1;
        let mut issuers: Vec<IssuerSettings> = Vec::new();
        for written in self.issuers {
            let issuer = written.issuer.clone();
            let read = written.read(several).and_then(|read| {
                if issuers.iter().any(|known| known.issuer == read.issuer) {
                    return Err("is there twice".to_owned());
                }
                if issuers.iter().any(|known| known.prefix == read.prefix) {
                    return Err("has the name of another".to_owned());
                }
                Ok(read)
            });
            issuers.push(read.map_err(|problem| InvalidJwtSettings::Issuer { issuer, problem })?);
        }
        Ok(issuers)
    }
}

impl Written {
    fn read(self, several: bool) -> Result<IssuerSettings, String> {
        if self.issuer.is_empty() {
            return Err("has no name".into());
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return Err("needs audiences: what its tokens for this server say as `aud`".into());
        }
        let keys = match (self.jwks_url, self.jwks_file, self.hs256_secret_file) {
            (Some(url), None, None) => KeySource::Url(url),
            (None, Some(path), None) => KeySource::File(path),
            (None, None, Some(path)) => KeySource::Secret(secret_in(&path)?),
            _ => return Err("needs exactly one of `jwks_url`, `jwks_file` and `hs256_secret_file`".into()),
        };
        let prefix = match &self.name {
            Some(name) if is_name(name) => format!("jwt:{name}/"),
            Some(_) => return Err("has a `name` that is not 1 to 32 of a-z, 0-9, `-`".into()),
            None if several => return Err("needs a `name`, because there are several".into()),
            None => "jwt:".to_owned(),
        };
        let mut roles = BTreeMap::new();
        for (value, role) in self.roles {
            roles.insert(value, role_of_people(&role)?);
        }
        if roles.is_empty() {
            roles.extend(Role::ALL.iter().filter_map(|role| Some((role.as_str().to_owned(), of_people(*role)?))));
        }
        Ok(IssuerSettings {
            issuer: self.issuer,
            audiences: self.audiences,
            keys,
            leeway_seconds: i64::from(self.leeway_seconds.min(600)),
            prefix,
            role_claim: ClaimPath(self.role_claim),
            roles,
            default_role: self.default_role.as_deref().map(role_of_people).transpose()?,
            hides_payloads: self.hides_payloads_claim.map(ClaimPath),
            workflows: self.workflows_claim.map(ClaimPath),
            agents: self.agents_claim.map(ClaimPath),
        })
    }
}

/// An agent's role goes with the token of a call, which only this server mints.
fn of_people(role: Role) -> Option<Role> {
    Some(role).filter(|role| *role != Role::Agent)
}

fn role_of_people(name: &str) -> Result<Role, String> {
    Role::parse(name)
        .and_then(of_people)
        .ok_or_else(|| format!("names the role '{name}'; there are viewer, operator, designer, admin"))
}

fn is_name(name: &str) -> bool {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(fits)
}

/// An HMAC is worth no more than its key (RFC 7518, section 3.2).
fn secret_in(path: &std::path::Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("has a secret in {} that cannot be read: {error}", path.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.len() < 32 {
        return Err(format!("has a secret in {} of less than 32 bytes", path.display()));
    }
    Ok(Secret::new(secret))
}
