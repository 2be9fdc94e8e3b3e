//! Checks of values, and the output of a run.

use super::*;

#[test]
fn a_check_passes_what_is_as_it_must_be() {
    let config = json!({"data": "${workflow.input}", "schema": {"required": ["n"]}, "assertions": ["${data.n} > ${workflow.input.least}"]});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({"n": 5, "least": 1}));
    assert_eq!(run.output(), Some(&json!({"valid": true, "errors": []})));
    // Begun and done in one event; the row is written with it.
    let [row] = &run.last.closed[..] else { panic!("one row") };
    assert_eq!((row.input.value(), &row.error), (&json!({"n": 5, "least": 1}), &None));
    assert_eq!(row.execution, Seq::new(2));
    assert!(!run.last.fits_a_start());
}

#[test]
fn a_strict_check_fails_the_step_and_names_everything_that_is_wrong() {
    let config = json!({"data": "${workflow.input}", "schema": {"required": ["n", "m"]}, "assertions": [
        "${data.n} > 3", {"expression": "${data.k} < 9", "message": "k is too large"}, {"expression": "1 == 1", "message": "never"}]});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({"k": 9, "n": "x"}));
    assert_eq!(
        run.error(),
        "Workflow failed at step 'v': Validation failed: is missing (at /m); '${data.n} > 3' does not hold (a text > a number \
         has no meaning); k is too large"
    );
    assert_eq!(run.last.closed.len(), 1);
}

#[test]
fn a_warning_check_says_what_is_wrong_and_goes_on() {
    let config = json!({"data": "${workflow.input}", "schema": {"required": ["n"]}, "assertions": ["${data.k} == 1"], "mode": "warn"});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({"k": 2}));
    let errors = json!([
        {"pointer": "/n", "message": "is missing"},
        {"pointer": "", "message": "'${data.k} == 1' does not hold"},
    ]);
    assert_eq!(run.output(), Some(&json!({"valid": false, "errors": errors})));
}

#[test]
fn a_check_of_what_is_not_there_fails_even_if_it_only_warns() {
    let config = json!({"data": "${workflow.input.nope}", "assertions": ["true"], "mode": "warn"});
    let run = Run::start(plan("v", &json!({"v": check(&config)}), None), json!({}));
    assert_eq!(
        run.error(),
        "Workflow failed at step 'v': Exception during step execution: Cannot resolve '${workflow.input.nope}' in field \
         'data': Field 'nope' not found"
    );
}

#[test]
fn a_failed_check_is_made_again_by_a_retry() {
    let config = json!({"data": "${a.output}", "assertions": ["${data} == 1"]});
    let mut step = check(&config);
    step["next_step"] = Value::Null;
    let mut run = Run::start(plan("a", &json!({"a": {"next_step": "v"}, "v": step}), None), json!({}));
    run.answer(json!(2));
    let failed = run.error().to_owned();
    run.resume();
    assert_eq!(run.error(), failed, "the same value is wrong in the same way");
    assert_eq!(run.last.closed.len(), 1);
}

#[test]
fn the_output_of_a_run_is_what_the_document_makes_of_it() {
    let steps = json!({"a": {"next_step": "b"}, "b": {}});
    let output =
        json!({"first": "${a.output.x}", "input": "${workflow.input.n}", "text": "<${b.output}>", "fixed": [1]});
    let mut run = Run::start(plan("a", &steps, Some(output)), json!({"n": 7}));
    run.answer(json!({"x": [1]}));
    run.answer(json!("b"));
    assert_eq!(run.output(), Some(&json!({"first": [1], "input": 7, "text": "<b>", "fixed": [1]})));

    let mut run = Run::start(plan("a", &steps, None), json!({}));
    run.answer(json!(1));
    run.answer(json!(2));
    assert_eq!(run.output(), Some(&json!(2)), "without one, the last step's");
}

#[test]
fn a_run_whose_output_cannot_be_made_fails() {
    let mut run = Run::start(plan("a", &json!({"a": {}}), Some(json!({"x": "${a.output.x}"}))), json!({}));
    run.answer(json!({"y": 1}));
    assert_eq!(
        run.error(),
        "The workflow's output cannot be made: Cannot resolve '${a.output.x}' in field 'output': Field 'x' not found"
    );
}
