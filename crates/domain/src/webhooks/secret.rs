//! The secrets that messages are signed with.

use std::fmt;

use crate::{Timestamp, agents::Secret};

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// How many bytes a secret may have (Standard Webhooks, "Signature scheme").
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be whsec_ and the base64 of 24 to 64 bytes, with padding")]
pub struct InvalidSecret;

/// A secret that messages are signed with, as text: `whsec_` and the base64 of 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Secret);

impl SigningSecret {
    /// Reads a secret.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let base64 = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let digits = base64.trim_end_matches('=');
        let padding = base64.len() - digits.len();
        let is_sound = base64.len().is_multiple_of(4)
            && padding <= 2
            && digits.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '/')
            && leaves_nothing_over(digits, padding);
        if is_sound && BYTES.contains(&(base64.len() / 4 * 3 - padding)) {
            Ok(Self(Secret::new(text)))
        } else {
            Err(InvalidSecret)
        }
    }

    /// Makes a secret of bytes in base64.
    pub fn of_base64(base64: &str) -> Result<Self, InvalidSecret> {
        Self::parse(&format!("{PREFIX}{base64}"))
    }

    /// The text, which receivers are given and stores keep sealed.
    pub fn text(&self) -> &Secret {
        &self.0
    }

    /// The bytes, in base64.
    pub fn base64(&self) -> &str {
        self.0.reveal().strip_prefix(PREFIX).unwrap_or_default()
    }
}

/// The last digit before padding holds bits that mean nothing, and are none: decoders refuse others (RFC 4648, 3.5).
fn leaves_nothing_over(digits: &str, padding: usize) -> bool {
    let last = digits.chars().last().unwrap_or('A');
    match padding {
        0 => true,
        1 => "AEIMQUYcgkosw048".contains(last),
        _ => "AQgw".contains(last),
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// A secret that still counts, after it was replaced: messages are signed with both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: SigningSecret,
    /// From when on nothing is signed with it.
    pub until: Timestamp,
}
