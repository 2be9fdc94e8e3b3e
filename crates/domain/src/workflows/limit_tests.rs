//! How large a document may be: what is just within each limit is accepted, one more is refused with the limit's name.

use std::{collections::BTreeMap, time::Instant};

use serde_json::{Map, Value, json};

use super::*;
use crate::ports::NoSchemas;

type Steps = BTreeMap<String, StepDocument>;

fn document(start: &str, steps: Steps) -> WorkflowDocument {
    WorkflowDocument::new("w", 1, start.to_owned(), steps)
}

fn add(steps: &mut Steps, id: &str, body: Value) {
    let mut body = body;
    body["id"] = id.into();
    steps.insert(id.to_owned(), serde_json::from_value(body).expect("a step"));
}

fn agents(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("a{number}")).collect()
}

/// A block at the top, and agents for all the steps that it names.
fn block(body: Value, members: &[String]) -> WorkflowDocument {
    let mut steps = Steps::new();
    add(&mut steps, "block", body);
    for member in members {
        add(&mut steps, member, json!({"agent_name": "A", "input_mapping": {}}));
    }
    document("block", steps)
}

fn chain(count: usize, mapping: impl Fn(usize) -> Map<String, Value>) -> WorkflowDocument {
    let mut steps = Steps::new();
    for number in 0..count {
        let next = (number + 1 < count).then(|| format!("s{}", number + 1));
        let step = json!({"agent_name": "A", "next_step": next, "input_mapping": mapping(number)});
        add(&mut steps, &format!("s{number}"), step);
    }
    document("s0", steps)
}

/// Errors, as code and message.
fn refusals(document: &WorkflowDocument) -> Vec<(&'static str, String)> {
    let examined = examine(document, &NoSchemas);
    let errors = examined.findings.into_iter().filter(|found| found.severity == Severity::Error);
    errors.map(|found| (found.code, found.message)).collect()
}

fn accepted(document: &WorkflowDocument) {
    let examined = examine(document, &NoSchemas);
    let errors: Vec<_> = examined.findings.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty() && examined.plan.is_some(), "{errors:#?}");
}

fn refused(document: &WorkflowDocument, code: &str, words: &str) {
    let found = refusals(document);
    assert!(
        found.iter().any(|(c, message)| *c == code && message.contains(words)),
        "no {code} '{words}' in {found:#?}"
    );
}

#[test]
fn a_document_has_at_most_a_thousand_steps() {
    accepted(&chain(MAX_STEPS, |_| Map::new()));
    let refusal = refusals(&chain(MAX_STEPS + 1, |_| Map::new()));
    assert_eq!(refusal, [("too_many_steps", "1001 steps are more than the limit of 1000".to_owned())]);
    refused(&document("s0", Steps::new()), "no_steps", "at least one step");
}

#[test]
fn a_parallel_block_has_two_to_a_hundred_members() {
    let of = |count| {
        let members = agents(count);
        block(json!({"type": "parallel", "parallel_steps": members}), &members)
    };
    accepted(&of(2));
    accepted(&of(MAX_MEMBERS));
    refused(&of(1), "step_count", "2 to 100 (parallel_steps)");
    refused(&of(MAX_MEMBERS + 1), "step_count", "has 101 steps; there must be 2 to 100 (parallel_steps)");
}

#[test]
fn a_fork_has_two_to_a_hundred_branches_of_at_most_a_hundred_steps() {
    let of = |branches: usize, steps: usize| {
        let names = agents(branches.max(steps));
        let mut first = true;
        let members: Map<String, Value> = names[..branches]
            .iter()
            .map(|name| {
                let own = if std::mem::take(&mut first) { names[..steps].to_vec() } else { vec![name.clone()] };
                (name.clone(), json!({"steps": own}))
            })
            .collect();
        block(json!({"type": "fork_join", "fork_join_config": {"branches": members}}), &names)
    };
    let places = |document: &WorkflowDocument| examine(document, &NoSchemas).plan.map(|plan| plan.steps().count());
    assert_eq!(places(&of(MAX_MEMBERS, 1)), Some(101));
    refused(&of(1, 1), "branch_count", "2 to 100 (fork branches)");
    refused(&of(MAX_MEMBERS + 1, 1), "branch_count", "101 branches; there must be 2 to 100 (fork branches)");
    refused(&of(2, MAX_MEMBERS + 1), "step_count", "'steps' has 101 steps; there must be 1 to 100");
}

