//! The moods of `/moody`. They follow from the message's id alone, so that a test which is run again meets the same ones, and
//! a call that is repeated under its id is answered at last.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// What the agent does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers at once.
    Willing,
    /// Answers after a while.
    Ponders(Duration),
    /// Answers 500 to the first call.
    StumblesOnce,
    /// Keeps the first caller waiting until he gives up.
    SilentOnce,
    /// Answers every call with a JSON-RPC error.
    Refuses,
    /// Answers every call with a task that failed.
    Fails,
}

impl Mood {
    /// The mood for a message: of a hundred, 50 are willing, 20 pondered over (for up to 1.2 seconds), 10 stumbled over, 5
    /// not heard, 10 refused and 5 failed.
    pub(crate) fn of(message_id: &str) -> Self {
        let digest = Sha256::digest(message_id.as_bytes());
        match u16::from_le_bytes([digest[0], digest[1]]) % 100 {
            0..50 => Self::Willing,
            50..70 => Self::Ponders(Duration::from_millis(200 + 4 * u64::from(digest[2]))),
            70..80 => Self::StumblesOnce,
            80..85 => Self::SilentOnce,
            85..95 => Self::Refuses,
            _ => Self::Fails,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_meets_the_same_mood_again_and_a_hundred_messages_meet_all() {
        let moods: Vec<_> = (0..100).map(|number| Mood::of(&format!("message {number}"))).collect();
        for (number, mood) in moods.iter().enumerate() {
            assert_eq!(Mood::of(&format!("message {number}")), *mood);
        }
        for mood in [Mood::Willing, Mood::StumblesOnce, Mood::SilentOnce, Mood::Refuses, Mood::Fails] {
            assert!(moods.contains(&mood), "{mood:?} is among {moods:?}");
        }
        assert!(moods.iter().any(|mood| matches!(mood, Mood::Ponders(_))));
    }
}
