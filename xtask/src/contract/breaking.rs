//! Nothing that a client relies on has gone since the last release: the description is compared with the one that was promised.
//!
//! The comparison is oasdiff's. Before it is believed, it must find changes that are planted in a copy, and must let pass those
//! that break nobody.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::{
    Outcome, planted,
    tools::{Oasdiff, source},
};
use crate::{
    generated::{BASELINE, OPENAPI},
    workspace::root,
};

pub(super) fn run() -> anyhow::Result<Outcome> {
    let Some(oasdiff) = Oasdiff::prepare()? else { return Ok(Outcome::Lacks(Oasdiff::MISSING)) };
    let (promised, now) = (root().join(BASELINE.path), root().join(OPENAPI.path));
    let planted = finds_what_is_planted(&oasdiff, &now)?;
    if let Some(found) = oasdiff.breaking(&promised, &now)? {
        bail!(
            "the API breaks what {} promises:\n{found}\nKeep the old way beside the new one. Where that cannot be, and no client can be \
             broken by it, say why in the CHANGELOG and renew the promise: cargo xtask openapi --baseline",
            BASELINE.path
        );
    }
    Ok(Outcome::Passed(format!("no breaking change ({planted} planted ones were told apart)")))
}

impl Oasdiff {
    /// What breaks clients of the first document in the second one, as text; nothing if they are safe. Warnings count: unknown members
    /// are refused here, so a member that is taken no longer breaks whoever sends it.
    fn breaking(&self, old: &Path, new: &Path) -> anyhow::Result<Option<String>> {
        let mut command = Command::new(&self.binary);
        command.arg("breaking").args([old, new]).args([
            "--fail-on",
            "WARN",
            "--format",
            "singleline",
            "--color",
            "never",
        ]);
        command.arg("--allow-external-refs=false").arg("--severity-levels").arg(source("oasdiff/severity.txt"));
        let Output { status, stdout, stderr } = command.output().context("cannot run oasdiff")?;
        match status.code() {
            Some(0) => Ok(None),
            Some(1) => Ok(Some(String::from_utf8_lossy(&stdout).trim().to_owned())),
            _ => bail!("oasdiff failed: {status}: {}", String::from_utf8_lossy(&stderr)),
        }
    }
}

fn finds_what_is_planted(oasdiff: &Oasdiff, document: &Path) -> anyhow::Result<usize> {
    let folder = tempfile::tempdir()?;
    let changed = folder.path().join("changed.json");
    let document_text = fs::read_to_string(document)?;
    let original: Value = serde_json::from_str(&document_text)?;
    for planted in planted::ALL {
        let mut copy = original.clone();
        (planted.change)(&mut copy);
        ensure!(copy != original, "'{}' changes nothing in the document: plant it elsewhere", planted.what);
        fs::write(&changed, serde_json::to_vec(&copy)?)?;
        let found = oasdiff.breaking(document, &changed)?;
        match (planted.rule, &found) {
            (None, None) => {}
            (Some(rule), Some(found)) if found.contains(&format!("[{rule}]")) => {}
            (expected, found) => {
                bail!("'{}': expected {expected:?}, oasdiff says {found:?}", planted.what);
            }
        }
    }
    Ok(planted::ALL.len())
}