#[test]
fn a_loop_has_a_hundred_steps_ten_thousand_iterations_and_a_thousand_of_them_at_once() {
    let of = |steps: usize, config: Value| {
        let body = agents(steps);
        let mut config = config;
        config["collection"] = "${workflow.input.items}".into();
        config["loop_body"] = json!(body);
        block(json!({"type": "loop", "loop_config": config}), &body)
    };
    accepted(&of(100, json!({"max_iterations": 10_000, "max_parallelism": 1000, "execution_mode": "parallel"})));
    refused(&of(0, json!({})), "step_count", "1 to 100 (loop_body)");
    refused(&of(101, json!({})), "step_count", "'loop_body' has 101 steps; there must be 1 to 100 (loop_body)");
    refused(
        &of(1, json!({"max_iterations": 10_001})),
        "limit",
        "10001 is more than the limit of 10000 (max_iterations)",
    );
    refused(&of(1, json!({"max_parallelism": 1001})), "limit", "1001 is more than the limit of 1000 (max_parallelism)");
    for wrong in [json!(0), json!(-1), json!(1.5), json!("many"), json!([])] {
        refused(
            &of(1, json!({"max_iterations": wrong})),
            "not_a_count",
            "'max_iterations' must be a whole number from 1",
        );
    }
    let members = agents(2);
    let parallel = json!({"type": "parallel", "parallel_steps": members, "max_parallelism": 1001});
    refused(&block(parallel, &members), "limit", "the limit of 1000 (max_parallelism)");
}

fn nested(levels: usize) -> WorkflowDocument {
    let mut steps = Steps::new();
    for level in 1..=levels {
        let inner = if level == levels { "a".to_owned() } else { format!("b{}", level + 1) };
        let config = json!({"collection": "${workflow.input.items}", "loop_body": [inner]});
        add(&mut steps, &format!("b{level}"), json!({"type": "loop", "loop_config": config}));
    }
    add(&mut steps, "a", json!({"agent_name": "A", "input_mapping": {"i": "${loop.item}"}}));
    document("b1", steps)
}

#[test]
fn blocks_stand_in_each_other_ten_levels_deep() {
    accepted(&nested(MAX_NESTING));
    refused(&nested(MAX_NESTING + 1), "nested_too_deep", "blocks are nested deeper than 10 levels");
}

/// Loops in a row, each over the same steps.
fn sharing(loops: usize, shared: usize, mapping: &Map<String, Value>) -> WorkflowDocument {
    let mut steps = Steps::new();
    let body = agents(shared);
    for number in 0..loops {
        let next = (number + 1 < loops).then(|| format!("l{}", number + 1));
        let config = json!({"collection": "${workflow.input.items}", "loop_body": body});
        add(&mut steps, &format!("l{number}"), json!({"type": "loop", "next_step": next, "loop_config": config}));
    }
    for member in &body {
        add(&mut steps, member, json!({"agent_name": "A", "input_mapping": mapping}));
    }
    document("l0", steps)
}

#[test]
fn blocks_that_share_steps_make_at_most_ten_thousand_places() {
    // Each loop is a place, too.
    let plan = examine(&sharing(99, 100, &Map::new()), &NoSchemas).plan.expect("9,999 places");
    assert_eq!(plan.steps().count(), MAX_PLACES - 1);
    refused(&sharing(100, 100, &Map::new()), "too_many_places", "more than 10000 places");
}

#[test]
fn ids_names_and_conditions_have_their_limits() {
    let wait = |name: &str| block(json!({"type": "wait_for_event", "event_config": {"event": name}}), &[]);
    accepted(&wait(&"e".repeat(MAX_EVENT_NAME)));
    refused(&wait(&"e".repeat(MAX_EVENT_NAME + 1)), "invalid_event_name", "of 1 to 200 characters");

    let check = |count: usize| {
        let config = json!({"data": "${workflow.input}", "assertions": vec!["1 == 1"; count]});
        block(json!({"type": "validate", "validate_config": config}), &[])
    };
    accepted(&check(100));
    refused(&check(101), "assertions", "at most 100 conditions");

    let condition = |bytes: usize| {
        let text = format!("'{}' == ''", "x".repeat(bytes - 8));
        let members = agents(1);
        block(json!({"type": "conditional", "condition": {"expression": text}, "if_true_step": "a0"}), &members)
    };
    accepted(&condition(16 << 10));
    refused(&condition((16 << 10) + 1), "invalid_condition", "longer than 16384 bytes");

    // Nine levels of ids of 128 characters are longer than a path may be.
    let id = |level: usize| if level == 9 { "a".to_owned() } else { format!("{level}{}", "x".repeat(127)) };
    let mut steps = Steps::new();
    for level in 1..=8 {
        let config = json!({"collection": "${workflow.input.items}", "loop_body": [id(level + 1)]});
        add(&mut steps, &id(level), json!({"type": "loop", "loop_config": config}));
    }
    add(&mut steps, "a", json!({"agent_name": "A", "input_mapping": {}}));
    refused(&document(&id(1), steps), "path_too_long", "longer than 960 characters");
    let mut steps = Steps::new();
    add(&mut steps, &"x".repeat(129), json!({"agent_name": "A", "input_mapping": {}}));
    refused(&document(&"x".repeat(129), steps), "invalid_step_id", "longer than 128 characters");
}

