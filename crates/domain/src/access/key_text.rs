//! The text of an API key: `ork_<id as 32 hex digits>_<secret>`. The prefix lets scanners of leaked secrets find it.

use uuid::Uuid;

use crate::{agents::Secret, ids::ApiKeyId};

/// How the text of every key begins.
pub const KEY_PREFIX: &str = "ork_";

/// How long a secret is: 256 bits in base64url without padding.
pub const KEY_SECRET: usize = 43;

/// An API key as its holder has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyText {
    /// Which key it is.
    pub id: ApiKeyId,
    /// What proves it.
    pub secret: Secret,
}

impl KeyText {
    /// Reads a key. It has one spelling, so nothing that was logged or listed by text escapes a search for it.
    pub fn parse(text: &Secret) -> Option<Self> {
        let (id, secret) = text.reveal().strip_prefix(KEY_PREFIX)?.split_once('_')?;
        let canonical = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !canonical || secret.len() != KEY_SECRET || !secret.bytes().all(base64) {
            return None;
        }
        let id = Uuid::try_parse(id).ok().map(ApiKeyId::new)?;
        Some(Self { id, secret: Secret::new(secret) })
    }

    /// The text that is given to its holder, once.
    pub fn text(&self) -> Secret {
        Secret::new(format!("{KEY_PREFIX}{}_{}", self.id.uuid().simple(), self.secret.reveal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN_-0";

    #[test]
    fn a_key_comes_back_from_its_text() {
        let key = KeyText { id: ApiKeyId::new(Uuid::from_u128(7)), secret: Secret::new(SECRET) };
        let text = key.text();
        assert_eq!(text.reveal(), format!("ork_00000000000000000000000000000007_{SECRET}"));
        assert_eq!(KeyText::parse(&text), Some(key));
    }

    #[test]
    fn nothing_else_is_a_key() {
        let id = "0000000000000000000000000000000a";
        for text in [
            String::new(),
            "ork_".to_owned(),
            format!("ork_{id}"),
            format!("ork_{id}_"),
            format!("ork_{id}_{}", &SECRET[1..]),
            format!("ork_{id}_{SECRET}x"),
            format!("ork_{id}_{}", SECRET.replace('a', "=")),
            format!("ork_{}_{SECRET}", id.to_uppercase()),
            format!("ork_{}_{SECRET}", &id[1..]),
            format!("ork-{id}_{SECRET}"),
            format!("ork_00000000-0000-0000-0000-00000000000a_{SECRET}"),
            format!(" ork_{id}_{SECRET}"),
        ] {
            assert_eq!(KeyText::parse(&Secret::new(text.clone())), None, "{text}");
        }
    }
}
