//! What is no token of this server's.

use adapters_auth::{Keyring, MAX_BLOCKS, MAX_TOKEN};
use base64::{Engine, engine::general_purpose::URL_SAFE};
use biscuit_auth::{Biscuit, KeyPair};
use domain::{access::Refused, agents::Secret, ports::Tokens};
use proptest::prelude::*;

use crate::support::{attenuated, grant, now, refused, server, some_server};

#[test]
fn what_has_no_form_is_malformed() {
    let server = some_server();
    for text in ["", "x", "§", "En0KEwoEMTIzNBgDIggKBggGEgIYDRIkCAAS", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(refused(&server, &Secret::new(text)), Some(Refused::Malformed), "{text}");
    }
}

#[test]
fn what_is_too_long_is_not_even_read() {
    let server = some_server();
    assert_eq!(refused(&server, &Secret::new("A".repeat(MAX_TOKEN + 1))), Some(Refused::Oversized));
    let mut token = server.mint(&grant());
    for _ in 1..MAX_BLOCKS {
        token = attenuated(&token, "check if true;");
    }
    assert_eq!(refused(&server, &token), None);
    assert_eq!(refused(&server, &attenuated(&token, "check if true;")), Some(Refused::Oversized));
}

#[test]
fn roots_of_others_are_unknown_and_their_signatures_worth_nothing() {
    let here = server(&[&Keyring::fresh_line("k1")]);
    let elsewhere = server(&[&Keyring::fresh_line("k2")]);
    assert_eq!(refused(&here, &elsewhere.mint(&grant())), Some(Refused::Unknown));
    // A stranger that calls its key like ours.
    let stranger = server(&[&Keyring::fresh_line("k1")]);
    assert_eq!(refused(&here, &stranger.mint(&grant())), Some(Refused::Forged));
    let nameless = Biscuit::builder().fact(r#"role("admin")"#).and_then(|block| block.build(&KeyPair::new()));
    let nameless = nameless.and_then(|token| token.to_base64()).expect("anybody can mint");
    assert_eq!(refused(&here, &Secret::new(nameless)), Some(Refused::Unknown));
}

#[test]
fn a_block_cannot_be_taken_away_again() {
    let server = some_server();
    let token = attenuated(&server.mint(&grant()), r#"check if mode("read");"#);
    let bytes = URL_SAFE.decode(token.reveal()).expect("it is base64");
    let whole = URL_SAFE.decode(server.mint(&grant()).reveal()).expect("it is base64");
    // The first block, then the proof of the whole token: what a thief without the first proof can put together.
    for cut in whole.len() / 2..bytes.len() {
        let cut = Secret::new(URL_SAFE.encode(&bytes[..cut]));
        assert!(refused(&server, &cut).is_some());
    }
}

#[test]
fn what_is_ours_but_no_grant_is_malformed() {
    let line = Keyring::fresh_line("k1");
    let keyring = Keyring::parse(&line).expect("it is a key");
    let seed = keyring.current().derive("tokens");
    let root = biscuit_auth::PrivateKey::from_bytes(&seed, biscuit_auth::Algorithm::Ed25519).expect("32 bytes");
    let id = biscuit_auth::UnverifiedBiscuit::from_base64(server(&[&line]).mint(&grant()).reveal())
        .expect("it is a token")
        .root_key_id()
        .expect("tokens name their root");
    let other = Biscuit::builder().fact(r#"user("1234")"#).expect("it is a fact").root_key_id(id);
    let other = other.build(&KeyPair::from(&root)).and_then(|token| token.to_base64()).expect("it can be signed");
    assert_eq!(refused(&server(&[&line]), &Secret::new(other)), Some(Refused::Malformed));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_token_with_one_bit_changed_is_refused_or_says_the_same(place in 0.0..1.0f64, bit in 0u8..8, narrow: bool) {
        let server = some_server();
        let mut token = server.mint(&grant());
        if narrow {
            token = attenuated(&token, r#"check if workflow("billing"), mode("read");"#);
        }
        let mut bytes = URL_SAFE.decode(token.reveal()).expect("it is base64");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "it is an index")]
        let index = (bytes.len() as f64 * place) as usize;
        bytes[index] ^= 1 << bit;
        // The envelope around what is signed has more than one encoding (protobuf). Another one of it is the same token: it
        // grants the same, and is revoked with it.
        if let Ok(other) = server.verify(&Secret::new(URL_SAFE.encode(&bytes)), now()) {
            let whole = server.verify(&token, now()).expect("it is ours");
            prop_assert_eq!(other.grant(), whole.grant());
            prop_assert_eq!(other.revocation_ids(), whole.revocation_ids());
        }
    }

    #[test]
    fn a_token_that_is_cut_off_is_refused(keep in 0.0..1.0f64) {
        let server = some_server();
        let token = server.mint(&grant());
        // The padding at the end says nothing.
        let text = token.reveal().trim_end_matches('=');
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "it is an index")]
        let kept = (text.len() as f64 * keep) as usize;
        prop_assert!(server.verify(&Secret::new(&text[..kept]), now()).is_err());
    }

    #[test]
    fn rubbish_is_refused_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(some_server().verify(&Secret::new(URL_SAFE.encode(&bytes)), now()).is_err());
    }
}
