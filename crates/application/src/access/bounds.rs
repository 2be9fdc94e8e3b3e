//! From where and until when a key is good, and so whatever is given with it.

use domain::{
    Timestamp,
    access::{ApiKey, Forbidden},
};
use ipnet::IpNet;

/// From where and until when a credential is good. The default is from anywhere, without end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The networks it may be used from; empty for any.
    pub networks: Vec<IpNet>,
    /// From when on it is worth nothing.
    pub ends: Option<Timestamp>,
}

impl Bounds {
    /// Those of a key.
    pub(super) fn of(key: &ApiKey) -> Self {
        Self { networks: key.networks.clone(), ends: key.expires_at }
    }

    /// Whether there are none.
    pub(super) fn are_open(&self) -> bool {
        self.networks.is_empty() && self.ends.is_none()
    }

    /// Whether whoever is bound by these may give a key with the others: from no other network, and for no longer.
    pub(super) fn take_in(&self, given: &Self) -> Result<(), Forbidden> {
        if !self.networks.is_empty() {
            let own = IpNet::aggregate(&self.networks);
            let is_own = |network: &IpNet| own.iter().any(|own| own.contains(network));
            if given.networks.is_empty() {
                let own = listed(&self.networks);
                return Err(outside(format!(
                    "it may be used from {own} only, so what it gives must name such networks"
                )));
            }
            if let Some(other) = given.networks.iter().find(|network| !is_own(network)) {
                let own = listed(&self.networks);
                return Err(outside(format!("it may be used from {own} only, and {other} is not part of that")));
            }
        }
        match self.ends {
            Some(end) if given.ends.is_none_or(|given| given > end) => {
                let end = end.format("%Y-%m-%dT%H:%M:%SZ");
                Err(outside(format!("it ends at {end}, and what it gives must not last longer")))
            }
            _ => Ok(()),
        }
    }
}

fn outside(why: String) -> Forbidden {
    Forbidden::OutOfScope(why)
}

fn listed(networks: &[IpNet]) -> String {
    networks.iter().map(IpNet::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(networks: &[&str], ends: Option<i64>) -> Bounds {
        Bounds {
            networks: networks.iter().map(|text| text.parse().expect("a network")).collect(),
            ends: ends.map(|seconds| Timestamp::from_timestamp(seconds, 0).expect("a time")),
        }
    }

    #[test]
    fn who_is_bound_to_networks_gives_only_what_is_bound_to_parts_of_them() {
        let own = bounds(&["10.0.0.0/9", "10.128.0.0/9", "2001:db8::/32"], None);
        for part in [&["10.0.0.0/8"][..], &["10.1.2.3/32", "2001:db8:1::/48"], &["2001:db8::/32"]] {
            assert_eq!(own.take_in(&bounds(part, None)), Ok(()), "{part:?}");
        }
        for wider in [&[][..], &["0.0.0.0/0"], &["10.0.0.0/8", "11.0.0.0/8"], &["2001::/16"]] {
            let refused = own.take_in(&bounds(wider, None)).expect_err("it is wider");
            assert!(refused.to_string().contains("10.0.0.0/9"), "{refused}");
        }
        assert_eq!(Bounds::default().take_in(&own), Ok(()));
    }

    #[test]
    fn who_ends_gives_only_what_ends_as_early() {
        let own = bounds(&[], Some(1_800_000_000));
        for earlier in [1_800_000_000, 1_700_000_000] {
            assert_eq!(own.take_in(&bounds(&["0.0.0.0/0"], Some(earlier))), Ok(()));
        }
        for later in [None, Some(1_800_000_001)] {
            let refused = own.take_in(&bounds(&[], later)).expect_err("it is later");
            assert!(refused.to_string().contains("2027-01-15T08:00:00Z"), "{refused}");
        }
    }
}
