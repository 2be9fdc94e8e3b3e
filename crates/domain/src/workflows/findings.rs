//! Everything that is found in a document, and whether it could be executed all the same.

use super::{
    diagnostic::{Diagnostic, Severity, pointer},
    document::WorkflowDocument,
    nearest::Guesses,
};

/// What has been found so far.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<Diagnostic>,
    fatal: bool,
    guesses: Guesses,
}

impl Findings {
    /// Without this being mended there is no plan.
    pub(super) fn error(&mut self, at: &[&str], code: &'static str, message: String) {
        self.fatal = true;
        self.refuse(at, code, message);
    }

    /// Not to be saved; but the old executor runs it, so plans from the bus and of old databases may have it.
    pub(super) fn refuse(&mut self, at: &[&str], code: &'static str, message: String) {
        self.found.push(Diagnostic::error(pointer(at.iter().copied()), code, message));
    }

    pub(super) fn warn(&mut self, at: &[&str], code: &'static str, message: String) {
        let warning = Diagnostic::error(pointer(at.iter().copied()), code, message);
        self.found.push(Diagnostic { severity: Severity::Warning, ..warning });
    }

    /// What would mend the last finding.
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        if let Some(last) = self.found.pop() {
            self.found.push(last.hint(hint));
        }
    }

    /// What would mend the last finding, which is about a step that is named and not there.
    pub(super) fn hint_at_step(&mut self, wanted: &str, document: &WorkflowDocument) {
        let hint = self.guesses.hint(wanted, document.steps.keys().map(String::as_str));
        self.hint(hint);
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.fatal
    }

    pub(super) fn all(self) -> Vec<Diagnostic> {
        self.found
    }
}
