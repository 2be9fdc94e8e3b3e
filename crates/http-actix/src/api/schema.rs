//! The check of one part of a request: against the JSON Schema of its type, which is also what OpenAPI shows, and then
//! against the rules that a schema cannot say. All mistakes are found, not only the first.

use std::{
    any::TypeId,
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use application::access::Named;
use domain::workflows::Mention;
use garde::Validate;
use jsonschema::{ValidationError, Validator, error::TypeKind, error::ValidationErrorKind};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::moment;
use crate::problem::{Mistake, Part};

/// A type that a part of a request can be read as. Limits stand in its schema; what a schema cannot say stands in its
/// [`Validate`].
pub(crate) trait Checked: DeserializeOwned + JsonSchema + Validate<Context = ()> + 'static {
    /// What a use case would find wrong with it. Asked only where the request is refused anyway, so that the answer
    /// names those mistakes too.
    fn findings(&self) -> Vec<Mistake> {
        Vec::new()
    }

    /// What it names that the path does not. Whoever is restricted may only name what the restriction takes in.
    fn names(&self) -> Vec<Named> {
        Vec::new()
    }

    /// What the document in it names beyond itself. Whoever is restricted may only write what the restriction takes in.
    fn mentions(&self) -> Vec<Mention> {
        Vec::new()
    }

    /// What its rules say about members that stand alone, as pointers with sentences. Asked only where the value as a whole
    /// cannot be read, so that a member of a wrong type hides no mistake in another one.
    fn member_rules(_: &Value) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// The old API's word for an unknown member.
pub(super) const UNKNOWN: &str = "extra_forbidden";

/// The compiled schema of a type.
pub(super) struct Contract {
    schema: Value,
    validator: Validator,
}

/// Compiled once per type and process. Pure, so that sharing it shares no state.
static CONTRACTS: LazyLock<RwLock<HashMap<TypeId, Arc<Contract>>>> = LazyLock::new(RwLock::default);

/// The settings of request schemas that stand alone: nothing is referred to, so every place of a schema can be found.
pub(super) fn inlined() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    })
}

impl Contract {
    /// The contract of a type.
    pub(super) fn of<T: Checked>() -> Arc<Self> {
        let known = CONTRACTS.read().unwrap_or_else(PoisonError::into_inner).get(&TypeId::of::<T>()).map(Arc::clone);
        known.unwrap_or_else(|| {
            let contract = Arc::new(Self::compile::<T>());
            let mut contracts = CONTRACTS.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(contracts.entry(TypeId::of::<T>()).or_insert(contract))
        })
    }

    fn compile<T: Checked>() -> Self {
        let schema = inlined().into_generator().into_root_schema_for::<T>().to_value();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_format("date-time", |text| moment::parse(text).is_some())
            .build(&schema)
            .expect("schemars makes valid schemas, and every type is compiled by the tests");
        Self { schema, validator }
    }

