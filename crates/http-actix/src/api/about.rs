//! What a route's declaration says beyond its types: words, examples and the problems it may answer.

use serde_json::Value;

use crate::problem::Code;

/// The words about an operation.
pub(crate) struct About {
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) request: Option<Value>,
    pub(super) response: Option<Value>,
    pub(super) responses: Vec<(u16, Value)>,
    pub(super) problems: Vec<Code>,
    pub(super) repeatable: bool,
}

impl About {
    /// An operation of a group, in a few words and in a paragraph.
    pub(crate) fn new(tag: &'static str, summary: &'static str, description: &'static str) -> Self {
        Self {
            tag,
            summary,
            description,
            request: None,
            response: None,
            responses: Vec::new(),
            problems: vec![Code::Internal],
            repeatable: false,
        }
    }

    /// The use case finds what an attempt before it has done under the same ids, and answers as that would have. Without this, a
    /// request that was done by an attempt that has died is answered that its answer is lost.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// An example of what is sent.
    pub(crate) fn sends(mut self, example: Value) -> Self {
        self.request = Some(example);
        self
    }

    /// An example of what is answered.
    pub(crate) fn answers(mut self, example: Value) -> Self {
        self.response = Some(example);
        self
    }

    /// An example of what is answered with one status, where others are answered otherwise.
    pub(crate) fn answers_with(mut self, status: u16, example: Value) -> Self {
        self.responses.push((status, example));
        self
    }

    /// The problems that the handler may answer, besides those of its inputs.
    pub(crate) fn refuses(mut self, problems: &[Code]) -> Self {
        self.problems.extend(problems);
        self
    }
}
