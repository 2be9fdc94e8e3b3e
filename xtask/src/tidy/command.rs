//! Runs every rule over every file and reports.

use anyhow::bail;

use super::{finding::Finding, leaks, manifests, rust_files, walls};
use crate::{source, workspace};

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = workspace::metadata()?;
    let leaks = leaks::Leaks::of_this_machine();
    let mut findings = walls::check(&walls::packages(&metadata));
    let mut checked = 0;
    for file in source::files()? {
        let Some(text) = file.text()? else { continue };
        checked += 1;
        findings.extend(leaks.check(&file.path, &text));
        match file.extension() {
            "rs" => findings.extend(rust_files::check(&file, &text)),
            "toml" if file.stem() == "Cargo" => findings.extend(manifests::check(&file.path, &text)),
            _ => {}
        }
    }
    report(&findings, checked)
}

fn report(findings: &[Finding], checked: usize) -> anyhow::Result<()> {
    for finding in findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| !finding.is_warning()).count();
    if errors > 0 {
        bail!("{errors} findings in {checked} files (and {} warnings)", findings.len() - errors);
    }
    println!("tidy: {checked} files, no findings, {} warnings", findings.len());
    Ok(())
}
