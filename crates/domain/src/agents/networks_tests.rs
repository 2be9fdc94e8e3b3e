//! What is called and what is not.

use super::*;

fn networks(text: &str) -> Networks {
    text.parse().expect("networks")
}

fn refused(networks: &Networks, host: &str) -> &'static str {
    networks.check_host(host).expect_err(host).reason
}

#[test]
fn what_is_never_called_is_refused_whatever_is_configured() {
    for networks in [Networks::default(), networks("public-only"), networks("0.0.0.0/0,::/0")] {
        for host in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "192.88.99.1",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "240.0.0.1",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::1]",
            "[2002:a9fe:a9fe::1]",
            "[2001:0:1234::1]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
            "[fd20:ce::254]",
            "[::ffff:0:7f00:1]",
            "[100::1]",
            "[4000::1]",
            "metadata.google.internal",
            "METADATA.google.internal.",
            "metadata.goog",
            "instance-data",
        ] {
            assert!(networks.check_host(host).is_err(), "{host} with {networks}");
        }
    }
}

#[test]
fn an_address_is_the_same_in_every_form() {
    let metadata = "the metadata service of a cloud";
    let default = Networks::default();
    for form in
        ["2852039166", "0xa9fea9fe", "0XA9.0xFE.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.16689662"]
    {
        assert_eq!(refused(&default, form), metadata, "{form}");
    }
    let public = networks("public-only");
    for form in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "localhost",
        "a.localhost",
    ] {
        assert!(refused(&public, form).starts_with("in a private network"), "{form}");
        assert!(default.check_host(form).is_ok(), "{form}");
    }
    for broken in [
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.256",
        "4294967296",
        "0x1ffffffff",
        "08.1.1.1",
        "a.b.1",
        "1..1",
        "[::1",
        "[::g]",
    ] {
        assert!(refused(&default, broken).starts_with("no address"), "{broken}");
    }
}

#[test]
fn names_are_left_to_whoever_resolves_them() {
    for name in ["agent", "agents.example.com", "a.b.c.d.e", "1.example", "xn--bcher-kva.example", "0x7g"] {
        assert!(networks("public-only").check_host(name).is_ok(), "{name}");
    }
}

#[test]
fn private_networks_are_called_as_configured() {
    let private =
        ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "[::1]", "[fd12::1]"];
    let public = ["1.1.1.1", "172.32.0.1", "[2606:4700::1111]"];
    let passes = |networks: &Networks, host: &str| networks.check_host(host).is_ok();
    for host in private {
        let found = [
            networks("any-private"),
            networks("public-only"),
            networks("private"),
            networks("127.0.0.0/8,::1,10.0.0.0/8"),
        ];
        let listed = matches!(host, "127.0.0.1" | "[::1]" | "10.1.2.3");
        assert_eq!(found.map(|networks| passes(&networks, host)), [true, false, true, listed], "{host}");
    }
    for host in public {
        let found = [
            networks("any-private"),
            networks("public-only"),
            networks("private"),
            networks("10.0.0.0/8,public"),
            networks("10.0.0.0/8"),
        ];
        assert_eq!(found.map(|networks| passes(&networks, host)), [true, true, false, true, false], "{host}");
    }
}

#[test]
fn a_setting_that_cannot_be_meant_is_refused() {
    assert_eq!("".parse::<Networks>(), Err(InvalidNetworks::Empty));
    assert_eq!("intranet".parse::<Networks>(), Err(InvalidNetworks::Word("intranet".to_owned())));
    let never = "10.0.0.0/8,169.254.1.0/24".parse::<Networks>().expect_err("never called");
    assert_eq!(never.to_string(), "169.254.1.0/24 is never called: it is link-local");
    assert_eq!(networks(" 10.0.0.0/8 , public").to_string(), "public,10.0.0.0/8");
    assert_eq!(networks("any-private"), Networks::default());
}

proptest::proptest! {
    #[test]
    fn every_way_to_write_an_address_is_judged_like_the_address(bits in proptest::prelude::any::<u32>()) {
        let address = Ipv4Addr::from(bits);
        let [a, b, c, d] = address.octets();
        let networks = networks("public-only");
        let expected = networks.check(address.into()).map_err(|refused| refused.reason);
        for form in [
            address.to_string(),
            bits.to_string(),
            format!("{bits:#x}"),
            format!("0{bits:o}"),
            format!("{a:#x}.0{b:o}.{}", u32::from(c) << 8 | u32::from(d)),
            format!("{a}.{}", bits & 0x00ff_ffff),
        ] {
            proptest::prop_assert_eq!(networks.check_host(&form).map_err(|refused| refused.reason), expected, "{}", form);
        }
    }
}
