//! The truth tables of contract 5.4, and what the manual says beyond them.

use serde_json::{Value, json};

use super::*;
use crate::{
    ids::StepId,
    workflows::{Iteration, Scope},
};

struct Values {
    input: Value,
    fetch: Value,
    item: Option<Value>,
}

impl Scope for Values {
    fn input(&self) -> &Value {
        &self.input
    }

    fn output(&self, step: &StepId) -> Option<&Value> {
        matches!(step.as_str(), "fetch" | "step-1").then_some(&self.fetch)
    }

    fn iteration(&self) -> Option<Iteration<'_>> {
        self.item.as_ref().map(|item| Iteration { item, index: 2, total: 3 })
    }
}

fn values() -> Values {
    Values {
        input: json!({
            "n": 5, "l": [1, 2, "a"], "s": "Ünïcode", "f": 0.5, "big": 9_007_199_254_740_993_u64, "empty": [],
            "items": [{"v": 1}, {"w": 2}, {"v": 3}], "d": {"x y": 7, "k": null}, "nested": [[1], [2, 3]],
        }),
        fetch: json!({"ok": true, "list": [3, 4]}),
        item: Some(json!({"name": "third"})),
    }
}

/// As a run sees it: an error is false.
fn holds(text: &str) -> bool {
    let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    condition.evaluate(&values()).unwrap_or(false)
}

fn fails(text: &str) -> EvaluationError {
    let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    condition.evaluate(&values()).expect_err(text)
}

fn mistake(text: &str) -> (usize, String) {
    let error = Condition::parse(text).expect_err(text);
    (error.at, error.problem)
}

#[test]
fn the_table_of_the_contract_holds() {
    for (text, expected) in [
        ("${workflow.input.n} > 3 and not ${workflow.input.m}", true),
        ("${workflow.input.m} == null", true),
        ("${workflow.input.m} > 3", false),
        ("${workflow.input.n} == '5'", false),
        ("'a' in ${workflow.input.l}", true),
        ("${workflow.input.l[0]} == 1", true),
        // Two that the old executor answers with false, whatever the step said (D-11).
        ("${fetch.output.ok} == true", true),
        ("${steps.step-1.output.ok} == true", true),
    ] {
        assert_eq!(holds(text), expected, "{text}");
    }
}

