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

/// The most places at which the outputs that references name are looked up, over all places of all references.
pub const MAX_LOOKUPS: usize = 1_000_000;

/// The longest path of a step, in characters; the column of the tables has a little more.
pub const MAX_PATH: usize = 960;

/// The longest name of an event, in characters.
pub const MAX_EVENT_NAME: usize = 200;

/// The most assertions of a step that validates.
pub(super) const MAX_ASSERTIONS: usize = 100;

/// The most runs that follow a run of one document.
pub const MAX_FOLLOW_UPS: usize = 20;

/// How often runs follow each other, one because of the one before, whatever they start in between.
pub const MAX_FOLLOWING: u32 = 32;

/// How deep runs start runs: a run that nobody's run has started is at depth 0.
pub const MAX_CHILD_DEPTH: u32 = 5;