/// A thousand steps of a kilobyte, each with as many references to steps before it as it can hold.
fn a_megabyte() -> WorkflowDocument {
    let document = chain(MAX_STEPS, |number| {
        let reference = |field: usize| format!("${{s{}.output.f{field}}}", field * 37 % number.max(1));
        let fields = if number == 0 { 0 } else { 31 };
        (0..fields)
            .map(|field| (format!("f{field}"), json!(reference(field))))
            .chain([("t".to_owned(), json!("x".repeat(110)))])
            .collect()
    });
    assert!((1_000_000..1_049_000).contains(&document.bytes()), "{}", document.bytes());
    document
}

/// A generous multiple of what an unoptimized build on a busy machine takes: only work that grows faster than the document
/// exceeds it, on a machine that does other things too. A release build takes a twentieth of a second (docs/reference/performance.md).
const SECONDS: u64 = 30;

#[test]
fn a_document_of_a_megabyte_and_a_thousand_steps_is_examined_in_bounded_time() {
    let document = a_megabyte();
    let begin = Instant::now();
    accepted(&document);
    println!("a megabyte: {:?}", begin.elapsed());
    assert!(begin.elapsed().as_secs() < SECONDS, "{:?}", begin.elapsed());
}

/// Nearly a megabyte of steps at 9,900 places, each with so many references to one step.
fn a_megabyte_shared(references: usize, to: &str) -> WorkflowDocument {
    let text = "x".repeat(9_500 - references * if to == "a0" { 33 } else { 36 });
    let fields = (0..references).map(|field| (format!("f{field:03}"), json!(format!("${{{to}.output.x[{field}]}}"))));
    let mut document = sharing(98, 100, &fields.chain([("t".to_owned(), json!(text))]).collect());
    add(&mut document.steps, "first", json!({"agent_name": "A", "input_mapping": {}, "next_step": "l0"}));
    add(&mut document.steps, "a0", json!({"agent_name": "A", "input_mapping": {}}));
    document.start_step = "first".to_owned();
    assert!((900_000..1_049_000).contains(&document.bytes()), "{}", document.bytes());
    document
}

#[test]
fn a_megabyte_of_steps_that_many_blocks_share_is_examined_in_bounded_time() {
    let document = a_megabyte_shared(8, "first");
    let begin = Instant::now();
    accepted(&document);
    println!("a megabyte shared: {:?}", begin.elapsed());
    assert!(begin.elapsed().as_secs() < SECONDS, "{:?}", begin.elapsed());
}

#[test]
fn what_a_step_does_is_kept_once_for_all_of_its_places() {
    let plan = examine(&a_megabyte_shared(1, "first"), &NoSchemas).plan.expect("sound");
    let mut kept: BTreeMap<&str, Vec<&std::sync::Arc<AgentWork>>> = BTreeMap::new();
    for step in plan.steps() {
        if let Work::Agent(work) = &step.work {
            kept.entry(step.id.as_str()).or_default().push(work);
        }
    }
    assert_eq!(kept["a7"].len(), 98);
    assert!(kept.values().all(|works| works.iter().all(|work| std::sync::Arc::ptr_eq(work, works[0]))));
}

#[test]
fn references_of_shared_steps_to_shared_steps_are_looked_up_a_million_times_at_most() {
    // 9,800 places of steps, 150 references in each, 98 places of what they name: 144 million.
    let document = a_megabyte_shared(150, "a0");
    let begin = Instant::now();
    refused(&document, "too_many_references", "more than 1000000 lookups of references");
    assert!(begin.elapsed().as_secs() < SECONDS, "{:?}", begin.elapsed());
}

#[test]
fn a_megabyte_of_mistakes_is_examined_in_bounded_time() {
    let document = chain(MAX_STEPS, |number| {
        (0..33).map(|field| (format!("f{field}"), json!(format!("${{s{}.output.f{field}}}", number + field)))).collect()
    });
    let begin = Instant::now();
    assert!(refusals(&document).len() > 30_000);
    println!("a megabyte of mistakes: {:?}", begin.elapsed());
    assert!(begin.elapsed().as_secs() < SECONDS, "{:?}", begin.elapsed());
}
