//! Steps that have failed for good, a shape of our own: the members of [`DeadLetterLeft`] as they are, times with a zone, and
//! what the agent was sent as JSON instead of as text.

use domain::runs::DeadLetterLeft;

pub(crate) fn dead_letter_left(message: &DeadLetterLeft) -> Vec<u8> {
    let mut written = serde_json::to_value(message).expect("texts, numbers and times always serialise");
    written["original_task"]["input"] = message.original_task.input.as_ref().map(|input| input.value().clone()).into();
    // Where it stands in a trace is told by its header.
    written.as_object_mut().map(|members| members.remove("from"));
    serde_json::to_vec(&written).expect("a value always serialises")
}
