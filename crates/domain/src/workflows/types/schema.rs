//! What a JSON Schema says about where the members and elements of a value are and what they are.
//!
//! `type`, `properties`, `required`, `additionalProperties`, `patternProperties`, `items`, `prefixItems`, local `$ref`,
//! `anyOf`, `oneOf` and `allOf` are read. Every other keyword only narrows what fits, so to leave it out never makes
//! something impossible that is possible. What a schema means is not decided here: the port `Schemas` does that.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::kinds::Kinds;

/// How many schemas are read to find out what one of them allows; the rest may be anything.
const FUEL: u32 = 200;

/// The most alternatives that are told apart; more of them may be anything.
pub(super) const MAX_CASES: usize = 32;

/// The most schemas that are taken together; what fits more of them fits these.
const MAX_TOGETHER: usize = 16;

/// A schema within the document that its references are relative to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    root: &'a Value,
    at: &'a Value,
}

/// What one schema says about a member or an element.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    /// It fits this schema, if it is there.
    Fits(Node<'a>),
    /// It cannot be there.
    Never,
    /// Others are declared and this one is not, but it may be there.
    Undeclared,
    /// It may be declared in a way that is not read here.
    Unknown,
    /// Nothing.
    Silence,
}

impl<'a> Node<'a> {
    /// A whole schema. None where parts of it have an identity or a dialect of their own: references then lead elsewhere, and
    /// keywords mean something else.
    pub(super) fn new(schema: &'a Value) -> Option<Self> {
        let members = schema.as_object().into_iter().flatten();
        let is_one = members.into_iter().all(|(_, member)| !has_identity_inside(member));
        is_one.then_some(Self { root: schema, at: schema })
    }

    fn inside(self, at: &'a Value) -> Self {
        Self { at, ..self }
    }

    /// What fits the schema fits all schemas of at least one of these alternatives.
    pub(super) fn cases(self) -> Vec<Vec<Self>> {
        self.cases_within(&mut { FUEL })
    }

    fn cases_within(self, fuel: &mut u32) -> Vec<Vec<Self>> {
        let anything = vec![Vec::new()];
        let Some(left) = fuel.checked_sub(1) else { return anything };
        *fuel = left;
        let members = match self.at {
            Value::Bool(false) => return Vec::new(),
            Value::Object(members) => members,
            _ => return anything,
        };
        // Older drafts ignore what stands beside a reference; to ignore it always is true for all of them.
        if let Some(reference) = members.get("$ref") {
            return self.target(reference).map_or(anything, |target| target.cases_within(fuel));
        }
        let mut cases = vec![vec![self]];
        // An alternative to nothing is refused where schemas are compiled.
        for keyword in ["anyOf", "oneOf"] {
            let Some(Value::Array(choices)) = members.get(keyword) else { continue };
            let choices: Vec<_> = choices.iter().flat_map(|choice| self.inside(choice).cases_within(fuel)).collect();
            cases = together(&cases, &choices);
        }
        for part in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            cases = together(&cases, &self.inside(part).cases_within(fuel));
        }
        if cases.len() > MAX_CASES { anything } else { cases }
    }

    /// `#` and `#/…`; other references are resolved by whoever compiles the schema.
    fn target(self, reference: &Value) -> Option<Self> {
        let pointer = reference.as_str()?.strip_prefix('#').filter(|pointer| !pointer.contains('%'))?;
        self.root.pointer(pointer).map(|at| self.inside(at))
    }

    /// The kinds that it names, if it names any.
    pub(super) fn kinds(self) -> Option<Kinds> {
        Kinds::named(self.at.get("type")?)
    }

    /// Whether an object must have a member.
    pub(super) fn requires(self, key: &str) -> bool {
        self.required().any(|required| required == key)
    }

    /// The members that an object must have.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        self.at.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// The members that it declares.
    pub(super) fn declared(self) -> BTreeSet<&'a str> {
        self.properties().into_iter().flat_map(Map::keys).map(String::as_str).collect()
    }

    fn properties(self) -> Option<&'a Map<String, Value>> {
        self.at.get("properties").and_then(Value::as_object)
    }

    /// What it says about a member of an object.
    pub(super) fn member(self, key: &str) -> Part<'a> {
        if let Some(schema) = self.properties().and_then(|properties| properties.get(key)) {
            return Part::Fits(self.inside(schema));
        }
        if self.at.get("patternProperties").is_some() {
            return Part::Unknown;
        }
        match self.at.get("additionalProperties") {
            Some(Value::Bool(false)) => Part::Never,
            Some(schema @ Value::Object(_)) => Part::Fits(self.inside(schema)),
            _ if self.properties().is_some() => Part::Undeclared,
            _ => Part::Silence,
        }
    }

    /// What it says about an element of a list: the one with this number, or any.
    pub(super) fn element(self, number: Option<usize>) -> Part<'a> {
        let first = self.first_items();
        match (number.map(|number| first.get(number)), self.at.get("items")) {
            (Some(Some(schema)), _) => Part::Fits(self.inside(schema)),
            (None, _) if !first.is_empty() => Part::Unknown,
            (_, Some(Value::Bool(false))) => Part::Never,
            (_, Some(schema @ Value::Object(_))) => Part::Fits(self.inside(schema)),
            // A list of schemas is how older drafts spell `prefixItems`.
            _ => Part::Silence,
        }
    }

    /// `prefixItems`, which only the newest draft knows.
    fn first_items(self) -> &'a [Value] {
        let dialect = self.root.get("$schema").and_then(Value::as_str);
        let is_known = dialect.is_none_or(|dialect| dialect.contains("2020-12"));
        let items = self.at.get("prefixItems").and_then(Value::as_array).filter(|_| is_known);
        items.map_or(&[], Vec::as_slice)
    }
}

/// The alternatives of what fits both; no more of them than can be told apart, and one too many for the caller to see.
pub(super) fn together<'a>(some: &[Vec<Node<'a>>], others: &[Vec<Node<'a>>]) -> Vec<Vec<Node<'a>>> {
    let pairs = some.iter().flat_map(|one| others.iter().map(move |other| (one, other)));
    let joined = pairs.map(|(one, other)| one.iter().chain(other).copied().take(MAX_TOGETHER).collect());
    joined.take(MAX_CASES + 1).collect()
}

fn has_identity_inside(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let named =
                ["$id", "id", "$schema"].iter().any(|keyword| members.get(*keyword).is_some_and(Value::is_string));
            named || members.values().any(has_identity_inside)
        }
        Value::Array(items) => items.iter().any(has_identity_inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