    /// The schema of a member.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.schema.get("properties")?.get(name)
    }

    /// Reads a value, or finds everything that is wrong with it.
    pub(super) fn read<T: Checked>(&self, part: Part, mut value: Value) -> Result<T, Vec<Mistake>> {
        normalise(&self.schema, &mut value);
        let mut mistakes = Vec::new();
        for error in self.validator.iter_errors(&value) {
            self.explain(part, &error, &mut mistakes);
        }
        // A value of a wrong type is none of the choices either.
        let typed: BTreeSet<_> = mistakes.iter().filter(|m| m.kind != "enum").map(|m| m.pointer.clone()).collect();
        mistakes.retain(|m| m.kind != "enum" || !typed.contains(&m.pointer));
        // Without the unknown members it may still be readable, and then the rules can be checked as well.
        for unknown in mistakes.iter().filter(|m| m.kind == UNKNOWN) {
            remove(&mut value, &unknown.pointer);
        }
        let kept = (!mistakes.is_empty()).then(|| value.clone());
        match serde_json::from_value::<T>(value) {
            Ok(read) => {
                let report = read.validate().err().into_iter().flat_map(garde::Report::into_inner);
                let rules = report.map(|(path, e)| Mistake::new(part, pointer(&path), "value_error", e.message()));
                // A rule about a member that is wrong anyway adds nothing.
                let rules: Vec<_> =
                    rules.filter(|rule| !mistakes.iter().any(|m| covers(&rule.pointer, &m.pointer))).collect();
                mistakes.extend(rules);
                if !mistakes.is_empty() {
                    mistakes.extend(read.findings());
                }
                if mistakes.is_empty() { Ok(read) } else { Err(mistakes) }
            }
            Err(error) if mistakes.is_empty() => {
                // The schema and the type disagree. The reason may quote what was sent, so it is not told.
                tracing::error!(type_name = std::any::type_name::<T>(), error = ?error.classify(), "a schema is too lenient");
                Err(vec![Mistake::new(
                    part,
                    "",
                    "value_error",
                    "cannot be read as described in the API's documentation",
                )])
            }
            Err(_) => {
                let rules = kept.as_ref().map(T::member_rules).unwrap_or_default();
                let rules =
                    rules.into_iter().filter(|(pointer, _)| !mistakes.iter().any(|m| covers(pointer, &m.pointer)));
                let rules: Vec<_> = rules.map(|(at, text)| Mistake::new(part, at, "value_error", text)).collect();
                mistakes.extend(rules);
                Err(mistakes)
            }
        }
    }

    fn explain(&self, part: Part, error: &ValidationError<'_>, to: &mut Vec<Mistake>) {
        let at = error.instance_path().as_str();
        let mut report = |pointer: String, kind, message: String| to.push(Mistake::new(part, pointer, kind, message));
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let hint = self.known_members(error);
                for name in unexpected {
                    let what = if part == Part::Body { "unknown member" } else { "unknown parameter" };
                    let mistake = Mistake::new(part, format!("{at}/{}", escape(name)), UNKNOWN, what);
                    to.push(mistake.hint(hint.clone()));
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                report(format!("{at}/{}", escape(name)), "missing", "is required".to_owned());
            }
            ValidationErrorKind::PropertyNames { error } => {
                let name = error.instance().as_str().unwrap_or_default();
                let (kind, message) = describe(error.kind());
                report(format!("{at}/{}", escape(name)), kind, format!("has a name that is not taken: it {message}"));
            }
            kind => {
                let (kind, mut message) = describe(kind);
                if part != Part::Body {
                    // A parameter may be absent, but it has no way to be null.
                    message = message.replace(" or null", "");
                }
                report(at.to_owned(), kind, message);
            }
        }
    }

    fn known_members(&self, error: &ValidationError<'_>) -> String {
        let object = error.schema_path().as_str().rsplit_once('/').and_then(|(object, _)| self.schema.pointer(object));
        let members = object.and_then(|object| object.get("properties")?.as_object());
        let names: Vec<_> = members.into_iter().flat_map(|members| members.keys()).map(String::as_str).collect();
        format!("known here: {}", names.join(", "))
    }
}

/// Whether a mistake is about the same place as a rule, or about an item of the list that the rule is about.
fn covers(rule: &str, mistake: &str) -> bool {
    let item = || mistake.strip_prefix(rule)?.strip_prefix('/').filter(|item| item.bytes().all(|b| b.is_ascii_digit()));
    rule == mistake || item().is_some()
}

