//! What is wrong in a file of settings, with its place.

use std::{fmt, path::Path};

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// What is wrong, with the key.
    pub(super) what: String,
}

impl Mistake {
    pub(super) fn new(line: usize, what: impl fmt::Display) -> Self {
        Self { line, what: what.to_string() }
    }

    /// As editors and people find it: `orrery.toml:3: listen: invalid socket address syntax`.
    pub(super) fn at(&self, file: &Path) -> String {
        format!("{}:{}: {}", file.display(), self.line, self.what)
    }
}
