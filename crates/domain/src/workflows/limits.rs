//! How large a document may be, and what it may cause.

/// The most steps of a document.
pub const MAX_STEPS: usize = 1000;

/// The most members of a parallel block, and branches of a fork.
pub const MAX_MEMBERS: usize = 100;

/// The most iterations of a loop.
pub const MAX_ITERATIONS: u32 = 10_000;

/// The most iterations of a loop that are under way at once.
pub const MAX_AT_ONCE: u32 = 1000;

/// The deepest nesting of blocks.
pub const MAX_NESTING: usize = 10;

/// The most places at which the steps of a document stand, where several blocks name the same ones.
pub const MAX_PLACES: usize = 10_000;

/// The longest path of a step, in characters; the column of the tables has a little more.
pub const MAX_PATH: usize = 960;