/// A sentence about one broken keyword, and the old API's word for it. Never says what was sent: it may be long or secret.
fn describe(kind: &ValidationErrorKind) -> (&'static str, String) {
    match kind {
        ValidationErrorKind::Type { kind } => {
            let mut types: Vec<&str> = match kind {
                TypeKind::Single(one) => vec![one.as_str()],
                TypeKind::Multiple(several) => several.iter().map(jsonschema::JsonType::as_str).collect(),
            };
            types.sort_unstable_by_key(|name| *name == "null");
            let names: Vec<_> = types.iter().map(|name| with_article(name)).collect();
            (type_error(types.iter().copied().find(|name| *name != "null")), format!("must be {}", names.join(" or ")))
        }
        // All that has such a rule is an object without members.
        ValidationErrorKind::FalseSchema => (UNKNOWN, "must be an empty object".into()),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            ("enum", format!("must be one of: {}", options.join(", ")))
        }
        ValidationErrorKind::MinLength { limit: 1 } => ("string_too_short", "must not be empty".into()),
        ValidationErrorKind::MinLength { limit } => {
            ("string_too_short", format!("must have at least {limit} characters"))
        }
        ValidationErrorKind::MaxLength { limit } => {
            ("string_too_long", format!("must have at most {limit} characters"))
        }
        ValidationErrorKind::Minimum { limit } => ("greater_than_equal", format!("must be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => ("less_than_equal", format!("must be at most {limit}")),
        ValidationErrorKind::MinProperties { limit: 1 } => ("too_short", "must have at least 1 member".into()),
        ValidationErrorKind::MinProperties { limit } => ("too_short", format!("must have at least {limit} members")),
        ValidationErrorKind::MaxProperties { limit } => ("too_long", format!("must have at most {limit} members")),
        ValidationErrorKind::MinItems { limit } => ("too_short", format!("must have at least {limit} items")),
        ValidationErrorKind::MaxItems { limit } => ("too_long", format!("must have at most {limit} items")),
        ValidationErrorKind::Pattern { pattern } => {
            ("string_pattern_mismatch", format!("must match the pattern {pattern}"))
        }
        ValidationErrorKind::Format { format } if format == "uuid" => {
            ("uuid_parsing", "must be a UUID, like 0190c0de-0000-7000-8000-000000000000".into())
        }
        ValidationErrorKind::Format { format } if format == "date-time" => {
            ("datetime_parsing", "must be a date and time, like 2026-01-31T12:00:00Z".into())
        }
        other => ("value_error", format!("breaks the rule '{}'", other.keyword())),
    }
}

fn with_article(name: &str) -> String {
    match name {
        "null" => "null".to_owned(),
        "array" | "integer" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    }
}

fn type_error(name: Option<&str>) -> &'static str {
    match name {
        Some("string") => "string_type",
        Some("integer") => "int_type",
        Some("number") => "float_type",
        Some("boolean") => "bool_type",
        Some("array") => "list_type",
        Some("object") => "dict_type",
        _ => "type_error",
    }
}

/// What is the same in two spellings, as the schema tells: `5.0` for an integer, and another case where case is ignored.
fn normalise(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            let (known, others) = (schema.get("properties"), schema.get("additionalProperties"));
            for (name, member) in members {
                if let Some(schema) = known.and_then(|known| known.get(name)).or(others) {
                    normalise(schema, member);
                }
            }
        }
        Value::Number(number) if allows(schema, "integer") && !allows(schema, "number") => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *value = whole.into();
            }
        }
        Value::String(text) if schema.get("x-ignore-case") == Some(&Value::Bool(true)) => {
            *text = text.to_ascii_lowercase();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
}

fn whole(number: f64) -> Option<i64> {
    /// Beyond it, not every integer is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the number is whole and within ±2^53")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// Whether a schema allows a type, as far as it says so in `type`.
pub(super) fn allows(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

/// Removes a member of an object.
fn remove(value: &mut Value, pointer: &str) {
    let Some((object, name)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(members)) = value.pointer_mut(object) {
        members.remove(&name.replace("~1", "/").replace("~0", "~"));
    }
}

/// A segment of a JSON Pointer (RFC 6901).
pub(super) fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// garde's paths are dotted; the members of our types have no dots in their names.
fn pointer(path: &garde::Path) -> String {
    let dotted = path.to_string();
    dotted.split(['.', '[']).filter(|s| !s.is_empty()).fold(String::new(), |p, s| p + "/" + s.trim_end_matches(']'))
}
