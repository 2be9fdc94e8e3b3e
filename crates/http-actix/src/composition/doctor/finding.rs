//! What was found, and how it is told.

use std::fmt::Write;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// As it should be.
    Good,
    /// The server works; somebody should look at it.
    Warning,
    /// The server does not start like this, or not all of it works.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: a name that does not change.
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    /// What is the case.
    pub(crate) found: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Finding {
    pub(super) fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, severity: Severity::Good, found: found.into(), hint: None }
    }

    pub(super) fn warning(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, severity: Severity::Warning, found: found.into(), hint: Some(hint.into()) }
    }

    pub(super) fn error(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, severity: Severity::Error, found: found.into(), hint: Some(hint.into()) }
    }
}

/// All that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    /// Whether nothing is wrong; warnings are not.
    pub(crate) healthy: bool,
    pub(crate) findings: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self { healthy: findings.iter().all(|finding| finding.severity < Severity::Error), findings }
    }

    /// For people: what is wrong has its hint below it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for Finding { check, severity, found, hint } in &self.findings {
            let mark = match severity {
                Severity::Good => "good   ",
                Severity::Warning => "warning",
                Severity::Error => "ERROR  ",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{mark}  {check}: {}", found.replace('\n', " "));
            if let Some(hint) = hint {
                let _ = writeln!(text, "         hint: {}", hint.replace('\n', "\n               "));
            }
        }
        let count = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let _ = write!(text, "{errors} errors, {warnings} warnings, {} good", count(Severity::Good));
        text
    }
}
