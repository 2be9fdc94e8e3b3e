//! Use cases for dead letters: steps that have failed for good.

mod delete_dead_letter;
mod get_dead_letter;
mod list_dead_letters;
mod replay_dead_letter;
mod replay_dead_letters;

pub use delete_dead_letter::DeleteDeadLetter;
pub use get_dead_letter::{DeadLetterDetail, GetDeadLetter, GetDeadLetterError};
pub use list_dead_letters::ListDeadLetters;
pub use replay_dead_letter::{ReplayDeadLetter, ReplayDeadLetterError, ReplayManner};
pub use replay_dead_letters::{MAX_REPLAYS, Outcome, ReplayDeadLetters, Selection, Tried};
