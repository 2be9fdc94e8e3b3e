//! Blocks that would keep a server busy.

use std::fmt::Write;

use domain::{
    access::{Refused, Resource, Right},
    ports::Tokens,
};

use crate::support::{allows, attenuated, grant, held, refused, some_server};

fn facts(number: usize) -> String {
    (0..number).fold(String::new(), |mut text, n| {
        let _ = write!(text, "n({n}); ");
        text
    })
}

fn joined(times: usize) -> String {
    (0..times).map(|n| format!("n($v{n})")).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_would_run_for_hours_is_refused_at_once() {
    let server = some_server();
    let token = server.mint(&grant());
    let (ten, twelve) = (facts(10), joined(12));
    let set = "{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}";
    let nested = (0..8).fold("$v0 == 0".to_owned(), |inner, n| format!("{set}.any($v{n} -> {inner})"));
    let blocks = [
        // A check that joins, a rule that joins, rules that feed each other.
        format!("{ten} check if {twelve}, $v0 + 0 == 100;"),
        format!("{ten} check if {twelve}, $v0 == 100;"),
        format!("{ten} m($v0) <- {twelve}, $v0 == 100;"),
        format!("{ten} check all {twelve}, $v0 < 100;"),
        format!("{ten} n2($a, $b) <- n($a), n($b); n4($a, $b, $c, $d) <- n2($a, $b), n2($c, $d);"),
        format!("check if {nested};"),
        // More facts than anybody needs, a pattern that takes megabytes, texts that grow.
        facts(70),
        r#"check if operation($o), $o.matches("(a{999}){999}");"#.to_owned(),
        "check if operation($o), ($o + $o + $o).length() > 3;".to_owned(),
    ];
    for block in blocks {
        assert_eq!(refused(&server, &attenuated(&token, &block)), Some(Refused::Costly), "{block}");
    }
}

#[test]
fn costs_of_blocks_add_up() {
    let server = some_server();
    let mut token = server.mint(&grant());
    let block = format!("{} check if {}, $v0 >= 0;", facts(3), joined(5));
    let mut blocks = 0;
    while refused(&server, &token).is_none() {
        token = attenuated(&token, &block);
        blocks += 1;
    }
    assert!(blocks > 1, "one of them is affordable");
    assert_eq!(refused(&server, &token), Some(Refused::Costly));
}

#[test]
fn rules_that_make_more_facts_than_are_allowed_are_refused() {
    let server = some_server();
    let block = format!("{} m($v) <- n($v);", facts(40));
    assert_eq!(refused(&server, &attenuated(&server.mint(&grant()), &block)), Some(Refused::Costly));
}

#[test]
fn what_a_careful_holder_writes_is_affordable() {
    let server = some_server();
    let names = (0..100).map(|n| format!("\"workflow {n}\"")).collect::<Vec<_>>().join(", ");
    let block = format!(
        r#"check if workflow($w), [{names}].contains($w) || $w.starts_with("test-"), mode("read"), time($t), $t < 2030-01-01T00:00:00Z;
           check if operation($o), ["runs:read", "runs:execute"].any($r -> $r == $o);"#
    );
    let token = attenuated(&server.mint(&grant()), &block);
    let held = held(&server, &token);
    let of = |name: &str| Resource { workflow: Some(name.into()), ..Resource::default() };
    assert!(allows(&held, Right::RunsRead, &of("workflow 99")) && allows(&held, Right::RunsRead, &of("test-3")));
    assert!(!allows(&held, Right::RunsRead, &of("workflow 100")));
}