#[test]
fn values_are_true_and_equal_as_in_python() {
    for text in [
        "1 == 1.0",
        "1 == true",
        "0 == False",
        "[1, true] == [1.0, 1]",
        "{'a': 1} == {'a': 1.0}",
        "(1, 2) == [1, 2]",
        "not ''",
        "not 0",
        "not 0.0",
        "not null",
        "not []",
        "not {}",
        "not ()",
        "'0'",
        "[0]",
        "{'a': null}",
        "null != 0",
        "'a' != 1",
        "'' != null",
        "9007199254740993 == ${workflow.input.big}",
        "${workflow.input.big} != 9007199254740992.0",
        "1 is not true",
        "null is null",
        "'a' is 'a'",
    ] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn order_is_that_of_numbers_of_code_points_and_of_lists() {
    for text in [
        "1 < 2 <= 2.0 < 3",
        "not 1 < 3 < 2",
        "'a' < 'b'",
        "'Z' < 'a'",
        "'z' < 'ä'",
        "'a' < 'aa'",
        "[1, 2] < [1, 3]",
        "[1] < [1, 0]",
        "true > false",
        "-0.5 < 0",
        "0 > -0.5",
        "1 < 1.5 < 2",
        "${workflow.input.big} > 9007199254740992.0",
    ] {
        assert!(holds(text), "{text}");
    }
    for text in ["1 < 'a'", "null < 1", "1 > null", "{} < {}", "[1] < ['a']", "${workflow.input.m} <= 0"] {
        assert!(matches!(fails(text), EvaluationError::Types { .. }), "{text}");
    }
}

#[test]
fn membership_is_asked_in_both_directions() {
    for text in [
        "'b' in 'abc'",
        "'d' not in 'abc'",
        "2 in [1, 2.0]",
        "'a' in {'a': 1}",
        "1 not in {'1': 1}",
        "2 contains ${workflow.input.l}",
        "${workflow.input.l} contains 2",
        "'abc' contains 'b'",
        "'b' contains 'abc'",
        "not 'x' contains 'abc'",
        "${workflow.input.d} contains 'k'",
    ] {
        assert!(holds(text), "{text}");
    }
    for text in ["1 in 2", "1 in 'abc'", "1 contains 2", "[1] in {'a': 1}", "1 in null"] {
        assert!(matches!(fails(text), EvaluationError::Types { .. }), "{text}");
    }
}

#[test]
fn numbers_are_computed_with_as_in_python() {
    for text in [
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "7 / 2 == 3.5",
        "4 / 2 == 2",
        "7 // 2 == 3",
        "-7 // 2 == -4",
        "-7 % 3 == 2",
        "7 % -3 == -2",
        "7.5 % 2 == 1.5",
        "-7.5 // 2 == -4",
        "2 ** 3 ** 2 == 512",
        "-2 ** 2 == -4",
        "2 ** -1 == 0.5",
        "1 ** 99999999999 == 1",
        "'a' + 'b' == 'ab'",
        "[1] + [2] == [1, 2]",
        "true + true == 2",
        "6 & 3 == 2",
        "4 | 1 == 5",
        "(true | false) is true",
        "1 if 2 > 1 else 0",
        "not (0 if true else 1)",
        "+1 == 1",
        "1e3 == 1000",
        ".5 == 0.5",
    ] {
        assert!(holds(text), "{text}");
    }
    assert_eq!(fails("1 / 0"), EvaluationError::DivisionByZero);
    assert_eq!(fails("1 % 0"), EvaluationError::DivisionByZero);
    assert_eq!(fails("1.5 // 0"), EvaluationError::DivisionByZero);
    assert_eq!(fails("0 ** -1"), EvaluationError::DivisionByZero);
    assert_eq!(fails("10 ** 400"), EvaluationError::Overflow);
    assert_eq!(fails("10.0 ** 400"), EvaluationError::Overflow);
    assert_eq!(fails("18446744073709551615 + 1"), EvaluationError::Overflow);
    assert!(matches!(fails("1 + 'a'"), EvaluationError::Types { operator: "+", .. }));
    assert!(matches!(fails("1.5 | 1"), EvaluationError::Types { operator: "|", .. }));
}

#[test]
fn what_is_not_needed_is_not_evaluated() {
    assert!(holds("true or 1 / 0"));
    assert!(!holds("false and 1 / 0"));
    assert!(!holds("2 < 1 < 1 / 0"));
    assert!(holds("1 if true else 1 / 0"));
    assert_eq!(fails("false or 1 / 0"), EvaluationError::DivisionByZero);
}

#[test]
fn references_reach_everything_and_are_null_where_nothing_is() {
    for text in [
        "${workflow.input} != null",
        "${workflow.input.l[-1]} == 'a'",
        "${workflow.input.l[*]} == 1",
        "${workflow.input.l[1:]} == 2",
        "${workflow.input.l[::-1]} == 'a'",
        "${workflow.input.l[-2:-1]} == 2",
        "${workflow.input.items[1].v} == null",
        "${workflow.input.items[1:].v} == 3",
        "${workflow.input.d['x y']} == 7",
        "${workflow.input.nested[*][1]} == 3",
        "${workflow.input.l[7]} == null",
        "${workflow.input.n.x} is null",
        "${unknown.output.x} == null",
        "${loop.item.name} == 'third'",
        "${loop.index} == 2 and ${loop.is_last}",
        "${loop.total} == 3 and not ${loop.is_first}",
        "${workflow.input.l}[2] == 'a'",
        "${workflow.input.d}['x y'] == 7",
        "${workflow.input.s}[0] == 'Ü'",
        "${workflow.input.l[5:1]} == null",
        "${workflow.input.d[*]['x y']} == 7",
    ] {
        assert!(holds(text), "{text}");
    }
    assert_eq!(fails("${workflow.input.l}[3]"), EvaluationError::Missing);
    assert_eq!(fails("${workflow.input.d}['nope']"), EvaluationError::Missing);
    let outside = Values { item: None, ..values() };
    let condition = Condition::parse("${loop.item} == null and ${loop.index} == null").expect("sound");
    assert_eq!(condition.evaluate(&outside), Ok(true));
}

#[test]
fn quoted_texts_may_hold_anything() {
    for text in [
        r#"'it\'s' == "it's""#,
        r#""a\"b" == 'a"b'"#,
        r"'\u00fc' == 'ü'",
        r"'\x41' == 'A'",
        r"'a\nb' != 'a b'",
        r"'\d' == '\\d'",
        "'and or not' != ''",
        "'a}b' == 'a}b'",
        "'$' != '{'",
    ] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn a_reference_inside_quotes_is_replaced_by_json_text() {
    let condition = Condition::parse("'${workflow.input.n}' == '5'").expect("sound");
    assert!(condition.quotes_references());
    assert_eq!(condition.references().len(), 1);
    assert_eq!(condition.evaluate(&values()), Ok(true));
    assert!(!Condition::parse("'$5' == '${'").expect("sound").quotes_references());
}

#[test]
fn a_mistake_is_named_with_its_place() {
    for (text, at, part) in [
        ("", 1, "ends where a value is expected"),
        ("1 >", 4, "ends where a value is expected"),
        ("1 && 2", 3, "'&&' is written 'and'"),
        ("1 || 2", 3, "'||' is written 'or'"),
        ("!true", 1, "'!' is written 'not'"),
        ("1 = 1", 3, "'=' is written '=='"),
        ("true AND false", 6, "'AND' is written 'and'"),
        ("TRUE", 1, "'TRUE' is written 'true'"),
        ("status == open", 1, "'status' has no meaning"),
        ("'ä' == open", 8, "'open' has no meaning"),
        ("${workflow.input.n", 1, "not closed"),
        ("${nonsense} == 1", 1, "Cannot read '${nonsense}'"),
        ("'a", 1, "not closed"),
        ("(1 == 1", 8, "')' is missing"),
        ("1 == 1)", 7, "')' is not expected here"),
        ("1 2", 3, "an operator is missing"),
        ("'a'.upper() == 'A'", 4, "methods and attributes"),
        ("'a'('b')", 4, "functions cannot be called"),
        ("1 == not 2", 6, "'not' is not expected here"),
        ("99999999999999999999 > 1", 1, "too large"),
        ("1 if 2", 7, "'else' is missing"),
        ("12abc", 1, "runs into a word"),
        ("'\\x4'", 2, "hexadecimal"),
        ("1 ; 2", 3, "';' has no meaning here"),
    ] {
        let (found, problem) = mistake(text);
        assert!(found == at && problem.contains(part), "{text}: at {found}: {problem}");
    }
}

#[test]
fn neither_depth_nor_length_is_without_end() {
    for text in ["(".repeat(10_000), "-".repeat(10_000), "[".repeat(10_000), "1 + ".repeat(3_000), "1".repeat(20_000)] {
        assert!(Condition::parse(&text).is_err());
    }
    assert!(Condition::parse(&format!("{}true", "not ".repeat(4_000))).is_ok());
    assert!(Condition::parse(&format!("{}true", "true and ".repeat(1_000))).is_ok());
    assert!(Condition::parse("((((((((1))))))))").is_ok());
}

#[test]
fn the_work_of_an_evaluation_is_bounded() {
    let scope = Values { input: json!({"l": vec![1; 100_000], "s": "x".repeat(600_000)}), ..values() };
    let evaluate = |text: &str| Condition::parse(text).expect("sound").evaluate(&scope);
    let many = |part: &str, times: usize| vec![part; times].join(" or ");
    assert_eq!(evaluate(&many("2 in ${workflow.input.l}", 5)), Ok(false));
    assert_eq!(evaluate(&many("2 in ${workflow.input.l}", 50)), Err(EvaluationError::TooMuch));
    assert_eq!(evaluate("${workflow.input.s} + ${workflow.input.s} == ''"), Err(EvaluationError::TooMuch));
    assert_eq!(evaluate("${workflow.input.l} + [1] == []"), Ok(false));
    assert_eq!(evaluate(&many("[${workflow.input.s}, ${workflow.input.s}] == []", 1)), Err(EvaluationError::TooMuch));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = Condition::parse(&text);
    }

    #[test]
    fn no_condition_like_text_makes_parser_or_evaluation_panic(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "and", "or", "not", "in", "is", "contains", "if", "else", "true", "null", "1", "0", "-1", "2.5", "1e308", "9223372036854775807",
            "'a'", "''", "[1, 'a']", "{'a': 1}", "(", ")", "[", "]", "{", "}", ",", ":", "==", "!=", "<", ">=", "+", "-", "*", "/", "//",
            "%", "**", "|", "&", "${workflow.input.n}", "${workflow.input.l[*]}", "${fetch.output}", "${loop.index}", "\\", ".",
        ]), 0..25)) {
        let text = words.join(" ");
        if let Ok(condition) = Condition::parse(&text) {
            let _ = condition.evaluate(&values());
        }
    }

    #[test]
    fn whole_numbers_compare_as_they_do_on_paper(a: i64, b: i64) {
        let text = format!("({a} < {b}) == {} and ({a} == {b}) == {}", a < b, a == b);
        // The smallest number has no positive counterpart to be negated.
        proptest::prop_assume!(a != i64::MIN && b != i64::MIN);
        proptest::prop_assert!(holds(&text), "{}", text);
    }
}
