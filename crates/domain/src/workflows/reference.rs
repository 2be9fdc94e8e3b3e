//! References in `input_mapping`: `${workflow.input.a.b}`, `${step.output.a[0].b}`, literals and spliced text.
//!
//! Parsed once, when a document is compiled; resolved against a [`Scope`] when a step is dispatched. The forms and the
//! failure texts follow contract 5.2; array indexes, whole inputs and outputs (`${step.output}`), quoted keys
//! (`${s.output["a.b"]}`), references inside nested literals, and numbers and booleans in spliced text are additions.

use serde_json::{Map, Value};

use super::budget::{Budget, MAX_INPUT_BYTES};
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
}

/// One step on the way into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A member of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
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
}

impl Template {
    /// Parses a value of a mapping; answers every reference that cannot be read.
    pub fn parse(value: &Value) -> Result<Self, Vec<InvalidReference>> {
        let mut problems = Vec::new();
        let template = parse_value(value, &mut problems);
        if problems.is_empty() { Ok(template) } else { Err(problems) }
    }

    /// Parses a whole mapping. Its members stay in the mapping's order.
    pub fn parse_mapping(mapping: &Map<String, Value>) -> Vec<(String, Result<Self, Vec<InvalidReference>>)> {
        mapping.iter().map(|(field, value)| (field.clone(), Self::parse(value))).collect()
    }

    /// The value with all references replaced. `field` names the member of the mapping in messages.
    pub fn resolve(&self, field: &str, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, ResolveError> {
        match self {
            Self::Literal(value) => budget.spend(value).cloned(),
            Self::Reference(reference) => budget.spend(reference.resolve(field, scope)?).cloned(),
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
            match Reference::parse(raw) {
                Ok(reference) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Reference(reference));
                }
                Err(problem) => problems.push(problem),
            }
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
            Self::Reference(reference) => match budget.spend(reference.resolve(field, scope)?)? {
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
    /// Parses what stands between `${` and `}`.
    pub fn parse(raw: &str) -> Result<Self, InvalidReference> {
        let invalid = |problem| InvalidReference { raw: raw.to_owned(), problem };
        let (head, rest) =
            raw.split_once('.').ok_or_else(|| invalid("it needs the form 'workflow.input…' or '<step>.output…'"))?;
        let source = match head {
            "loop" => return Err(invalid("'loop' is only known inside a loop")),
            "workflow" => Source::Input,
            step => Source::Output(
                StepId::parse(step).map_err(|_| invalid("the part before the first dot is not a step id"))?,
            ),
        };
        let root = if source == Source::Input { "input" } else { "output" };
        let tail = rest.strip_prefix(root).filter(|tail| tail.is_empty() || tail.starts_with(['.', '[']));
        let tail = tail.ok_or_else(|| {
            invalid(if source == Source::Input {
                "only 'input' may follow 'workflow'"
            } else {
                "only 'output' may follow a step id"
            })
        })?;
        Ok(Self { source, path: parse_path(tail).map_err(invalid)?, raw: raw.to_owned() })
    }

    fn resolve<'a>(&self, field: &str, scope: &'a dyn Scope) -> Result<&'a Value, ResolveError> {
        let missing =
            |problem: String| ResolveError::Missing { raw: self.raw.clone(), field: field.to_owned(), problem };
        let mut value = match &self.source {
            Source::Input => scope.input(),
            Source::Output(step) => scope
                .output(step)
                .ok_or_else(|| missing(format!("Step '{step}' has not been executed or has no output")))?,
        };
        let mut at = "the value".to_owned();
        for segment in &self.path {
            value = match (segment, value) {
                (Segment::Key(key), Value::Object(members)) => {
                    members.get(key).ok_or_else(|| missing(format!("Field '{key}' not found")))?
                }
                (Segment::Index(index), Value::Array(items)) => items
                    .get(*index)
                    .ok_or_else(|| missing(format!("Index {index} is out of range (length {})", items.len())))?,
                (Segment::Key(_), _) => return Err(missing(format!("'{at}' is not a dictionary"))),
                (Segment::Index(_), _) => return Err(missing(format!("'{at}' is not a list"))),
            };
            at = match segment {
                Segment::Key(key) => key.clone(),
                Segment::Index(index) => format!("{at}[{index}]"),
            };
        }
        Ok(value)
    }
}

/// `.key`, `[0]` and `["any key"]`, any number of times.
fn parse_path(mut tail: &str) -> Result<Vec<Segment>, &'static str> {
    let mut path = Vec::new();
    while !tail.is_empty() {
        if let Some(rest) = tail.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return Err("a name is missing after a dot");
            }
            path.push(Segment::Key(rest[..end].to_owned()));
            tail = &rest[end..];
        } else if let Some(rest) = tail.strip_prefix('[') {
            let (segment, rest) = parse_bracket(rest)?;
            path.push(segment);
            tail = rest;
        } else {
            return Err("a dot or a bracket is missing");
        }
    }
    Ok(path)
}

fn parse_bracket(rest: &str) -> Result<(Segment, &str), &'static str> {
    for quote in ['"', '\''] {
        if let Some(quoted) = rest.strip_prefix(quote) {
            let (key, after) = quoted.split_once(quote).ok_or("a quoted key is not closed")?;
            return after
                .strip_prefix(']')
                .map(|rest| (Segment::Key(key.to_owned()), rest))
                .ok_or("a bracket is not closed");
        }
    }
    let (index, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
    let all_digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    let index = if all_digits { index.parse().ok() } else { None };
    index.map(|index| (Segment::Index(index), rest)).ok_or("an index must be a number from 0, or a quoted key")
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
            "b.output[-1]",
            "b.output[+1]",
            "b.output['x]",
            "b.output[0]x",
            "loop.item",
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
