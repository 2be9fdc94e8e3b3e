//! Which hosts may be called on somebody's word: the URL of an agent is data, and whoever may write it must not reach through
//! this server what only this server can reach.
//!
//! Rules alone; nothing is resolved here. What can be told from a URL is told when it is registered
//! ([`Networks::check_host`]); the addresses that a name stands for are checked by whoever connects to them
//! ([`Networks::check`]), between looking them up and connecting, because they may change in between.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why a host is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is not called: it is {reason}")]
pub struct RefusedHost {
    /// The host, as it was written or found.
    pub host: String,
    /// What is wrong with it; goes on from "it is".
    pub reason: &'static str,
}

/// What is said about which networks may be called cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetworks {
    /// One of the words is neither a name nor a network.
    #[error("'{0}' is neither any-private, public-only, public, private nor a network like 10.1.0.0/16")]
    Word(String),
    /// The network is one that is never called.
    #[error("{network} is never called: it is {reason}")]
    Never {
        /// The network.
        network: IpNet,
        /// What it is.
        reason: &'static str,
    },
    /// Nothing could be called at all.
    #[error("at least one network is needed")]
    Empty,
}

/// The networks whose hosts may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    public: bool,
    private: bool,
    listed: Vec<IpNet>,
}

impl Default for Networks {
    /// Public and private ones, because agents live beside this server: on its host, in its cluster.
    fn default() -> Self {
        Self { public: true, private: true, listed: Vec::new() }
    }
}

impl FromStr for Networks {
    type Err = InvalidNetworks;

    /// `any-private` (public and private), `public-only`, or a list of `public`, `private` and networks, with commas between.
    fn from_str(text: &str) -> Result<Self, InvalidNetworks> {
        let mut networks = Self { public: false, private: false, listed: Vec::new() };
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "any-private" => (networks.public, networks.private) = (true, true),
                "public-only" | "public" => networks.public = true,
                "private" => networks.private = true,
                word => networks.listed.push(network(word)?),
            }
        }
        let nothing = !networks.public && !networks.private && networks.listed.is_empty();
        if nothing { Err(InvalidNetworks::Empty) } else { Ok(networks) }
    }
}

/// A network, or one address as a network of its own.
fn network(word: &str) -> Result<IpNet, InvalidNetworks> {
    let alone = word.parse::<IpAddr>().map(IpNet::from);
    let network = word.parse::<IpNet>().or(alone).map_err(|_| InvalidNetworks::Word(word.to_owned()))?;
    match never_called().find(|(never, _)| never.contains(&network)) {
        Some((_, reason)) => Err(InvalidNetworks::Never { network, reason }),
        None => Ok(network),
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(self.public, "public"), (self.private, "private")];
        let names = names.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned());
        let words: Vec<_> = names.chain(self.listed.iter().map(ToString::to_string)).collect();
        f.write_str(&words.join(","))
    }
}

impl Networks {
    /// Whether a connection to this address may be made.
    pub fn check(&self, address: IpAddr) -> Result<(), RefusedHost> {
        let refused = |reason| Err(RefusedHost { host: address.to_string(), reason });
        if let Some((_, reason)) = never_called().find(|(network, _)| network.contains(&address)) {
            return refused(reason);
        }
        if let IpAddr::V6(six) = address
            && !six.is_loopback()
            && !GLOBAL.contains(&six)
            && !UNIQUE_LOCAL.contains(&six)
        {
            return refused("in a reserved range");
        }
        if self.listed.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        match (is_private(address), self.private, self.public) {
            (true, true, _) | (false, _, true) => Ok(()),
            (true, false, _) => refused("in a private network, and those are not allowed here (--agent-networks)"),
            (false, _, false) => refused("not in the networks that are allowed here (--agent-networks)"),
        }
    }

    /// What can be told from the host of a URL alone. A name that passes may still stand for an address that does not.
    pub fn check_host(&self, host: &str) -> Result<(), RefusedHost> {
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let refused = |reason| Err(RefusedHost { host: host.to_owned(), reason });
        if METADATA_NAMES.contains(&name.as_str()) {
            return refused("the metadata service of a cloud");
        }
        let named = |refused: RefusedHost| RefusedHost { host: host.to_owned(), ..refused };
        if name == "localhost" || name.ends_with(".localhost") {
            return self.check(Ipv4Addr::LOCALHOST.into()).map_err(named);
        }
        match literal(&name) {
            Literal::Address(address) => self.check(address).map_err(named),
            Literal::Broken => refused("no address, though it ends like one"),
            Literal::Name => Ok(()),
        }
    }
}

/// Names under which clouds answer with the credentials of the machine. They stand for addresses that are refused as well;
/// the names tell it already where nothing is resolved.
const METADATA_NAMES: [&str; 5] =
    ["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"];

/// Global unicast addresses (RFC 4291, section 2.4), those in use.
const GLOBAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Unique local addresses (RFC 4193): the private networks of IPv6.
const UNIQUE_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

const fn four(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn six(head: [u16; 3], tail: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(head[0], head[1], head[2], 0, 0, 0, 0, tail), length)
}

