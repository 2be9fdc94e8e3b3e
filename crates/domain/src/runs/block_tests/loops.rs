//! Loops: their iterations, their failures, and loops in loops.

use super::*;

#[test]
fn a_loop_goes_over_its_list_one_by_one() {
    let body = [
        agent("first", &json!({"item": "${loop.item.v}", "at": "${loop.index}"})),
        agent(
            "last",
            &json!({
                "before": "${first.output.x}", "total": "${loop.total}", "ends": ["${loop.is_first}", "${loop.is_last}"]
            }),
        ),
    ];
    let steps = looped(json!({"loop_body": ["first", "last"]}), &body);
    let mut run = Driven::start("block", &steps, &json!({"items": [{"v": "p"}, {"v": "q"}]}));
    assert_eq!(run.open(), ["block[0]/first"]);
    assert_eq!(run.input_of("block[0]/first"), &json!({"item": "p", "at": 0}));
    run.answer("block[0]/first", json!({"x": 10}));
    run.reload();
    assert_eq!(run.input_of("block[0]/last"), &json!({"before": 10, "total": 2, "ends": [true, false]}));
    run.answer("block[0]/last", json!({"r": 0}));
    run.answer("block[1]/first", json!({"x": 11}));
    assert_eq!(run.input_of("block[1]/last"), &json!({"before": 11, "total": 2, "ends": [false, true]}));
    run.answer("block[1]/last", json!({"r": 1}));
    assert_eq!(run.input_of("reader")["all"], json!({"iterations": [{"r": 0}, {"r": 1}], "total_count": 2}));
}

#[test]
fn a_loop_over_nothing_is_done() {
    let steps = looped(json!({"loop_body": ["a"]}), &members(&["a"]));
    let run = Driven::start("block", &steps, &json!({"items": []}));
    assert_eq!(run.input_of("reader")["all"], json!({"iterations": [], "total_count": 0}));
}

#[test]
fn a_loop_looks_only_at_as_many_elements_as_it_may() {
    let steps = looped(
        json!({"loop_body": ["a"], "max_iterations": "2", "execution_mode": "parallel"}),
        &[agent("a", &json!({"total": "${loop.total}"}))],
    );
    let run = Driven::start("block", &steps, &json!({"items": [1, 2, 3]}));
    assert_eq!(run.open(), ["block[0]/a", "block[1]/a"]);
    assert_eq!(run.input_of("block[1]/a"), &json!({"total": 2}));
}

#[test]
fn a_failed_iteration_means_what_on_error_says() {
    let run = |config: Value| {
        let mut config = config;
        config["loop_body"] = json!(["a"]);
        Driven::start("block", &looped(config, &members(&["a"])), &json!({"items": [1, 2, 3]}))
    };
    let mut stop = run(json!({}));
    stop.answer("block[0]/a", json!(0));
    stop.fail("block[1]/a", "boom");
    assert_eq!(
        stop.error(),
        "Workflow failed at step 'block': Loop stopped at iteration 1: Loop body step 'a' failed: boom"
    );

    let mut stop = run(json!({"execution_mode": "parallel"}));
    stop.fail("block[2]/a", "late");
    stop.fail("block[1]/a", "boom");
    stop.answer("block[0]/a", json!(0));
    assert_eq!(
        stop.error(),
        "Workflow failed at step 'block': Loop failed at iteration 1: Loop body step 'a' failed: boom"
    );

    for mode in ["sequential", "parallel"] {
        let mut goes_on = run(json!({"execution_mode": mode, "on_error": "continue"}));
        goes_on.answer("block[0]/a", json!(0));
        goes_on.fail("block[1]/a", "boom");
        goes_on.reload();
        goes_on.answer("block[2]/a", json!(2));
        assert_eq!(
            goes_on.input_of("reader")["all"],
            json!({"iterations": [0, null, 2], "total_count": 3, "failed_count": 1})
        );
    }

    let mut collect = run(json!({"on_error": "collect"}));
    collect.fail("block[0]/a", "x");
    collect.answer("block[1]/a", json!(1));
    collect.fail("block[2]/a", "y");
    assert_eq!(
        collect.error(),
        "Workflow failed at step 'block': Loop completed with 2 errors: Iteration 0: Loop body step 'a' failed: x; \
         Iteration 2: Loop body step 'a' failed: y"
    );
}

#[test]
fn what_is_no_list_cannot_be_gone_over() {
    let steps = looped(json!({"loop_body": ["a"]}), &members(&["a"]));
    let run = Driven::start("block", &steps, &json!({"items": 7}));
    assert_eq!(
        run.error(),
        "Workflow failed at step 'block': Failed to resolve loop collection: '${workflow.input.items}' is not a list"
    );
    let run = Driven::start("block", &steps, &json!({}));
    assert!(run.error().contains("Failed to resolve loop collection: Cannot resolve '${workflow.input.items}'"));
    let run = Driven::start("block", &steps, &json!({"items": vec![0; 10_001]}));
    assert!(run.error().contains("10001 iterations are more than the limit of 10000"), "{}", run.error());
}

#[test]
fn loops_nest_and_each_sees_its_own_iteration() {
    let steps = [
        step(
            "outer",
            json!({"type": "loop", "next_step": "reader", "loop_config": {
            "collection": "${workflow.input.rows}", "loop_body": ["name", "inner"], "execution_mode": "parallel"}}),
        ),
        agent("name", &json!({"row": "${loop.item.name}"})),
        step(
            "inner",
            json!({"type": "loop", "loop_config": {
            "collection": "${loop.item.cells}", "loop_body": ["cell"], "execution_mode": "parallel"}}),
        ),
        agent("cell", &json!({"cell": "${loop.item}", "row": "${name.output.x}"})),
        agent("reader", &json!({"all": "${outer.output.iterations}"})),
    ];
    let rows = json!({"rows": [{"name": "r0", "cells": [1, 2]}, {"name": "r1", "cells": [3]}]});
    let mut run = Driven::start("outer", &steps, &rows);
    assert_eq!(run.open(), ["outer[0]/name", "outer[1]/name"]);
    run.answer("outer[1]/name", json!({"x": "one"}));
    run.answer("outer[0]/name", json!({"x": "zero"}));
    run.reload();
    assert_eq!(run.input_of("outer[1]/inner[0]/cell"), &json!({"cell": 3, "row": "one"}));
    assert_eq!(run.input_of("outer[0]/inner[1]/cell"), &json!({"cell": 2, "row": "zero"}));
    for (path, output) in
        [("outer[0]/inner[1]/cell", 20), ("outer[1]/inner[0]/cell", 30), ("outer[0]/inner[0]/cell", 10)]
    {
        run.answer(path, json!(output));
        run.reload();
    }
    assert_eq!(
        run.input_of("reader")["all"],
        json!([{"iterations": [10, 20], "total_count": 2}, {"iterations": [30], "total_count": 1}])
    );
}
