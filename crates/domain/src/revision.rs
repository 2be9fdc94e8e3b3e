//! Which revision of something a change is meant for: whoever has read an older one is told, instead of overwriting what others
//! have done since.

use uuid::Uuid;

/// Which revisions a change is meant for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there.
    #[default]
    Any,
    /// One of these: the thing, and its revision.
    These(Vec<(Uuid, u64)>),
}

/// There is another revision than was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("It has been changed since: its revision is {revision} now")]
pub struct Outdated {
    /// The thing.
    pub id: Uuid,
    /// Its revision.
    pub revision: u64,
}

impl Expected {
    /// Whether the change is meant for this revision. Whoever asks must replace exactly this one.
    pub fn check(&self, id: Uuid, revision: u64) -> Result<(), Outdated> {
        match self {
            Self::Any => Ok(()),
            Self::These(expected) if expected.contains(&(id, revision)) => Ok(()),
            Self::These(_) => Err(Outdated { id, revision }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_meant_for_what_was_read() {
        let id = Uuid::from_u128(1);
        assert_eq!(Expected::Any.check(id, 7), Ok(()));
        let expected = Expected::These(vec![(id, 6), (id, 7)]);
        assert_eq!(expected.check(id, 7), Ok(()));
        assert_eq!(expected.check(id, 8), Err(Outdated { id, revision: 8 }));
        assert_eq!(expected.check(Uuid::nil(), 7), Err(Outdated { id: Uuid::nil(), revision: 7 }));
        assert!(Expected::These(Vec::new()).check(id, 1).is_err());
    }
}
