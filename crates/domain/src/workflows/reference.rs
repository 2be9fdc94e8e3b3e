//! References in `input_mapping`: `${workflow.input.a.b}`, `${step.output.a[0].b}`, literals and spliced text.
//!
//! Parsed once, when a document is compiled; resolved against a [`Scope`] when a step is dispatched. The forms and the
//! failure texts follow contract 5.2; array indexes, whole inputs and outputs (`${step.output}`), quoted keys
//! (`${s.output["a.b"]}`), members of the loop's item, the prefix `steps.`, references inside nested literals, and numbers
//! and booleans in spliced text are additions.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    budget::{Budget, MAX_INPUT_BYTES},
    path::{Segment, element, first_match, parse_path},
};
use crate::ids::StepId;

/// A value of an `input_mapping`, parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// No reference inside: passed as it is.
    Literal(Value),
    /// Exactly one reference: the value it names, with its type.
    Reference(Reference),
    /// Text around references.
    Text(Vec<Piece>),
    /// An object with references somewhere inside.
    Object(Vec<(String, Template)>),
    /// An array with references somewhere inside.
    Array(Vec<Template>),
}

/// A part of a spliced text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Plain text.
    Plain(String),
    /// A reference, replaced by the text of its value.
    Reference(Reference),
}

/// `${source.path}`, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What it looks into.
    pub source: Source,
    /// The way from there; empty means all of it.
    pub path: Vec<Segment>,
    /// What stands between the braces, for messages.
    pub raw: String,
}

/// What a reference looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The run's input.
    Input,
    /// The output of a step.
    Output(StepId),
    /// The iteration of the innermost loop around the step.
    Loop(LoopVariable),
    /// What a filter or an assertion is asked about: `event` or `data`.
    Given,
    /// The output of the run, for what follows it.
    RunOutput,
    /// Nobody knows: it cannot be read. Only in a document that gets no plan, so that the rest of it is checked all the same.
    Unread,
}

/// What an iteration of a loop is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopVariable {
    /// The element of the collection.
    Item,
    /// Its number, from 0.
    Index,
    /// How many there are.
    Total,
    /// Whether it is the first.
    IsFirst,
    /// Whether it is the last.
    IsLast,
}

/// Why a reference cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Cannot read '${{{raw}}}': {problem}")]
pub struct InvalidReference {
    raw: String,
    problem: &'static str,
}

/// Why a reference has no value; `Display` is the message that ends up at the step (contract 5.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The value is not there.
    #[error("Cannot resolve '${{{raw}}}' in field '{field}': {problem}")]
    Missing {
        /// The reference.
        raw: String,
        /// The member of the mapping.
        field: String,
        /// What is missing.
        problem: String,
    },
    /// All values together are more than a step's input may hold.
    #[error("The step's input would be larger than {MAX_INPUT_BYTES} bytes")]
    TooLarge,
    /// A value that has no text is spliced into text.
    #[error(
        "Cannot substitute non-string value for '{raw}' in field '{field}'. Make it the whole value, or refer to a text inside it"
    )]
    NotText {
        /// The reference.
        raw: String,
        /// The member of the mapping.
        field: String,
    },
}

/// The values that references look into.
pub trait Scope {
    /// The run's input.
    fn input(&self) -> &Value;
    /// The output of a finished step.
    fn output(&self, step: &StepId) -> Option<&Value>;
    /// The iteration of the innermost loop.
    fn iteration(&self) -> Option<Iteration<'_>> {
        None
    }
    /// What a filter or an assertion is asked about.
    fn given(&self) -> Option<&Value> {
        None
    }
    /// The output of the run, once it has completed.
    fn run_output(&self) -> Option<&Value> {
        None
    }
}

/// An iteration of a loop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Iteration<'a> {
    /// The element of the collection.
    pub item: &'a Value,
    /// Its number, from 0.
    pub index: u32,
    /// How many there are.
    pub total: u32,
}

