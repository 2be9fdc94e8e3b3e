//! What a token was minted for: the key or the log-in behind it, whose end is the token's end.

use std::fmt;

use crate::ids::{ApiKeyId, UserId};

/// The key or log-in behind a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A key.
    Key(ApiKeyId),
    /// A log-in of a person, under its [epoch](super::User::epoch) at that time.
    User(UserId, u64),
}

impl Source {
    /// Reads what [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("key", id) => id.parse().ok().map(Self::Key),
            ("user", rest) => {
                let (id, epoch) = rest.split_once(':')?;
                Some(Self::User(id.parse().ok()?, epoch.parse().ok()?))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key:{id}"),
            Self::User(id, epoch) => write!(f, "user:{id}:{epoch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_source_comes_back_from_its_text() {
        let id = Uuid::from_u128(9);
        for source in [Source::Key(ApiKeyId::new(id)), Source::User(UserId::new(id), 3)] {
            assert_eq!(Source::parse(&source.to_string()), Some(source));
        }
        for text in ["", "key", "key:", "key:x", "user:00000000-0000-0000-0000-000000000009", "user::1", "jwt:x"] {
            assert_eq!(Source::parse(text), None, "{text}");
        }
    }
}
