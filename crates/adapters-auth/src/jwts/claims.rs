//! What the claims of a token say, once its signature is right.

use std::collections::BTreeSet;

use domain::{
    Timestamp,
    access::{JwtHolder, Principal, Refused, Role, Scope},
};
use serde_json::{Map, Value};

use super::settings::{ClaimPath, IssuerSettings};

type Claims = Map<String, Value>;

/// The longest subject, in characters.
const MAX_SUBJECT: usize = 255;

impl IssuerSettings {
    /// Who it is, and until when.
    pub(super) fn holder(&self, claims: &Claims, now: Timestamp) -> Result<JwtHolder, Refused> {
        self.check_audience(claims)?;
        let expires_at = self.check_times(claims, now)?;
        Ok(JwtHolder { principal: self.principal(claims)?, expires_at })
    }

    fn principal(&self, claims: &Claims) -> Result<Principal, Refused> {
        let subject = claims.get("sub").and_then(Value::as_str).ok_or(Refused::Malformed)?;
        let is_name = !subject.is_empty() && !subject.chars().any(char::is_control);
        if !is_name || subject.chars().count() > MAX_SUBJECT {
            return Err(Refused::Malformed);
        }
        let hides = self.hides_payloads.as_ref().and_then(|path| path.find(claims));
        Ok(Principal {
            name: format!("{}{subject}", self.prefix),
            credential: claims.get("jti").and_then(Value::as_str).map(str::to_owned),
            role: self.role(claims).ok_or(Refused::Roleless)?,
            scope: Scope {
                workflows: names(self.workflows.as_ref(), claims),
                agents: names(self.agents.as_ref(), claims),
            },
            hides_payloads: hides.is_some_and(|value| !is_plainly_no(value)),
        })
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Refused> {
        let ours = |audience: &Value| audience.as_str().is_some_and(|it| self.audiences.iter().any(|our| our == it));
        let is_ours = match claims.get("aud") {
            Some(Value::Array(audiences)) => audiences.iter().any(ours),
            Some(audience) => ours(audience),
            None => false,
        };
        if is_ours { Ok(()) } else { Err(Refused::Audience) }
    }

    /// A token without an end is none that is accepted here.
    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<Timestamp, Refused> {
        let now = now.timestamp();
        let end = seconds(claims, "exp")?.ok_or(Refused::Malformed)?;
        let begin = seconds(claims, "nbf")?;
        let is_over = end.saturating_add(self.leeway_seconds) <= now;
        let is_early = begin.is_some_and(|begin| begin.saturating_sub(self.leeway_seconds) > now);
        // Some providers write an end beyond all calendars.
        let ends = Timestamp::from_timestamp(end, 0).unwrap_or(Timestamp::MAX_UTC);
        if is_over || is_early { Err(Refused::Expired) } else { Ok(ends) }
    }

    /// The most trusted of the roles that the token names.
    fn role(&self, claims: &Claims) -> Option<Role> {
        let said = self.role_claim.find(claims).map(texts).unwrap_or_default();
        let known = said.iter().filter_map(|value| self.roles.get(*value)).copied();
        known.max_by_key(|role| Role::ALL.iter().position(|other| other == role)).or(self.default_role)
    }
}

impl ClaimPath {
    fn find<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        if let Some(value) = claims.get(&self.0) {
            return Some(value);
        }
        let mut names = self.0.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.as_object()?.get(name))
    }
}

/// Whatever is there and means anything else hides payloads: a provider's spelling mistake shows nothing.
fn is_plainly_no(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(hides) => !hides,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => {
            text.trim().is_empty() || text.trim().eq_ignore_ascii_case("false") || text.trim() == "0"
        }
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// A scope that the settings ask for and the token lacks is an empty one: it allows nothing.
fn names(path: Option<&ClaimPath>, claims: &Claims) -> Option<BTreeSet<String>> {
    let said = path?.find(claims).map(texts).unwrap_or_default();
    Some(said.into_iter().map(str::to_owned).collect())
}

/// A text with spaces between, as scopes of OAuth are written, or an array of texts.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => text.split_whitespace().collect(),
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A time in seconds; some providers write fractions.
fn seconds(claims: &Claims, name: &str) -> Result<Option<i64>, Refused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and whole seconds are meant")]
    let whole = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
    whole.map(Some).ok_or(Refused::Malformed)
}