impl Template {
    /// Parses a value of a mapping; answers every reference that cannot be read.
    pub fn parse(value: &Value) -> Result<Self, Vec<InvalidReference>> {
        let (template, problems) = Self::parse_readable(value);
        if problems.is_empty() { Ok(template) } else { Err(problems) }
    }

    /// Parses what can be read of a value, with [`Source::Unread`] in place of what cannot; answers every such reference.
    pub fn parse_readable(value: &Value) -> (Self, Vec<InvalidReference>) {
        let mut problems = Vec::new();
        let template = parse_value(value, &mut problems);
        (template, problems)
    }

    /// The value with all references replaced. `field` names the member of the mapping in messages.
    pub fn resolve(&self, field: &str, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, ResolveError> {
        match self {
            Self::Literal(value) => budget.spend(value).cloned(),
            Self::Reference(reference) => {
                let value = reference.resolve(field, scope)?;
                budget.spend(&value)?;
                Ok(value.into_owned())
            }
            Self::Text(pieces) => {
                let spliced =
                    pieces.iter().try_fold(String::new(), |text, piece| piece.append(text, field, scope, budget));
                spliced.map(Value::String)
            }
            Self::Object(members) => members
                .iter()
                .map(|(key, member)| Ok((key.clone(), member.resolve(field, scope, budget)?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
            Self::Array(items) => {
                items.iter().map(|item| item.resolve(field, scope, budget)).collect::<Result<_, _>>().map(Value::Array)
            }
        }
    }

    /// All references inside, in the order of the text.
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Reference(reference) => vec![reference],
            Self::Text(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Plain(_) => None,
                    Piece::Reference(reference) => Some(reference),
                })
                .collect(),
            Self::Object(members) => members.iter().flat_map(|(_, member)| member.references()).collect(),
            Self::Array(items) => items.iter().flat_map(Self::references).collect(),
        }
    }
}

fn parse_value(value: &Value, problems: &mut Vec<InvalidReference>) -> Template {
    match value {
        Value::String(text) => parse_text(text, problems),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| parse_value(item, problems)).collect();
            if items.iter().all(Template::is_literal) {
                Template::Literal(value.clone())
            } else {
                Template::Array(items)
            }
        }
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(key, member)| (key.clone(), parse_value(member, problems))).collect();
            if members.iter().all(|(_, member)| member.is_literal()) {
                Template::Literal(value.clone())
            } else {
                Template::Object(members)
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Template::Literal(value.clone()),
    }
}

/// `${` + anything but `}` + `}`; an empty `${}` or an unclosed one is plain text.
fn parse_text(text: &str, problems: &mut Vec<InvalidReference>) -> Template {
    let mut pieces = Vec::new();
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start + 2..].find('}') else { break };
        let (raw, end) = (&rest[start + 2..start + 2 + length], start + 3 + length);
        if raw.is_empty() {
            plain.push_str(&rest[..end]);
        } else {
            plain.push_str(&rest[..start]);
            if !plain.is_empty() {
                pieces.push(Piece::Plain(std::mem::take(&mut plain)));
            }
            let reference = Reference::parse(raw).unwrap_or_else(|problem| {
                problems.push(problem);
                Reference::unread(raw)
            });
            pieces.push(Piece::Reference(reference));
        }
        rest = &rest[end..];
    }
    plain.push_str(rest);
    if pieces.is_empty() {
        return Template::Literal(Value::String(text.to_owned()));
    }
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    match <[Piece; 1]>::try_from(pieces) {
        Ok([Piece::Reference(reference)]) => Template::Reference(reference),
        Ok([piece @ Piece::Plain(_)]) => Template::Text(vec![piece]),
        Err(pieces) => Template::Text(pieces),
    }
}

impl Template {
    fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

impl Piece {
    fn append(
        &self,
        mut text: String,
        field: &str,
        scope: &dyn Scope,
        budget: &mut Budget,
    ) -> Result<String, ResolveError> {
        match self {
            Self::Plain(plain) => {
                budget.spend_bytes(plain.len())?;
                text.push_str(plain);
            }
            Self::Reference(reference) => match budget.spend(&*reference.resolve(field, scope)?)? {
                Value::String(value) => text.push_str(value),
                Value::Number(number) => text.push_str(&number.to_string()),
                Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(ResolveError::NotText { raw: reference.raw.clone(), field: field.to_owned() });
                }
            },
        }
        Ok(text)
    }
}

