//! `cargo xtask chart`: the Helm chart is linted and rendered with several files of values, and what comes out is looked at.
//!
//! Helm is the one on the machine, or built by Go, once, from `tests/helm/go.mod`. No cluster is asked.

mod findings;
mod helm;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::workspace::root;
use helm::Helm;

/// Said loudly where the check cannot run.
pub(crate) const MISSING: &str = "the chart (neither helm nor Go is there)";

/// The chart, below the workspace's root.
const CHART: &str = "deploy/helm/orrery";

/// Files of values that must be refused, with a word of the reason.
const REFUSED: [(&str, &str); 4] = [
    ("secrets: {keys: {name: orrery}}", "secrets.database.name"),
    ("secrets: {database: {name: orrery}}", "secrets.keys.name"),
    ("secrets: {database: {name: o}, keys: {name: o}}\nroles: {api: {replica: 3}}", "replica"),
    ("secrets: {database: {name: o}, keys: {name: o}}\nsettings: {LOG: debug}", "LOG"),
];

/// Checks the chart; nothing where there is no Helm.
pub(crate) fn run() -> anyhow::Result<Option<String>> {
    let Some(helm) = Helm::prepare()? else {
        println!("NOT RUN: {MISSING}");
        return Ok(None);
    };
    let (chart, mut objects) = (root().join(CHART), 0);
    let mut values: Vec<_> =
        std::fs::read_dir(chart.join("ci"))?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    values.sort();
    anyhow::ensure!(values.len() >= 3, "there are {} files of values to try", values.len());
    for file in &values {
        let name = file.file_stem().context("a file of values has a name")?.to_string_lossy().into_owned();
        helm.lint(&chart, file).with_context(|| format!("{CHART} with ci/{name}.yaml"))?;
        let rendered = helm.template(&chart, file).with_context(|| format!("{CHART} with ci/{name}.yaml"))?;
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&rendered).with_context(|| format!("what ci/{name}.yaml gives is not YAML"))?;
        let documents: Vec<Value> = documents.into_iter().filter(|document| !document.is_null()).collect();
        let findings = findings::of(&documents);
        if !findings.is_empty() {
            bail!("the chart with ci/{name}.yaml:\n{}", findings.join("\n"));
        }
        objects += documents.len();
    }
    let folder = tempfile::tempdir()?;
    for (values, reason) in REFUSED {
        let file = folder.path().join("values.yaml");
        std::fs::write(&file, values)?;
        match helm.template(&chart, &file) {
            Ok(_) => bail!("the chart takes these values:\n{values}"),
            Err(error) if format!("{error:#}").contains(reason) => {}
            Err(error) => {
                return Err(error)
                    .context(format!("the chart refuses these values, but not because of {reason}:\n{values}"));
            }
        }
    }
    let said = format!("{objects} objects of {} files of values; {} mistakes are refused", values.len(), REFUSED.len());
    println!("chart: {said}");
    Ok(Some(said))
}
