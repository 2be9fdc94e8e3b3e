//! Ended runs, a shape of our own: the members of [`RunEnded`] as they are, times with a zone.

use domain::runs::RunEnded;

pub(crate) fn run_ended(message: &RunEnded) -> Vec<u8> {
    serde_json::to_vec(message).expect("texts and a time always serialise")
}
