//! Which pages of other origins may ask (CORS, the Fetch standard). None, unless somebody says so.

use std::{fmt, str::FromStr};

use actix_web::{
    http::{Uri, header},
    middleware::Condition,
};

/// What is said about origins cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCors {
    /// Not an origin.
    #[error("'{0}' is no origin: it is '*', or a scheme and a host, like https://ui.example.com, and perhaps a port")]
    Origin(String),
    /// Browsers refuse it, and it would give every page on the web the rights of whoever looks at it.
    #[error("any origin ('*') cannot be allowed together with credentials: name the origins")]
    AnyWithCredentials,
}

/// An origin, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = InvalidCors;

    fn from_str(text: &str) -> Result<Self, InvalidCors> {
        let invalid = || InvalidCors::Origin(text.to_owned());
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid());
        };
        // Origins have no path, not even a slash: browsers send none, and what is compared are texts.
        let origin = format!("{scheme}://{}", authority.as_str().to_ascii_lowercase());
        let bare = text.eq_ignore_ascii_case(&origin) && !authority.as_str().contains('@');
        if bare { Ok(Self(origin)) } else { Err(invalid()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which origins' pages may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    origins: Vec<Origin>,
    credentials: bool,
}

impl Cors {
    /// These origins; `credentials` lets their pages send cookies and client certificates, which this server does not use
    /// but a proxy before it may.
    pub fn new(origins: Vec<Origin>, credentials: bool) -> Result<Self, InvalidCors> {
        let any = origins.iter().any(|origin| origin.0 == "*");
        if any && credentials { Err(InvalidCors::AnyWithCredentials) } else { Ok(Self { origins, credentials }) }
    }

    /// What answers preflights and adds to answers; nothing where no origin is named.
    pub(crate) fn layer(&self) -> Condition<actix_cors::Cors> {
        let mut cors = actix_cors::Cors::default()
            .allowed_methods(["GET", "POST", "PUT", "DELETE"])
            .allowed_headers([
                header::ACCEPT.as_str(),
                header::AUTHORIZATION.as_str(),
                header::CONTENT_TYPE.as_str(),
                header::IF_MATCH.as_str(),
                header::IF_NONE_MATCH.as_str(),
                "idempotency-key",
                "last-event-id",
                "prefer",
                "x-api-key",
                "x-correlation-id",
            ])
            .expose_headers([
                header::ETAG.as_str(),
                header::LOCATION.as_str(),
                header::RETRY_AFTER.as_str(),
                header::WARNING.as_str(),
                header::WWW_AUTHENTICATE.as_str(),
                "preference-applied",
                "idempotency-replayed",
                "ratelimit",
                "ratelimit-policy",
                "x-correlation-id",
            ])
            .max_age(600);
        if self.credentials {
            cors = cors.supports_credentials();
        }
        for Origin(origin) in &self.origins {
            cors = if origin == "*" { cors.allow_any_origin().send_wildcard() } else { cors.allowed_origin(origin) };
        }
        Condition::new(!self.origins.is_empty(), cors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host_and_nothing_else() {
        for (text, origin) in [
            ("*", "*"),
            ("https://UI.example.com", "https://ui.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(text.parse::<Origin>().map(|origin| origin.to_string()).as_deref(), Ok(origin));
        }
        for bad in [
            "",
            "example.com",
            "https://example.com/",
            "https://example.com/a",
            "ftp://example.com",
            "null",
            "https://u@h",
            "https://*.example.com?",
            "https://",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn any_origin_and_credentials_exclude_each_other() {
        let any: Origin = "*".parse().expect("an origin");
        assert_eq!(Cors::new(vec![any.clone()], true), Err(InvalidCors::AnyWithCredentials));
        assert!(Cors::new(vec![any], false).is_ok());
    }
}
