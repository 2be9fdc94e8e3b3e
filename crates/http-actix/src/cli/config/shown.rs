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
    pub(super) fn new(setting: &Setting, values: Vec<String>, origin: Origin) -> Self {
        let values = if setting.secret { values.iter().map(|value| hidden(value)).collect() } else { values };
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
}
