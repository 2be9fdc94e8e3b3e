//! Prometheus' alerts.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    measured::Measured,
    promql,
    repository::{json, path, yaml},
};

const ALERTS: &str = "deploy/prometheus/alerts.yaml";

fn rules() -> Vec<Value> {
    let groups = yaml(ALERTS)["groups"].as_array().expect("groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

/// The expressions of all alerts.
pub(crate) fn expressions() -> Vec<String> {
    rules().iter().map(|rule| rule["expr"].as_str().expect("an expression").to_owned()).collect()
}

/// The labels that a template of an annotation shows.
fn of_template(text: &str) -> impl Iterator<Item = &str> {
    let names = text.split("$labels.").skip(1);
    names.filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
}

#[test]
fn every_alert_asks_for_what_is_measured_and_says_what_to_do() {
    let measured = Measured::by_the_program();
    let (mut mistakes, mut names) = (Vec::new(), BTreeSet::new());
    for rule in rules() {
        let name = rule["alert"].as_str().expect("a name").to_owned();
        let used = promql::check(rule["expr"].as_str().expect("an expression"), &measured);
        mistakes.extend(used.mistakes.iter().map(|mistake| format!("{name}: {mistake}")));
        for annotation in ["summary", "runbook"] {
            let text = rule["annotations"][annotation].as_str().unwrap_or_default();
            if text.len() < 20 || !text.ends_with('.') {
                mistakes.push(format!("{name}: its {annotation} is no sentence"));
            }
            let unknown = of_template(text).filter(|label| !used.labels.contains(*label));
            mistakes.extend(unknown.map(|label| format!("{name}: its {annotation} names {label}, which it loses")));
        }
        let severity = rule["labels"]["severity"].as_str().unwrap_or_default();
        if !["critical", "warning", "info"].contains(&severity) {
            mistakes.push(format!("{name}: the severity {severity:?} is unknown"));
        }
        assert!(names.insert(name.clone()), "{name} is there twice");
    }
    assert_eq!(mistakes, Vec::<String>::new());
    assert!(names.len() > 15, "{names:?}");
}

#[test]
fn runbooks_name_paths_of_the_api_and_guides_that_exist() {
    let paths = json("docs/reference/openapi.json")["paths"].as_object().expect("paths").clone();
    let mut named = 0;
    for rule in rules() {
        let runbook = rule["annotations"]["runbook"].as_str().expect("a runbook");
        let words = runbook.split(|c: char| c.is_whitespace() || "(),;:".contains(c));
        for word in words.map(|word| word.trim_end_matches('.')) {
            if word.starts_with("/api/") {
                let path = word.split('?').next().unwrap_or_default();
                assert!(paths.contains_key(path), "{}: there is no {path}", rule["alert"]);
                named += 1;
            }
            if word.starts_with("docs/") {
                assert!(path(word).is_file(), "{}: there is no {word}", rule["alert"]);
                named += 1;
            }
        }
    }
    assert!(named > 5, "runbooks name {named} places");
}

#[test]
fn the_example_of_a_scrape_uses_the_alerts_and_asks_where_the_program_answers() {
    let config = yaml("deploy/prometheus/prometheus.yaml");
    assert_eq!(config["rule_files"], serde_json::json!(["alerts.yaml"]));
    let job = &config["scrape_configs"][0];
    assert_eq!((&job["job_name"], &job["metrics_path"]), (&"orrery".into(), &"/metrics".into()));
    assert!(json("docs/reference/openapi.json")["paths"]["/metrics"].is_object());
}
