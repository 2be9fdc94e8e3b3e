//! The ids under which agents are called. They are part of what lasts (a call that was under way before an upgrade is repeated
//! under its id after it), so the checker derives them itself and trusts nobody's word.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::evidence::{Event, Evidence};
use crate::moment::Moment;

/// The name space of calls.
const CALLS: Uuid = Uuid::from_u128(0x8f0d_3a51_6c0e_4c59_9d1f_27b4_5e83_a6d2);

/// A dispatch that a commit has recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dispatch<'a> {
    pub(crate) run: &'a str,
    pub(crate) path: &'a str,
    pub(crate) generation: u64,
    /// The number of the event.
    pub(crate) seq: u64,
    pub(crate) durable: Moment,
}

/// The id of the message of a call.
pub(crate) fn message_id(run: &str, path: &str, generation: u64, round: u64) -> String {
    let step = path.rsplit('/').next().unwrap_or(path);
    let digest = Uuid::new_v5(&CALLS, format!("{run}\n{path}\n{generation}\n{round}").as_bytes());
    format!("msg-task-{step}-{}", digest.simple())
}

/// All dispatches by the message id of their call; several of one id are repetitions, in their order.
pub(crate) fn dispatches(evidence: &Evidence) -> BTreeMap<String, Vec<Dispatch<'_>>> {
    let mut dispatches: BTreeMap<String, Vec<Dispatch<'_>>> = BTreeMap::new();
    for (run, record) in &evidence.runs {
        for told in record.events() {
            if let Event::Dispatched { path, generation, round } = told.event {
                let dispatch = Dispatch { run, path, generation: *generation, seq: told.seq, durable: told.durable };
                dispatches.entry(message_id(run, path, *generation, *round)).or_default().push(dispatch);
            }
        }
    }
    dispatches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_message_names_the_step_and_depends_on_run_place_generation_and_round() {
        let id = message_id("run-1", "each[2]/say", 0, 0);
        assert!(id.starts_with("msg-task-say-") && id.len() == "msg-task-say-".len() + 32, "{id}");
        for other in [
            message_id("run-2", "each[2]/say", 0, 0),
            message_id("run-1", "each[3]/say", 0, 0),
            message_id("run-1", "each[2]/say", 1, 0),
            message_id("run-1", "each[2]/say", 0, 1),
        ] {
            assert_ne!(id, other);
        }
    }
}
