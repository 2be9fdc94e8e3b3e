//! The settings that count, and where each comes from.

use std::{fmt, path::PathBuf};

use super::declared::{Kind, Setting};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody has said anything.
    Default,
    /// A file, in this line.
    File(PathBuf, usize),
    /// A variable.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A setting as it counts. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    key: String,
    /// As in a file; none where it is not set.
    value: Option<String>,
    origin: Origin,
}

impl Effective {
    pub(super) fn new(setting: &Setting, values: &[String], origin: Origin) -> Self {
        let shown: fn(&str) -> String = if setting.secret { hidden } else { without_user_information };
        let values: Vec<String> = values.iter().map(|value| shown(value)).collect();
        let value = if values.is_empty() { None } else { Some(in_toml(setting, &values)) };
        Self { key: setting.key.clone(), value, origin }
    }

    /// Whether nobody has said anything.
    pub(crate) fn is_default(&self) -> bool {
        self.origin == Origin::Default
    }
}

/// As it stands in a file.
pub(super) fn in_toml(setting: &Setting, values: &[String]) -> String {
    let one = |value: &String| match setting.kind {
        // What JSON escapes, TOML reads.
        Kind::Text => serde_json::Value::from(value.as_str()).to_string(),
        Kind::Flag | Kind::Boolean | Kind::Number | Kind::Decimal => value.clone(),
    };
    match values {
        [value] if !setting.many => one(value),
        values => format!("[{}]", values.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

/// Of a URL everything but the password says which database is meant; of `name=value` the name.
fn hidden(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.split_once('=').map_or_else(|| HIDDEN.to_owned(), |(name, _)| format!("{name}={HIDDEN}"));
    };
    // Parameters may hold a password as well.
    let (place, parameters) = rest.split_once('?').map_or((rest, ""), |(place, _)| (place, "?***"));
    match place.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:{HIDDEN}"));
            format!("{scheme}://{user}@{host}{parameters}")
        }
        None => format!("{scheme}://{place}{parameters}"),
    }
}

/// Other settings are shown, but what stands before the host of a URL lets its holder in (RFC 3986, section 3.2.1).
fn without_user_information(value: &str) -> String {
    let mut parts = value.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (place, _) = part.split_at(part.find(['/', '?', '#']).unwrap_or(part.len()));
        let is_host = place.rsplit_once(':').is_none_or(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()));
        // Somebody has a '/' in their password and did not write it as %2F: the URL is wrong, and the password is theirs.
        let end = place.rfind('@').or_else(|| if is_host { None } else { part.rfind('@') });
        shown.push_str("://");
        if let Some(end) = end {
            shown.push_str(HIDDEN);
            shown.push_str(&part[end..]);
        } else {
            shown.push_str(part);
        }
    }
    shown
}

/// One line for each setting, which is a line of a file as well.
pub(super) fn text(effective: &[Effective]) -> String {
    let lines: Vec<(String, &Origin)> = effective
        .iter()
        .map(|setting| match &setting.value {
            Some(value) => (format!("{} = {value}", setting.key), &setting.origin),
            None => (format!("# {} is not set", setting.key), &setting.origin),
        })
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
    let lines = lines.into_iter().map(|(line, origin)| match origin {
        Origin::Default if line.starts_with('#') => line + "\n",
        origin => format!("{line:<width$}  # {origin}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_secret_only_what_is_none_is_shown() {
        for (secret, shown) in [
            ("postgres://user:pa:ss@word@host:5432/d", "postgres://user:***@host:5432/d"),
            ("postgres://user@host/d?password=p&sslmode=require", "postgres://user@host/d?***"),
            ("postgres:///d", "postgres:///d"),
            ("ssl.keystore.password=p", "ssl.keystore.password=***"),
            ("ork_1234", "***"),
        ] {
            assert_eq!(hidden(secret), shown);
        }
    }

    #[test]
    fn nobody_who_may_enter_a_url_is_shown() {
        for (value, shown) in [
            ("http://user:pw@h", "http://***@h"),
            ("https://token@h:4318/v1?a=b@c", "https://***@h:4318/v1?a=b@c"),
            ("https://user:p@ss,w@h/x", "https://***@h/x"),
            ("http://user:p/w@h/x", "http://***@h/x"),
            ("https://h:8443/@scope/x", "https://h:8443/@scope/x"),
            ("a=http://u:p@one b=http://u:p@two", "a=http://***@one b=http://***@two"),
            ("info,sqlx=warn", "info,sqlx=warn"),
            ("127.0.0.1:8000", "127.0.0.1:8000"),
        ] {
            assert_eq!(without_user_information(value), shown);
        }
    }
}
