//! Ended runs, a shape of our own: the members of [`RunEnded`] as they are, times with a zone.

use domain::runs::RunEnded;

pub(crate) fn run_ended(message: &RunEnded) -> Vec<u8> {
    // Where it stands in a trace is told by its header.
    serde_json::to_vec(&RunEnded { from: None, ..message.clone() }).expect("texts and a time always serialise")
}
