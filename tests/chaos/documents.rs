//! The workflows that are run: step types of many kinds, and what the output of each must be if it completes, whatever happened
//! on the way.

use serde_json::{Value, json};

/// A workflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Of a hundred starts, how many are of it.
    pub(crate) share: u32,
    pub(crate) document: fn() -> Value,
    /// The output of a run with this ticket.
    pub(crate) output: fn(&str) -> Value,
}

/// All of them; those that others run come first.
pub(crate) const KINDS: [Kind; 6] = [
    Kind { name: "chain", share: 30, document: chain, output: |ticket| json!({"text": format!("{ticket} a b c d")}) },
    Kind { name: "each", share: 20, document: each, output: each_output },
    Kind { name: "gather", share: 15, document: gather, output: gather_output },
    Kind {
        name: "fork",
        share: 15,
        document: fork,
        output: |ticket| json!({"text": format!("{ticket} one two three")}),
    },
    Kind { name: "family", share: 10, document: family, output: family_output },
    Kind { name: "patient", share: 10, document: patient, output: |ticket| json!({"text": format!("{ticket} after")}) },
];

/// The agents, each with its path, and how long and how often it is tried. The quick and the slow one never fail for good.
pub(crate) const AGENTS: [(&str, &str, u64, u64); 3] =
    [("quick", "echo", 30_000, 10), ("slow", "slow?ms=1500", 30_000, 10), ("moody", "moody", 2_000, 2)];

/// What a run with this ticket is started with.
pub(crate) fn input(ticket: &str) -> Value {
    json!({"ticket": ticket, "items": [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}]})
}

fn agent(id: &str, agent: &str, text: &str, next: Option<&str>) -> Value {
    json!({"id": id, "agent_name": agent, "input_mapping": {"text": text}, "next_step": next})
}

fn chain() -> Value {
    json!({"name": "chain", "start_step": "a", "output": {"text": "${d.output.text}"}, "steps": {
        "a": agent("a", "quick", "${workflow.input.ticket} a", Some("b")),
        "b": agent("b", "slow", "${a.output.text} b", Some("c")),
        "c": agent("c", "moody", "${b.output.text} c", Some("d")),
        "d": agent("d", "quick", "${c.output.text} d", None),
    }})
}

/// A loop at once and one after the other, the second with a choice in it.
fn each() -> Value {
    json!({"name": "each", "start_step": "each", "output": {"text": "${last.output.text}"}, "steps": {
        "each": {"id": "each", "type": "loop", "next_step": "then", "loop_config": {
            "collection": "${workflow.input.items}", "loop_body": ["say", "again"],
            "execution_mode": "parallel", "max_parallelism": 3}},
        "say": agent("say", "quick", "${workflow.input.ticket} ${loop.item.n}", None),
        "again": agent("again", "moody", "${say.output.text} again", None),
        "then": {"id": "then", "type": "loop", "next_step": "last", "loop_config": {
            "collection": "${workflow.input.items}", "loop_body": ["choose"]}},
        "choose": {"id": "choose", "type": "conditional", "condition": {"expression": "${loop.item.n} < 3"},
            "if_true_step": "low", "if_false_step": "high"},
        "low": agent("low", "quick", "low ${loop.index}", None),
        "high": agent("high", "quick", "high ${loop.index}", None),
        "last": agent("last", "quick", "${each.output.iterations[0].text}, ${each.output.iterations[3].text}, \
            ${then.output.iterations[0].branch_output.text}, ${then.output.iterations[3].branch_output.text}", None),
    }})
}

fn each_output(ticket: &str) -> Value {
    json!({"text": format!("{ticket} 1 again, {ticket} 4 again, low 0, high 3")})
}

fn gather() -> Value {
    let output = json!({"left": "${left.output.text}", "right": "${right.output.text}", "side": "${decide.output.branch_taken}"});
    json!({"name": "gather", "start_step": "gather", "output": output, "steps": {
        "gather": {"id": "gather", "type": "parallel", "parallel_steps": ["left", "middle", "right"], "next_step": "decide"},
        "left": agent("left", "quick", "${workflow.input.ticket} left", None),
        "middle": agent("middle", "slow", "${workflow.input.ticket} middle", None),
        "right": agent("right", "moody", "${workflow.input.ticket} right", None),
        "decide": {"id": "decide", "type": "conditional", "condition": {"expression": "'left' in ${left.output.text}"},
            "if_true_step": "agree", "if_false_step": "object"},
        "agree": agent("agree", "quick", "agreed", None),
        "object": agent("object", "quick", "objected", None),
    }})
}

fn gather_output(ticket: &str) -> Value {
    json!({"left": format!("{ticket} left"), "right": format!("{ticket} right"), "side": "then"})
}

/// One branch may fail, the other cannot.
fn fork() -> Value {
    json!({"name": "fork", "start_step": "fork", "output": {"text": "${last.output.text}"}, "steps": {
        "fork": {"id": "fork", "type": "fork_join", "next_step": "last", "fork_join_config": {
            "join_policy": "any", "branches": {"sure": {"steps": ["one", "two"]}, "moody": {"steps": ["maybe"]}}}},
        "one": agent("one", "quick", "${workflow.input.ticket} one", None),
        "two": agent("two", "slow", "${one.output.text} two", None),
        "maybe": agent("maybe", "moody", "${workflow.input.ticket} maybe", None),
        "last": agent("last", "quick", "${two.output.text} three", None),
    }})
}

/// Runs of other workflows, and a short wait.
fn family() -> Value {
    let child = |id: &str, workflow: &str| {
        let input = json!({"ticket": format!("${{workflow.input.ticket}} {id}"), "items": "${workflow.input.items}"});
        json!({"id": id, "type": "sub_workflow", "workflow_name": workflow, "input_mapping": input})
    };
    let output = json!({"son": "${son.output.text}", "daughter": "${daughter.output.text}"});
    json!({"name": "family", "start_step": "both", "output": output, "steps": {
        "both": {"id": "both", "type": "parallel", "parallel_steps": ["son", "daughter"], "next_step": "rest"},
        "son": child("son", "chain"),
        "daughter": child("daughter", "each"),
        "rest": {"id": "rest", "type": "delay", "delay_config": {"seconds": 0.3}, "next_step": "end"},
        "end": agent("end", "quick", "done", None),
    }})
}

fn family_output(ticket: &str) -> Value {
    let daughter = each_output(&format!("{ticket} daughter"));
    json!({"son": format!("{ticket} son a b c d"), "daughter": daughter["text"]})
}

/// A wait that is long enough for the run to be parked.
fn patient() -> Value {
    json!({"name": "patient", "start_step": "before", "output": {"text": "${after.output.text}"}, "steps": {
        "before": agent("before", "quick", "${workflow.input.ticket}", Some("wait")),
        "wait": {"id": "wait", "type": "delay", "delay_config": {"seconds": 11}, "next_step": "after"},
        "after": agent("after", "slow", "${before.output.text} after", None),
    }})
}
