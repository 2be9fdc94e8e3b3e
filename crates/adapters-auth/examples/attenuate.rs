//! Narrows a token to reading one workflow for ten minutes, with nothing but the crate `biscuit-auth`:
//! `cargo run -p adapters-auth --example attenuate -- <token> <workflow>`.

use std::time::{Duration, SystemTime};

use biscuit_auth::{UnverifiedBiscuit, macros::block};

#[expect(clippy::disallowed_methods, reason = "this is a program of a holder, not of the server")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(token), Some(workflow)) = (arguments.next(), arguments.next()) else {
        return Err("usage: attenuate <token> <workflow>".into());
    };
    let end = SystemTime::now() + Duration::from_mins(10);
    let narrow = block!(
        r#"
        check if time($now), $now < {end};
        check if workflow({workflow});
        check if mode("read");
        "#
    );
    println!("{}", UnverifiedBiscuit::from_base64(&token)?.append(narrow)?.to_base64()?);
    Ok(())
}
