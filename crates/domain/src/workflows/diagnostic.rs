//! What is wrong with a document, where, and what to do about it.

use std::collections::HashSet;

/// Whether a document with this diagnostic may be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It may not.
    Error,
    /// It may; it probably does not do what its author wants.
    Warning,
}

impl Severity {
    /// The name that the REST API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where, as a JSON Pointer (RFC 6901) into the document.
    pub pointer: String,
    /// Which rule, stable for programs.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// What is wrong, for people.
    pub message: String,
    /// What would mend it, where that is known.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(pointer: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, severity: Severity::Error, message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The same findings without those that say once more what another one says: a step that stands at several places is looked
/// at there several times.
pub fn each_once(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut said = HashSet::new();
    findings.retain(|found| said.insert((found.pointer.clone(), found.code, found.message.clone())));
    findings
}

/// A JSON Pointer from unescaped segments (RFC 6901, section 3).
pub(super) fn pointer<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    segments
        .into_iter()
        .fold(String::new(), |path, segment| path + "/" + &segment.replace('~', "~0").replace('/', "~1"))
}
