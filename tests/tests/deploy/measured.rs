//! What the program says it measures: series and their labels.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::repository::{printed, strings};

/// What a scrape adds to every series.
const OF_THE_SCRAPE: [&str; 2] = ["job", "instance"];

/// What Prometheus measures of a scrape itself.
const OF_PROMETHEUS: &str = "up";

/// Series by name, with their labels.
pub(crate) struct Measured {
    series: BTreeMap<String, BTreeSet<String>>,
    metrics: BTreeMap<String, String>,
}

impl Measured {
    /// What `orrery metrics --json` prints.
    pub(crate) fn by_the_program() -> Self {
        let list: Value = serde_json::from_str(&printed(&["metrics", "--json"])).expect("it is JSON");
        let (mut series, mut metrics) = (BTreeMap::new(), BTreeMap::new());
        for metric in list.as_array().expect("an array") {
            let labels: BTreeSet<String> = strings(&metric["labels"]).into_iter().collect();
            for name in strings(&metric["series"]) {
                let mut labels = labels.clone();
                if name.ends_with("_bucket") {
                    labels.insert("le".to_owned());
                }
                metrics.insert(name.clone(), metric["name"].as_str().expect("a name").to_owned());
                assert!(series.insert(name.clone(), labels).is_none(), "{name} is declared twice");
            }
        }
        Self { series, metrics }
    }

    /// The labels of a series as they are scraped; none for one that nobody measures.
    pub(crate) fn labels(&self, series: &str) -> Option<BTreeSet<String>> {
        let own = if series == OF_PROMETHEUS { Some(BTreeSet::new()) } else { self.series.get(series).cloned() };
        own.map(|own| own.into_iter().chain(OF_THE_SCRAPE.map(str::to_owned)).collect())
    }

    /// The labels of a series as they are told at `/metrics`.
    pub(crate) fn told_labels(&self, series: &str) -> Option<&BTreeSet<String>> {
        self.series.get(series)
    }

    /// The metric that a series belongs to.
    pub(crate) fn metric(&self, series: &str) -> Option<&str> {
        self.metrics.get(series).map(String::as_str)
    }

    /// The names of all metrics.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.metrics.values().map(String::as_str).collect()
    }
}
