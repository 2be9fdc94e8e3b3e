//! Under which names a door may be reached at which nobody is asked.
//!
//! A page of a stranger can have its own name resolve to the address of such a door (DNS rebinding). To the browser that door is
//! then the page's own origin, so it sends and shows everything; only the name in `Host` is still the stranger's. An address, and
//! `localhost`, are nobody's name.

use std::{net::IpAddr, sync::Arc};

use actix_web::http::{Uri, header, header::HeaderMap};

/// The names by which such a door is known, beside addresses and `localhost`.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    names: Arc<[String]>,
    /// Whether names without a dot are known too, such as those of services in one network: no stranger owns one in the public DNS,
    /// though whoever runs the network's DNS does.
    bare: bool,
}

impl KnownHosts {
    /// The hosts of these URLs or origins; whatever is none is left out.
    pub fn of<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        let host = |url: &str| url.parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase);
        Self { names: urls.into_iter().filter_map(host).collect(), bare: false }
    }

    /// And every name without a dot.
    #[must_use]
    pub fn and_bare_names(self) -> Self {
        Self { bare: true, ..self }
    }

    /// The name that a request has come under, if it is not known. Browsers always say one, so who says none is no page.
    pub(crate) fn stranger(&self, headers: &HeaderMap) -> Option<String> {
        let said = headers.get_all(header::HOST);
        said.map(|host| host.to_str().unwrap_or("?")).find(|host| !self.knows(host)).map(str::to_owned)
    }

    fn knows(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        // RFC 6761, section 6.3: such names are loopback addresses, always.
        let is_local = name == "localhost" || name.ends_with(".localhost");
        let is_bare = self.bare && !name.is_empty() && !name.contains('.');
        is_address || is_local || is_bare || self.names.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Not the last part of an address like [::1].
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn is_known(hosts: &KnownHosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).expect("a header"));
        hosts.stranger(&headers).is_none()
    }

    #[test]
    fn addresses_and_localhost_are_nobodys_names() {
        let hosts = KnownHosts::default();
        for host in
            ["127.0.0.1:8000", "10.1.2.3", "[::1]:8000", "[2001:db8::1]", "localhost", "LocalHost:80", "a.localhost."]
        {
            assert!(is_known(&hosts, host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "orrery",
            "",
            ":80",
        ] {
            assert!(!is_known(&hosts, host), "{host}");
        }
        assert!(hosts.stranger(&HeaderMap::new()).is_none());
    }

    #[test]
    fn what_was_said_to_be_ones_own_is_known() {
        let hosts = KnownHosts::of(["https://Orrery.example.com:8443/base", "http://ui:3000", "nonsense nonsense"]);
        for host in ["orrery.example.com", "orrery.example.com:1", "ui:8000"] {
            assert!(is_known(&hosts, host), "{host}");
        }
        for host in ["example.com", "nonsense", "other"] {
            assert!(!is_known(&hosts, host), "{host}");
        }
        let hosts = hosts.and_bare_names();
        assert!(is_known(&hosts, "other:8000") && !is_known(&hosts, "other.example"));
    }

    #[test]
    fn of_several_names_each_must_be_known() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        headers.append(header::HOST, HeaderValue::from_static("evil.example"));
        assert_eq!(KnownHosts::default().stranger(&headers).as_deref(), Some("evil.example"));
    }
}
