//! The guard of outbound calls: names are looked up here, every address that comes of it is checked, and the client connects
//! to the checked ones and no others. A name that is looked up a second time to connect to could be another host by then.
//!
//! Whoever follows a redirect asks [`GuardedResolver::check`] before each; the gateway to the agents follows none.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use domain::agents::{Networks, RefusedHost};
use reqwest::{
    ClientBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Where names are looked up.
#[async_trait]
pub trait HostNames: Send + Sync {
    /// The addresses of a name, in the order in which they are to be tried.
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// As this machine is set up to look names up.
struct SystemNames;

#[async_trait]
impl HostNames for SystemNames {
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect())
    }
}

/// Looks names up and lets through only addresses that may be called.
#[derive(Clone)]
pub struct GuardedResolver {
    networks: Arc<Networks>,
    names: Arc<dyn HostNames>,
}

impl GuardedResolver {
    /// Names as this machine looks them up.
    pub fn new(networks: Networks) -> Self {
        Self::with_names(networks, Arc::new(SystemNames))
    }

    /// Names from somewhere else.
    pub fn with_names(networks: Networks, names: Arc<dyn HostNames>) -> Self {
        Self { networks: Arc::new(networks), names }
    }

    /// What can be told from a URL: MUST be asked before each request, for a client resolves no host that is an address.
    pub fn check(&self, url: &Url) -> Result<(), RefusedHost> {
        let host = url.host_str().unwrap_or_default();
        let refused = |reason| Err(RefusedHost { host: host.to_owned(), reason });
        if !matches!(url.scheme(), "http" | "https") {
            return refused("not called over http or https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("called with credentials in the URL");
        }
        // The parser of URLs has brought every form of an address into one.
        self.networks.check_host(host)
    }

    /// A client that connects to nothing else. Redirects and proxies are off: both would lead around the guard.
    pub fn guard(&self, client: ClientBuilder) -> ClientBuilder {
        client.redirect(reqwest::redirect::Policy::none()).no_proxy().dns_resolver(Arc::new(self.clone()))
    }

    async fn allowed(&self, name: &str) -> Result<Vec<SocketAddr>, RefusedOrUnknown> {
        self.networks.check_host(name)?;
        let found = self.names.look_up(name).await?;
        let mut refused = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            match self.networks.check(address) {
                Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            // Of several addresses those that may be called are: a host on both sides of a fence is reached on this side.
            Some(RefusedHost { host, reason }) if allowed.is_empty() => {
                Err(RefusedHost { host: format!("{name} ({host})"), reason }.into())
            }
            _ => Ok(allowed),
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let allowed = guard.allowed(name.as_str()).await.map_err(RefusedOrUnknown::cause)?;
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

/// Why a name gave no address.
#[derive(Debug, thiserror::Error)]
enum RefusedOrUnknown {
    #[error(transparent)]
    Refused(#[from] RefusedHost),
    #[error(transparent)]
    Unknown(#[from] io::Error),
}

impl RefusedOrUnknown {
    /// The reason itself, so that whoever asked finds it by its type.
    fn cause(self) -> Box<dyn std::error::Error + Send + Sync> {
        match self {
            Self::Refused(refused) => refused.into(),
            Self::Unknown(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(&'static [&'static str]);

    #[async_trait]
    impl HostNames for Always {
        async fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.iter().map(|address| address.parse().expect("an address")).collect())
        }
    }

    async fn resolved(networks: &str, found: &'static [&'static str]) -> Result<Vec<String>, String> {
        let guard = GuardedResolver::with_names(networks.parse().expect("networks"), Arc::new(Always(found)));
        let addresses = guard.resolve("agent.example".parse().expect("a name")).await.map_err(|e| e.to_string())?;
        Ok(addresses.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn only_addresses_that_may_be_called_come_out() {
        let both = resolved("public-only", &["10.0.0.1", "1.1.1.1", "169.254.169.254", "2606:4700::1"]).await;
        assert_eq!(both.as_deref(), Ok(["1.1.1.1".to_owned(), "2606:4700::1".to_owned()].as_slice()));
        let none = resolved("any-private", &["169.254.169.254", "::ffff:127.0.0.1"]).await;
        let told = "agent.example (169.254.169.254) is not called: it is the metadata service of a cloud";
        assert_eq!(none, Err(told.to_owned()));
        assert_eq!(resolved("any-private", &[]).await, Ok(Vec::new()));
    }

    #[test]
    fn a_url_is_checked_as_the_client_reads_it() {
        let guard = GuardedResolver::new("public-only".parse().expect("networks"));
        for url in [
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://169.254.43518/latest",
            // Digits of other scripts are digits to the parser of URLs.
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
            "http://127.0.0.1%2f/",
            "http://127\u{3002}0\u{3002}0\u{3002}1/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::1]:8080/",
            "http://localhost/",
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://user:password@example.com/",
            "http://user@example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
        ] {
            let refused = Url::parse(url).map_or(true, |url| guard.check(&url).is_err());
            assert!(refused, "{url}");
        }
        assert_eq!(guard.check(&Url::parse("https://agents.example.com:8443/a?b").expect("a URL")), Ok(()));
    }
}