/// What is never called, whatever is configured. Metadata stands before the ranges that it lies in, for the reason told.
const NEVER_FOUR: [(Ipv4Net, &str); 9] = [
    (four(169, 254, 169, 254, 32), METADATA),
    (four(100, 100, 100, 200, 32), METADATA),
    (four(168, 63, 129, 16, 32), METADATA),
    (four(0, 0, 0, 0, 8), "the unspecified address, or beside it"),
    (four(169, 254, 0, 0, 16), "link-local"),
    // RFC 6890; a cloud has its metadata service at 192.0.0.192.
    (four(192, 0, 0, 0, 24), "reserved for protocols"),
    (four(192, 88, 99, 0, 24), "a relay of 6to4"),
    (four(224, 0, 0, 0, 4), "multicast"),
    // With 255.255.255.255, which is broadcast.
    (four(240, 0, 0, 0, 4), "broadcast or reserved"),
];

/// The same of IPv6. What carries an IPv4 address inside is refused whatever that address is: another form of an address has
/// no use here but to get past a check.
const NEVER_SIX: [(Ipv6Net, &str); 11] = [
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), "the unspecified address"),
    (Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), "an IPv4 address written as IPv6"),
    (six([0x64, 0xff9b, 0], 0, 96), "an IPv4 address behind NAT64"),
    (six([0x64, 0xff9b, 1], 0, 48), "an IPv4 address behind NAT64"),
    (six([0x2002, 0, 0], 0, 16), "an IPv4 address in a 6to4 tunnel"),
    (six([0x2001, 0, 0], 0, 32), "an IPv4 address in a Teredo tunnel"),
    (six([0xfe80, 0, 0], 0, 10), "link-local"),
    (six([0xfec0, 0, 0], 0, 10), "site-local, which is out of use"),
    (six([0xff00, 0, 0], 0, 8), "multicast"),
    // All services of the machine itself have this prefix: ::254 metadata, ::23 credentials of a pod.
    (six([0xfd00, 0xec2, 0], 0, 32), METADATA),
    (six([0xfd20, 0xce, 0], 0x254, 128), METADATA),
];

const METADATA: &str = "the metadata service of a cloud";

fn never_called() -> impl Iterator<Item = (IpNet, &'static str)> {
    let four = NEVER_FOUR.iter().map(|(network, reason)| (IpNet::V4(*network), *reason));
    four.chain(NEVER_SIX.iter().map(|(network, reason)| (IpNet::V6(*network), *reason)))
}

/// What is not reachable from the public network, of what may be called at all: private, loopback, shared by a provider's
/// customers, kept for benchmarks and for documentation.
const PRIVATE_FOUR: [Ipv4Net; 9] = [
    four(10, 0, 0, 0, 8),
    four(172, 16, 0, 0, 12),
    four(192, 168, 0, 0, 16),
    four(127, 0, 0, 0, 8),
    four(100, 64, 0, 0, 10),
    four(198, 18, 0, 0, 15),
    four(192, 0, 2, 0, 24),
    four(198, 51, 100, 0, 24),
    four(203, 0, 113, 0, 24),
];

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PRIVATE_FOUR.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            let documentation = six([0x2001, 0xdb8, 0], 0, 32);
            address.is_loopback() || UNIQUE_LOCAL.contains(&address) || documentation.contains(&address)
        }
    }
}

/// What a host of a URL is.
enum Literal {
    Address(IpAddr),
    /// It ends in a number, so nobody would look it up, and is no address (WHATWG URL, section 3.5).
    Broken,
    Name,
}

/// Reads a host as clients do: `2130706433`, `0x7f.1` and `0177.0.0.1` are all 127.0.0.1.
fn literal(host: &str) -> Literal {
    if let Some(six) = host.strip_prefix('[') {
        let six = six.strip_suffix(']').and_then(|six| six.parse::<Ipv6Addr>().ok());
        return six.map_or(Literal::Broken, |six| Literal::Address(six.into()));
    }
    let parts: Vec<&str> = host.split('.').collect();
    let is_number = |part: &str| {
        let hex = part.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        hex || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    if !parts.last().is_some_and(|last| is_number(last)) {
        return Literal::Name;
    }
    let numbers: Option<Vec<u64>> = parts.iter().map(|part| number(part)).collect();
    numbers.and_then(|numbers| four_of(&numbers)).map_or(Literal::Broken, |four| Literal::Address(four.into()))
}

fn number(part: &str) -> Option<u64> {
    match (part.strip_prefix("0x"), part.strip_prefix('0')) {
        (Some(""), _) => Some(0),
        (Some(hex), _) => u64::from_str_radix(hex, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        (None, _) => part.parse().ok(),
    }
}

/// All numbers but the last are a byte each, and the last fills what is left.
fn four_of(numbers: &[u64]) -> Option<Ipv4Addr> {
    let (last, bytes) = numbers.split_last()?;
    let rest = 4usize.checked_sub(bytes.len()).filter(|rest| *rest > 0)?;
    if *last >= 1 << (8 * rest) || bytes.iter().any(|byte| *byte > 255) {
        return None;
    }
    let head = bytes.iter().zip(0u32..).fold(0, |head, (byte, at)| head | (byte << (24 - 8 * at)));
    u32::try_from(head | last).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
#[path = "networks_tests.rs"]
mod tests;
