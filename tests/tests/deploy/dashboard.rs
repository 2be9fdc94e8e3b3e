//! Grafana's dashboard.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    alerts,
    measured::Measured,
    promql,
    repository::{json, strings},
};

const DASHBOARD: &str = "deploy/grafana/orrery.json";

fn panels() -> Vec<Value> {
    let dashboard = json(DASHBOARD);
    let panels = dashboard["panels"].as_array().expect("panels").clone();
    panels.into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// The names in `{{ }}` of a legend.
fn of_legend(legend: &str) -> impl Iterator<Item = &str> {
    legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).map(str::trim)
}

#[test]
fn every_panel_asks_for_what_is_measured() {
    let measured = Measured::by_the_program();
    let mut mistakes = Vec::new();
    for panel in panels() {
        let title = panel["title"].as_str().expect("a title").to_owned();
        let targets = panel["targets"].as_array().filter(|targets| !targets.is_empty()).expect("targets").clone();
        for target in targets {
            let expression = target["expr"].as_str().expect("an expression");
            let used = promql::check(expression, &measured);
            mistakes.extend(used.mistakes.iter().map(|mistake| format!("{title}: {mistake}")));
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            let unknown = of_legend(legend).filter(|label| !used.labels.contains(*label));
            mistakes.extend(unknown.map(|label| format!("{title}: its legend names {label}, which no series has")));
            assert!(expression.contains("job=~\"$job\""), "{title} leaves the choice of jobs out: {expression}");
        }
    }
    assert_eq!(mistakes, Vec::<String>::new());
}

#[test]
fn what_is_measured_is_shown_or_alerted_on() {
    let measured = Measured::by_the_program();
    let shown = panels().into_iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let expressions = shown.filter_map(|target| target["expr"].as_str().map(str::to_owned));
    let series = expressions.chain(alerts::expressions()).flat_map(|text| promql::check(&text, &measured).series);
    let used: BTreeSet<String> = series.filter_map(|series| measured.metric(&series).map(str::to_owned)).collect();
    let unused: Vec<&str> = measured.names().into_iter().filter(|name| !used.contains(*name)).collect();
    // What matters only beside the existing system's executor and bridge.
    assert_eq!(unused, ["orrery_external_requests_total", "orrery_kafka_results_ignored_total"]);
}

#[test]
fn panels_have_numbers_of_their_own_and_do_not_cover_each_other() {
    let dashboard = json(DASHBOARD);
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
        for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(x < 24 && taken.insert((x, y)), "{} covers another, or leaves the page", panel["title"]);
        }
    }
    let variables = dashboard["templating"]["list"].as_array().expect("variables").iter();
    let names: Vec<&str> = variables.filter_map(|variable| variable["name"].as_str()).collect();
    assert_eq!(names, ["datasource", "job"]);
    assert_eq!(strings(&dashboard["tags"]), ["orrery"]);
}