impl Reference {
    /// Parses what stands between `${` and `}` in an `input_mapping`.
    pub fn parse(raw: &str) -> Result<Self, InvalidReference> {
        let reference = Self::parse_for_condition(raw)?;
        if reference.path.iter().any(|segment| matches!(segment, Segment::Slice(_))) {
            let problem = "several elements at once can only be named in a condition";
            return Err(InvalidReference { raw: raw.to_owned(), problem });
        }
        Ok(reference)
    }

    /// Stands for what cannot be read.
    pub(super) fn unread(raw: &str) -> Self {
        Self { source: Source::Unread, path: Vec::new(), raw: raw.to_owned() }
    }

    /// The same in a condition, where a reference may name several elements and takes the first that is there.
    pub fn parse_for_condition(raw: &str) -> Result<Self, InvalidReference> {
        let invalid = |problem| InvalidReference { raw: raw.to_owned(), problem };
        // The requirement texts of the old system write it, and so do its examples.
        let text = raw.strip_prefix("steps.").unwrap_or(raw);
        if let Some(path) = given(text) {
            return Ok(Self { source: Source::Given, path: parse_path(path).map_err(invalid)?, raw: raw.to_owned() });
        }
        let (head, rest) =
            text.split_once('.').ok_or_else(|| invalid("it needs the form 'workflow.input…' or '<step>.output…'"))?;
        let (source, tail) = match head {
            "loop" => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let variable = LoopVariable::parse(&rest[..end]).ok_or_else(|| {
                    invalid("only 'item', 'index', 'total', 'is_first' or 'is_last' may follow 'loop'")
                })?;
                (Source::Loop(variable), Some(&rest[end..]))
            }
            "workflow" if rest.starts_with("output") => (Source::RunOutput, rest.strip_prefix("output")),
            "workflow" => (Source::Input, rest.strip_prefix("input")),
            step => {
                let step =
                    StepId::parse(step).map_err(|_| invalid("the part before the first dot is not a step id"))?;
                (Source::Output(step), rest.strip_prefix("output"))
            }
        };
        let tail = tail.filter(|tail| tail.is_empty() || tail.starts_with(['.', '['])).ok_or_else(|| {
            invalid(if matches!(source, Source::Input | Source::RunOutput) {
                "only 'input' may follow 'workflow'"
            } else {
                "only 'output' may follow a step id"
            })
        })?;
        let path = parse_path(tail).map_err(invalid)?;
        if matches!(source, Source::Loop(variable) if variable != LoopVariable::Item && !path.is_empty()) {
            return Err(invalid("only 'loop.item' has members"));
        }
        Ok(Self { source, path, raw: raw.to_owned() })
    }

    /// The value, or nothing where it is not there: how conditions read.
    pub fn find<'a>(&self, scope: &'a dyn Scope) -> Option<Cow<'a, Value>> {
        match &self.source {
            Source::Input => first_match(scope.input(), &self.path).map(Cow::Borrowed),
            Source::Output(step) => first_match(scope.output(step)?, &self.path).map(Cow::Borrowed),
            Source::Loop(LoopVariable::Item) => first_match(scope.iteration()?.item, &self.path).map(Cow::Borrowed),
            Source::Loop(variable) => scope.iteration().map(|iteration| Cow::Owned(variable.of(&iteration))),
            Source::Given => first_match(scope.given()?, &self.path).map(Cow::Borrowed),
            Source::RunOutput => first_match(scope.run_output()?, &self.path).map(Cow::Borrowed),
            Source::Unread => None,
        }
    }

    /// What the path leads to from a value.
    pub fn walk<'a>(&self, from: &'a Value) -> Option<&'a Value> {
        first_match(from, &self.path)
    }

    /// The value; why there is none is a sentence.
    pub fn resolve<'a>(&self, field: &str, scope: &'a dyn Scope) -> Result<Cow<'a, Value>, ResolveError> {
        let missing =
            |problem: String| ResolveError::Missing { raw: self.raw.clone(), field: field.to_owned(), problem };
        let iteration = || scope.iteration().ok_or_else(|| missing("Not in a loop context".to_owned()));
        let mut value = match &self.source {
            Source::Input => scope.input(),
            Source::Output(step) => scope
                .output(step)
                .ok_or_else(|| missing(format!("Step '{step}' has not been executed or has no output")))?,
            Source::Loop(LoopVariable::Item) => iteration()?.item,
            Source::Given => {
                scope.given().ok_or_else(|| missing("Only filters and assertions can ask for this".to_owned()))?
            }
            Source::RunOutput => {
                scope.run_output().ok_or_else(|| missing("Only what follows the run can ask for this".to_owned()))?
            }
            Source::Loop(variable) => return Ok(Cow::Owned(variable.of(&iteration()?))),
            Source::Unread => return Err(missing("It cannot be read".to_owned())),
        };
        let mut at = "the value".to_owned();
        for segment in &self.path {
            value = match (segment, value) {
                (Segment::Key(key), Value::Object(members)) => {
                    members.get(key).ok_or_else(|| missing(format!("Field '{key}' not found")))?
                }
                (Segment::Index(index), Value::Array(items)) => element(items, *index)
                    .ok_or_else(|| missing(format!("Index {index} is out of range (length {})", items.len())))?,
                (Segment::Key(_), _) => return Err(missing(format!("'{at}' is not a dictionary"))),
                (Segment::Index(_) | Segment::Slice(_), _) => return Err(missing(format!("'{at}' is not a list"))),
            };
            at = match segment {
                Segment::Key(key) => key.clone(),
                Segment::Index(index) => format!("{at}[{index}]"),
                Segment::Slice(_) => at,
            };
        }
        Ok(Cow::Borrowed(value))
    }
}

