//! What a check found, and where.

use std::fmt;

/// One finding. Without a line it concerns the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    path: String,
    line: Option<usize>,
    message: String,
    warning: bool,
}

impl Finding {
    /// About a file as a whole.
    pub(super) fn file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, message: message.into(), warning: false }
    }

    /// About one line, from 1.
    pub(super) fn line(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: Some(line), message: message.into(), warning: false }
    }

    /// The same, but it does not fail the check.
    pub(super) fn but_a_warning(mut self) -> Self {
        self.warning = true;
        self
    }

    /// Whether the check passes in spite of it.
    pub(super) fn is_warning(&self) -> bool {
        self.warning
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.warning { "warning: " } else { "" };
        match self.line {
            Some(line) => write!(f, "{}:{line}: {mark}{}", self.path, self.message),
            None => write!(f, "{}: {mark}{}", self.path, self.message),
        }
    }
}
