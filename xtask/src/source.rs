//! The files of the workspace that people write: what the checks read.
//!
//! It walks the folders instead of asking git, so that it also works in an unpacked archive.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace;

/// Folders that hold nothing written by hand.
const SKIPPED: [&str; 5] = ["target", ".git", "node_modules", "orrery-data", "proptest-regressions"];

/// A file, by its path below the workspace's root.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// With `/` between folders.
    pub(crate) path: String,
}

impl SourceFile {
    /// Where it is on this machine.
    pub(crate) fn absolute(&self) -> PathBuf {
        workspace::root().join(&self.path)
    }

    /// Its text, or nothing if it is not UTF-8.
    pub(crate) fn text(&self) -> anyhow::Result<Option<String>> {
        let bytes = std::fs::read(self.absolute()).with_context(|| format!("cannot read {}", self.path))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// What follows the last dot of its name.
    pub(crate) fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|e| e.to_str()).unwrap_or_default()
    }

    /// Its name without the extension.
    pub(crate) fn stem(&self) -> &str {
        Path::new(&self.path).file_stem().and_then(|s| s.to_str()).unwrap_or_default()
    }
}

/// Every file, sorted by path.
pub(crate) fn files() -> anyhow::Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    walk(workspace::root(), &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<SourceFile>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                walk(&path, found)?;
            }
        } else if kind.is_file() {
            let relative = path.strip_prefix(workspace::root()).context("a file outside of the workspace")?;
            found.push(SourceFile { path: relative.to_string_lossy().replace('\\', "/") });
        }
    }
    Ok(())
}