/// The path after `event` or `data`. A step may have that name: then `output` follows.
fn given(text: &str) -> Option<&str> {
    let path = ["event", "data"].into_iter().find_map(|word| text.strip_prefix(word))?;
    let is_output = path.strip_prefix(".output").is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    (!is_output && (path.is_empty() || path.starts_with(['.', '[']))).then_some(path)
}

impl LoopVariable {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "item" => Some(Self::Item),
            "index" => Some(Self::Index),
            "total" => Some(Self::Total),
            "is_first" => Some(Self::IsFirst),
            "is_last" => Some(Self::IsLast),
            _ => None,
        }
    }

    fn of(self, iteration: &Iteration<'_>) -> Value {
        match self {
            Self::Item => iteration.item.clone(),
            Self::Index => Value::from(iteration.index),
            Self::Total => Value::from(iteration.total),
            Self::IsFirst => Value::from(iteration.index == 0),
            Self::IsLast => Value::from(iteration.index + 1 == iteration.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Values(Value, Value);
    impl Scope for Values {
        fn input(&self) -> &Value {
            &self.0
        }
        fn output(&self, step: &StepId) -> Option<&Value> {
            (step.as_str() == "b").then_some(&self.1)
        }
    }

    fn resolve(template: &Value) -> Result<Value, String> {
        let scope = Values(
            json!({"a": {"b": 7, "s": "x"}, "l": [1, {"k": true}], "o.p": "dotted"}),
            json!({"text": "hello", "n": null}),
        );
        let template = Template::parse(template).map_err(|problems| problems[0].to_string())?;
        template.resolve("f", &scope, &mut Budget::default()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_whole_reference_keeps_the_type_of_its_value() {
        assert_eq!(resolve(&json!("${workflow.input.a.b}")), Ok(json!(7)));
        assert_eq!(resolve(&json!("${workflow.input.a}")), Ok(json!({"b": 7, "s": "x"})));
        assert_eq!(resolve(&json!("${b.output}")), Ok(json!({"text": "hello", "n": null})));
        assert_eq!(resolve(&json!("${b.output.n}")), Ok(json!(null)));
    }

    #[test]
    fn arrays_and_odd_keys_can_be_addressed() {
        assert_eq!(resolve(&json!("${workflow.input.l[1].k}")), Ok(json!(true)));
        assert_eq!(resolve(&json!("${workflow.input[\"o.p\"]}")), Ok(json!("dotted")));
        assert_eq!(resolve(&json!("${workflow.input['a'].s}")), Ok(json!("x")));
    }

    #[test]
    fn references_are_spliced_into_text() {
        assert_eq!(resolve(&json!("say ${b.output.text}, ${workflow.input.a.b}!")), Ok(json!("say hello, 7!")));
        assert_eq!(resolve(&json!(" ${b.output.text}")), Ok(json!(" hello")));
        assert_eq!(
            resolve(&json!("x ${workflow.input.a}")),
            Err("Cannot substitute non-string value for 'workflow.input.a' in field 'f'. Make it the whole value, or refer to a text inside it".into())
        );
    }

    #[test]
    fn what_is_no_reference_is_plain_text() {
        for text in ["${}", "${unclosed", "$ {a}", "a ${} b", "100 %"] {
            assert_eq!(resolve(&json!(text)), Ok(json!(text)));
        }
        assert_eq!(resolve(&json!("${}${b.output.text}${")), Ok(json!("${}hello${")));
    }

    #[test]
    fn references_inside_nested_literals_are_resolved() {
        assert_eq!(
            resolve(&json!({"q": ["${workflow.input.a.b}", 1], "z": null})),
            Ok(json!({"q": [7, 1], "z": null}))
        );
    }

    #[test]
    fn a_missing_value_is_explained() {
        let message = |reference: &str| resolve(&json!(format!("${{{reference}}}"))).expect_err("missing");
        assert_eq!(
            message("workflow.input.nope"),
            "Cannot resolve '${workflow.input.nope}' in field 'f': Field 'nope' not found"
        );
        assert!(message("c.output.x").ends_with("Step 'c' has not been executed or has no output"));
        assert!(message("workflow.input.l.x").ends_with("'l' is not a dictionary"));
        assert!(message("workflow.input.a[0]").ends_with("'a' is not a list"));
        assert!(message("workflow.input.l[2]").ends_with("Index 2 is out of range (length 2)"));
    }

    #[test]
    fn a_small_document_cannot_multiply_a_large_value_without_end() {
        let scope = Values(json!({"big": "x".repeat(MAX_INPUT_BYTES / 3)}), Value::Null);
        let many = |n: usize| Template::parse(&Value::Array(vec![json!("${workflow.input.big}"); n])).expect("sound");
        assert!(many(2).resolve("f", &scope, &mut Budget::default()).is_ok());
        assert_eq!(many(30_000).resolve("f", &scope, &mut Budget::default()), Err(ResolveError::TooLarge));
        let text = Template::parse(&json!("${workflow.input.big} ".repeat(4))).expect("sound");
        assert_eq!(text.resolve("f", &scope, &mut Budget::default()), Err(ResolveError::TooLarge));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for bad in [
            "x",
            "workflow.x",
            "workflow.inputs",
            "b.input.x",
            "b.output..x",
            "b.output[",
            "b.output[+1]",
            "b.output[--1]",
            "b.output[*]",
            "b.output[1:2]",
            "loop.each",
            "loop.index.x",
            "loop.itemize",
            "b.output['x]",
            "b.output[0]x",
            "a b.output",
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = Template::parse(&Value::String(text));
        }

        #[test]
        fn no_reference_like_text_makes_the_parser_panic(text in "(\\$\\{|\\}|workflow|input|output|\\.|\\[|\\]|'|\"|[0-9a-z]){0,20}") {
            let _ = Template::parse(&Value::String(text));
        }
    }
}
