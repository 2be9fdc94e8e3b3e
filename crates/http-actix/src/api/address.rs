//! Where a request comes from: the one answer for limits, allowed networks and the audit log.
//!
//! The peer of the connection, unless that is a proxy that is trusted: then what it says in `X-Forwarded-For`. Each proxy
//! appends whom it was called by, so the list is read from its end, and the first address that is no trusted proxy is the
//! client. What stands before that is the client's own invention.

use std::net::IpAddr;

use actix_web::{HttpRequest, web};
use ipnet::IpNet;

/// The proxies whose word counts.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The address of whoever sent the request; none where it did not come over a network.
pub(crate) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let Some(proxies) = request.app_data::<web::Data<TrustedProxies>>().filter(|proxies| proxies.trusts(peer)) else {
        return Some(peer);
    };
    // Several fields are one list (RFC 9110, section 5.3).
    let fields: Vec<_> =
        request.headers().get_all("x-forwarded-for").map(|value| value.to_str().unwrap_or("?")).collect();
    let mut client = peer;
    for word in fields.iter().flat_map(|field| field.split(',')).rev() {
        match forwarded(word.trim()) {
            Some(address) => client = address,
            // Whoever said this was no proxy that is understood here; the last one that was stands for it.
            None => return Some(client),
        }
        if !proxies.trusts(client) {
            return Some(client);
        }
    }
    Some(client)
}

/// An address, which some proxies give with a port.
fn forwarded(word: &str) -> Option<IpAddr> {
    let with_port = || word.parse::<std::net::SocketAddr>().map(|socket| socket.ip());
    let bare = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
    bare.parse().or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let proxies =
            TrustedProxies(vec!["10.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("a network")]);
        let request = TestRequest::get().app_data(web::Data::new(proxies));
        let request = request.peer_addr(format!("{peer}:4711").parse().expect("an address"));
        let request =
            forwarded.iter().fold(request, |request, value| request.append_header(("x-forwarded-for", *value)));
        client_address(&request.to_http_request()).expect("an address").to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(seen("192.0.2.1", &["1.2.3.4"]), "192.0.2.1");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(seen("[::1]", &["1.2.3.4:99"]), "1.2.3.4");
        assert_eq!(seen("[::ffff:10.0.0.1]", &["[2001:db8::1]:99"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_client_invents_is_not_believed() {
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "1.2.3.4", "10.0.0.2"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", &["nonsense"]), "10.0.0.1");
    }
}
