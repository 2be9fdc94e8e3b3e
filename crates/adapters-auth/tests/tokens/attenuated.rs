//! What holders take away.

use domain::{
    access::{Refused, Resource, Right},
    ports::Tokens,
};

use crate::support::{allows, attenuated, grant, held, in_seconds, now, refused, some_server, workflow};

fn run(id: &str) -> Resource {
    Resource { workflow: Some("billing".into()), run: Some(id.into()), ..Resource::default() }
}

#[test]
fn read_only_is_read_only() {
    let server = some_server();
    let held = held(&server, &attenuated(&server.mint(&grant()), r#"check if mode("read");"#));
    for right in Right::ALL {
        assert_eq!(allows(&held, right, &Resource::default()), right.reads(), "{}", right.as_str());
    }
}

#[test]
fn single_operations_can_be_named() {
    let server = some_server();
    let block = r#"check if operation($o), ["runs:read", "runs:execute"].contains($o);"#;
    let held = held(&server, &attenuated(&server.mint(&grant()), block));
    for right in Right::ALL {
        let named = matches!(right, Right::RunsRead | Right::RunsExecute);
        assert_eq!(allows(&held, right, &Resource::default()), named, "{}", right.as_str());
    }
}

#[test]
fn one_workflow_is_one_workflow_and_a_request_that_names_none_is_not_about_it() {
    let server = some_server();
    let held = held(&server, &attenuated(&server.mint(&grant()), r#"check if workflow("billing");"#));
    assert!(allows(&held, Right::RunsExecute, &workflow("billing")));
    assert!(allows(&held, Right::RunsRead, &run("run-1")));
    assert!(!allows(&held, Right::RunsExecute, &workflow("payroll")));
    assert!(!allows(&held, Right::RunsRead, &Resource::default()));
}

#[test]
fn one_run_is_one_run() {
    let server = some_server();
    let held = held(&server, &attenuated(&server.mint(&grant()), r#"check if run("run-1");"#));
    assert!(allows(&held, Right::RunsControl, &run("run-1")));
    assert!(!allows(&held, Right::RunsControl, &run("run-2")));
    assert!(!allows(&held, Right::RunsExecute, &workflow("billing")));
}

#[test]
fn an_earlier_end_is_the_end_and_a_later_one_is_not() {
    let server = some_server();
    let token = server.mint(&grant());
    let sooner = attenuated(&token, "check if time($t), $t < 2027-01-15T08:10:00Z;");
    assert_eq!(now().to_rfc3339(), "2027-01-15T08:00:00+00:00");
    assert!(server.verify(&sooner, in_seconds(599)).is_ok());
    assert_eq!(server.verify(&sooner, in_seconds(600)).err(), Some(Refused::Expired));
    let up_to = attenuated(&token, "check if time($now), $now <= 2027-01-15T08:10:00Z;");
    assert!(server.verify(&up_to, in_seconds(600)).is_ok());
    assert_eq!(server.verify(&up_to, in_seconds(601)).err(), Some(Refused::Expired));
    let later = attenuated(&token, "check if time($t), $t < 2037-01-15T08:10:00Z;");
    assert_eq!(server.verify(&later, in_seconds(3600)).err(), Some(Refused::Expired));
}

#[test]
fn an_end_said_in_another_way_is_enforced_as_well() {
    let server = some_server();
    let block = "check if time($t), 2027-01-15T08:10:00Z > $t || $t == 1970-01-01T00:00:00Z;";
    let held = held(&server, &attenuated(&server.mint(&grant()), block));
    assert!(held.allows(Right::RunsRead, &Resource::default(), in_seconds(599)).is_ok());
    assert!(held.allows(Right::RunsRead, &Resource::default(), in_seconds(600)).is_err());
}

#[test]
fn every_block_has_its_say() {
    let server = some_server();
    let mut token = attenuated(&server.mint(&grant()), r#"check if workflow("billing");"#);
    token = attenuated(&token, r#"check if mode("read");"#);
    token = attenuated(&token, r#"check if run($r), $r.starts_with("run-1");"#);
    let held = held(&server, &token);
    assert!(allows(&held, Right::RunsRead, &run("run-17")));
    assert!(!allows(&held, Right::RunsControl, &run("run-17")));
    assert!(!allows(&held, Right::RunsRead, &run("run-2")));
    assert!(!allows(&held, Right::RunsRead, &workflow("billing")));
}

#[test]
fn a_block_may_bring_facts_and_a_rule_of_its_own() {
    let server = some_server();
    let block = r#"mine("billing"); mine("payroll"); good($w) <- mine($w); check if workflow($w), good($w);"#;
    let held = held(&server, &attenuated(&server.mint(&grant()), block));
    assert!(allows(&held, Right::RunsExecute, &workflow("payroll")));
    assert!(!allows(&held, Right::RunsExecute, &workflow("hr")));
}

#[test]
fn what_must_not_be_can_be_said_too() {
    let server = some_server();
    let held = held(&server, &attenuated(&server.mint(&grant()), r#"reject if workflow("hr");"#));
    assert!(allows(&held, Right::RunsExecute, &workflow("billing")));
    assert!(!allows(&held, Right::RunsExecute, &workflow("hr")));
}

#[test]
fn a_block_that_makes_no_sense_allows_nothing() {
    let server = some_server();
    for block in [r"check if workflow($w), $w < 3;", r#"check if weather("good");"#, "check if 1 / 0 == 1;"] {
        let token = attenuated(&server.mint(&grant()), block);
        assert_eq!(refused(&server, &token), None);
        assert!(!allows(&held(&server, &token), Right::RunsRead, &workflow("billing")), "{block}");
    }
}
