//! How many calls an agent may have at once.

use serde::{Deserialize, Serialize};

/// The value is not between 1 and 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("max_concurrent_calls must be between 1 and {}", CallLimit::MOST)]
pub struct InvalidCallLimit;

/// The most calls of all executors together that one agent has under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallLimit(u32);

impl CallLimit {
    /// The largest limit. Whoever wants more wants none.
    pub const MOST: u32 = 10_000;

    /// A limit of 1 to 10,000 calls.
    pub fn parse(calls: u32) -> Result<Self, InvalidCallLimit> {
        if (1..=Self::MOST).contains(&calls) { Ok(Self(calls)) } else { Err(InvalidCallLimit) }
    }

    /// The number of calls.
    pub fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_lets_at_least_one_call_through() {
        assert_eq!(CallLimit::parse(0), Err(InvalidCallLimit));
        assert_eq!(CallLimit::parse(1).map(CallLimit::get), Ok(1));
        assert_eq!(CallLimit::parse(10_000).map(CallLimit::get), Ok(10_000));
        assert_eq!(CallLimit::parse(10_001), Err(InvalidCallLimit));
    }
}
