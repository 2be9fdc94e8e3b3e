//! What the kinds of blocks make of the steps in them (contract 5.5): how many slots there are, what a failure means, what
//! the output is.

use serde_json::{Map, Value, json};

use super::{block_state::BlockState, decide::RunData, event::RunEvent, scope::StepScope, state::after};
use crate::{
    Timestamp,
    ids::StepPath,
    payload::Payload,
    workflows::{Block, BlockKind, ForkJoin, JoinPolicy, MAX_ITERATIONS, OnError, Plan, PlanStep, Scope},
};

/// The most bytes that the output of a block may have.
const MAX_OUTPUT_BYTES: usize = 16 << 20;

/// The event that opens a block, or why it cannot be opened.
pub(super) fn opening(
    block: &Block,
    path: &StepPath,
    scope: StepScope<'_, '_>,
    now: Timestamp,
) -> Result<RunEvent, String> {
    let mut held = None;
    let mut deadlines = Vec::new();
    let members = u32::try_from(block.sequences.len()).unwrap_or(u32::MAX);
    let slots = match &block.kind {
        BlockKind::Parallel => 0..members,
        BlockKind::Conditional(choice) => {
            // An error is false, as in the old executor.
            let holds = choice.condition.as_ref().is_some_and(|condition| condition.evaluate(&scope).unwrap_or(false));
            held = Some(holds);
            let chosen = if holds { choice.then } else { choice.otherwise };
            chosen.map_or(0..0, |chosen| chosen..chosen + 1)
        }
        BlockKind::Loop(repeated) => {
            let cannot = |problem: &dyn std::fmt::Display| format!("Failed to resolve loop collection: {problem}");
            repeated.collection.resolve("collection", &scope as &dyn Scope).map_err(|problem| cannot(&problem))?;
            let list = scope
                .list(&repeated.collection)
                .ok_or_else(|| cannot(&format!("'${{{}}}' is not a list", repeated.collection.raw)))?;
            let iterations = repeated.iterations(list.len());
            if iterations > MAX_ITERATIONS {
                return Err(cannot(&format!(
                    "{iterations} iterations are more than the limit of {MAX_ITERATIONS} (loop iterations)"
                )));
            }
            0..iterations
        }
        BlockKind::ForkJoin(fork) => {
            for (number, branch) in (0..).zip(&fork.branches) {
                if let Some(seconds) = branch.timeout_seconds {
                    deadlines.push((number, after(now, seconds)));
                }
            }
            0..members
        }
    };
    Ok(RunEvent::BlockOpened {
        path: path.clone(),
        slots: slots.end - slots.start,
        first: slots.start,
        held,
        deadlines,
        until: block.timeout_seconds.map(|seconds| after(now, seconds)),
    })
}

/// What is kept of a slot's failure.
pub(super) fn slot_error(block: &Block, failed: &PlanStep, message: &str) -> String {
    match &block.kind {
        BlockKind::Loop(_) => format!("Loop body step '{}' failed: {message}", failed.id),
        BlockKind::Parallel | BlockKind::Conditional(_) | BlockKind::ForkJoin(_) => message.to_owned(),
    }
}

/// The message of a block that fails as soon as a slot does.
pub(super) fn fails_at_once(block: &Block, slot: u32, error: &str) -> Option<String> {
    match &block.kind {
        BlockKind::Loop(repeated) if !repeated.is_parallel && repeated.on_error == OnError::Stop => {
            Some(format!("Loop stopped at iteration {slot}: {error}"))
        }
        BlockKind::Conditional(_) => Some(error.to_owned()),
        BlockKind::Loop(_) | BlockKind::Parallel | BlockKind::ForkJoin(_) => None,
    }
}

/// Why a slot failed that took too long.
pub(super) fn timed_out(block: &Block, slot: u32) -> String {
    let branch = match &block.kind {
        BlockKind::ForkJoin(fork) => fork.branches.get(slot as usize),
        BlockKind::Parallel | BlockKind::Conditional(_) | BlockKind::Loop(_) => None,
    };
    branch.map_or_else(String::new, |branch| {
        format!("Branch '{}' timed out after {} seconds", branch.name, branch.timeout_seconds.unwrap_or_default())
    })
}

