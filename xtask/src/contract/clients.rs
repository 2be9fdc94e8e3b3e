//! Clients that are generated from the description that the server serves run workflows on it, as those of integrators do:
//! one in Python, and one in TypeScript, whose types are those of OpenAPI 3.1 and once more those of the 3.0 rendition.

use std::{fs, process::Command};

use anyhow::Context;

use super::{
    Outcome, Report, Site,
    tools::{self, Node, Python},
};
use crate::{process::ADMIN_KEY, workspace::must};

pub(super) fn run(report: &mut Report) -> anyhow::Result<()> {
    let site = Site::start(None)?;
    let ran = walk(&site, report);
    if ran.is_err() {
        println!("the server's log: {}", site.keep_log("clients")?.display());
    }
    ran
}

fn walk(site: &Site, report: &mut Report) -> anyhow::Result<()> {
    report.add("a Python client", python(site).context("the generated Python client")?);
    report.add("a TypeScript client", typescript(site).context("the generated TypeScript client")?);
    Ok(())
}

fn python(site: &Site) -> anyhow::Result<Outcome> {
    let Some(python) = Python::prepare()? else { return Ok(Outcome::Lacks(Python::MISSING)) };
    let folder = tools::home()?.join("python-client");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut generate = python.program("openapi-python-client");
    generate
        .args(["generate", "--meta", "none", "--fail-on-warning", "--output-path"])
        .arg(folder.join("orrery_client"));
    must(generate.arg("--url").arg(format!("{}/openapi.json", site.server.url)))?;
    let mut walk = python.program("python");
    walk.arg(tools::source("python/walk.py")).args([&site.server.url, &site.agents.url]);
    must(walk.env("PYTHONPATH", &folder).env("ORRERY_KEY", ADMIN_KEY))?;
    Ok(Outcome::Passed("a Python client".to_owned()))
}

fn typescript(site: &Site) -> anyhow::Result<Outcome> {
    let Some(node) = Node::prepare()? else { return Ok(Outcome::Lacks(Node::MISSING)) };
    for document in ["openapi-3.0.json", "openapi.json"] {
        let mut generate = node.program("openapi-typescript");
        // Members with a default may be left out of requests.
        generate.args(["--default-non-nullable", "false", "--output", "api.d.ts"]);
        must(generate.arg(format!("{}/{document}", site.server.url)))?;
        must(node.program("tsc").args(["--project", "tsconfig.json"]))?;
    }
    let mut walk = Command::new("node");
    walk.current_dir(&node.folder).arg("built/walk.js").args([&site.server.url, &site.agents.url]);
    must(walk.env("ORRERY_KEY", ADMIN_KEY))?;
    Ok(Outcome::Passed("a TypeScript client".to_owned()))
}