/// Why a block whose slots have all ended has failed; none where it has not.
pub(super) fn verdict(plan: &Plan, block: &Block, state: &BlockState) -> Option<String> {
    let errors = state.errors();
    let (number, error) = errors.first_key_value()?;
    match &block.kind {
        BlockKind::Parallel => {
            let failed = errors.keys().filter_map(|slot| block.sequences.get(*slot as usize));
            let failed: Vec<&str> = failed.map(|first| plan.step(*first).id.as_str()).collect();
            Some(format!("Parallel execution failed: {} step(s) failed: {}", errors.len(), failed.join(", ")))
        }
        BlockKind::Conditional(_) => Some(error.clone()),
        BlockKind::Loop(repeated) => match repeated.on_error {
            OnError::Stop => Some(format!("Loop failed at iteration {number}: {error}")),
            OnError::Continue => None,
            OnError::Collect => {
                let all: Vec<String> = errors.iter().map(|(n, error)| format!("Iteration {n}: {error}")).collect();
                Some(format!("Loop completed with {} errors: {}", errors.len(), all.join("; ")))
            }
        },
        BlockKind::ForkJoin(fork) => join(fork, state),
    }
}

fn join(fork: &ForkJoin, state: &BlockState) -> Option<String> {
    let total = state.slots.end;
    let failed = u32::try_from(state.errors().len()).unwrap_or(total);
    let succeeded = total - failed;
    if fork.policy.is_met(succeeded, total) {
        return None;
    }
    Some(match fork.policy {
        JoinPolicy::All => {
            let names = state.errors().keys().filter_map(|slot| fork.branches.get(*slot as usize));
            let names: Vec<&str> = names.map(|branch| &*branch.name).collect();
            format!("Fork-join failed: {failed} branch(es) failed (policy: ALL). Failed branches: {}", names.join(", "))
        }
        JoinPolicy::Any => "Fork-join failed: All branches failed (policy: ANY)".to_owned(),
        JoinPolicy::Majority => {
            format!("Fork-join failed: Only {succeeded}/{total} branches succeeded (policy: MAJORITY, need > 50%)")
        }
        JoinPolicy::AtLeast(wanted) => {
            format!("Fork-join failed: Only {succeeded}/{total} branches succeeded, need {wanted} (policy: N_OF_M)")
        }
    })
}

/// The output of a block that succeeded, or why it can have none.
pub(super) fn output(
    plan: &Plan,
    block: &Block,
    path: &StepPath,
    state: &BlockState,
    data: &RunData,
) -> Result<Payload, String> {
    let mut bytes = 0;
    let mut of = |slot: u32, last: crate::workflows::StepIndex| {
        let found = data.outputs.get(&block.place_of(plan, path, slot, last)).filter(|_| state.has_succeeded(slot));
        bytes += found.map_or(4, |output| output.text().len());
        if bytes > MAX_OUTPUT_BYTES {
            return Err(format!("The output of the block would be larger than {MAX_OUTPUT_BYTES} bytes"));
        }
        Ok(found.map_or(Value::Null, |output| output.value().clone()))
    };
    let value = match &block.kind {
        BlockKind::Parallel => {
            let mut members = Map::new();
            for (slot, member) in (0..).zip(&block.sequences) {
                members.insert(plan.step(*member).id.to_string(), of(slot, *member)?);
            }
            Value::Object(members)
        }
        BlockKind::Conditional(choice) => {
            let held = state.held.unwrap_or_default();
            let taken = if held { choice.then } else { choice.otherwise };
            let branch = taken.and_then(|slot| Some((slot, *block.sequences.get(slot as usize)?)));
            let mut members = Map::new();
            members.insert("condition_result".to_owned(), held.into());
            members.insert("branch_taken".to_owned(), (if held { "then" } else { "else" }).into());
            let id = branch.map(|(_, step)| plan.step(step).id.to_string());
            members.insert("branch_step_id".to_owned(), id.into());
            if let Some((slot, step)) = branch {
                members.insert("branch_output".to_owned(), of(slot, step)?);
            }
            Value::Object(members)
        }
        BlockKind::Loop(repeated) => {
            let iterations: Vec<Value> =
                state.slots.clone().map(|slot| of(slot, repeated.last)).collect::<Result<_, _>>()?;
            let failed = state.errors().len();
            let mut output = json!({"total_count": iterations.len(), "iterations": iterations});
            if failed > 0 {
                output["failed_count"] = failed.into();
            }
            output
        }
        BlockKind::ForkJoin(fork) => {
            let mut branches = Map::new();
            for (slot, branch) in (0..).zip(&fork.branches) {
                branches.insert(branch.name.to_string(), of(slot, branch.last)?);
            }
            Value::Object(branches)
        }
    };
    Payload::new(value).map_err(|problem| format!("The output of the block cannot be kept: {problem}"))
}
