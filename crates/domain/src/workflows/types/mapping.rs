//! What is sent to an agent against its `input_schema`, as far as that can be told before there are values.

use std::{collections::BTreeSet, collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    kinds::Kinds,
    outputs::Known,
    references::{Step, Weight},
    shape::{Case, Found, Shape},
};
use crate::{
    agents::AgentName,
    ports::{Schema, Schemas},
    workflows::{declared::Declared, reference::Template},
};

/// The mappings of a document, and the schemas of the agents that they are for.
pub(super) struct Mappings<'a> {
    declared: &'a Declared,
    schemas: &'a dyn Schemas,
    /// What looks at single members, by agents.
    members: HashMap<&'a AgentName, Option<Arc<dyn Schema>>>,
}

impl<'a> Mappings<'a> {
    pub(super) fn new(declared: &'a Declared, schemas: &'a dyn Schemas) -> Self {
        Self { declared, schemas, members: HashMap::new() }
    }

    pub(super) fn check(
        &mut self,
        step: &mut Step<'_, '_, '_, 'a>,
        agent: &'a AgentName,
        input: &[(String, Template)],
    ) {
        let Some(schema) = self.declared.agent(agent).and_then(|schemas| schemas.input.as_ref()) else { return };
        let wanted = Shape::of(schema);
        if !wanted.kinds().meet(Kinds::OBJECT) {
            let message = format!("agent '{agent}' takes {}, and what a step sends is an object", wanted.kinds());
            step.say(&["input_mapping"], Weight::Refusal, "type_mismatch", message, None);
            return;
        }
        self.literals(step, agent, schema, input);
        required(step, agent, &wanted, input);
        for (field, template) in input {
            let at = ["input_mapping", field];
            match member(&wanted, field) {
                None => excluded(step, &at, agent, field, &wanted),
                // Literals have been looked at as a whole.
                Some(_) if matches!(template, Template::Literal(_)) => {}
                Some(wanted) => fit(step, &at, agent, template, &wanted),
            }
        }
    }

    /// Literals against the schemas of their members.
    fn literals(
        &mut self,
        step: &mut Step<'_, '_, '_, 'a>,
        agent: &'a AgentName,
        schema: &Value,
        input: &[(String, Template)],
    ) {
        let literals: Map<String, Value> = input
            .iter()
            .filter_map(|(field, template)| match template {
                Template::Literal(value) => Some((field.clone(), value.clone())),
                _ => None,
            })
            .collect();
        if literals.is_empty() {
            return;
        }
        let schemas = self.schemas;
        let members = self.members.entry(agent).or_insert_with(|| schemas.compile(&only_members(schema)?).ok());
        let violations = members.as_ref().map(|members| members.violations(&Value::Object(literals)));
        for violation in violations.unwrap_or_default() {
            let inside: Vec<String> =
                violation.pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
            let at: Vec<&str> = ["input_mapping"].into_iter().chain(inside.iter().map(String::as_str)).collect();
            let message = format!("agent '{agent}' does not take this: {}", violation.message);
            step.say(&at, Weight::Refusal, "invalid_literal", message, None);
        }
    }
}

/// A schema that says of single members what this one says, and of the object nothing: literals are looked at without the
/// members that are not known yet. None where parts of it may mean something else without the rest.
fn only_members(schema: &Value) -> Option<Value> {
    let whole = schema.as_object().filter(|whole| !whole.contains_key("$ref") && !refers_elsewhere(schema))?;
    let kept = ["$schema", "$id", "$defs", "definitions", "properties"];
    let kept = whole.iter().filter(|(keyword, _)| kept.contains(&keyword.as_str()));
    let members: Map<String, Value> = kept.map(|(keyword, value)| (keyword.clone(), value.clone())).collect();
    members.contains_key("properties").then_some(Value::Object(members))
}

/// Whether anything refers to more than a part of the schema by its place.
fn refers_elsewhere(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(keyword, member)| {
            let is_reference = keyword.starts_with('$') && keyword.to_lowercase().ends_with("ref");
            let is_inside = member.as_str().is_some_and(|target| target.starts_with("#/"));
            (is_reference && !(keyword == "$ref" && is_inside)) || refers_elsewhere(member)
        }),
        Value::Array(items) => items.iter().any(refers_elsewhere),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What is required whichever alternative is meant, and not sent.
fn required(step: &mut Step<'_, '_, '_, '_>, agent: &AgentName, wanted: &Shape<'_>, input: &[(String, Template)]) {
    let cases = wanted.cases().into_iter().filter(|case| case.kinds().meet(Kinds::OBJECT));
    let sets = cases.map(|case| case.required().into_iter().collect::<BTreeSet<&str>>());
    let everywhere = sets.reduce(|some, others| &some & &others).unwrap_or_default();
    for key in everywhere.into_iter().filter(|key| input.iter().all(|(field, _)| field != key)) {
        let message = format!("agent '{agent}' needs the member '{key}', which step '{}' does not send", step.key);
        let hint = format!("add '{key}' to the input_mapping");
        step.say(&["input_mapping"], Weight::Refusal, "required_input_missing", message, Some(hint));
    }
}

/// What a member may be; none if it cannot be there.
fn member<'a>(wanted: &Shape<'a>, key: &str) -> Option<Shape<'a>> {
    inside(wanted.cases().iter().map(|case| case.member(key)))
}

fn element<'a>(wanted: &Shape<'a>, number: usize) -> Option<Shape<'a>> {
    inside(wanted.cases().iter().map(|case| case.element(Some(number))))
}

fn inside<'a>(found: impl Iterator<Item = Found<'a>>) -> Option<Shape<'a>> {
    let there = found.filter_map(|found| match found {
        Found::There(inner) => Some(inner.shape),
        Found::Absent | Found::Never => None,
    });
    let there: Vec<_> = there.collect();
    (!there.is_empty()).then(|| Shape::either(there))
}

/// Whether a value can be what is wanted.
fn fit(step: &mut Step<'_, '_, '_, '_>, at: &[&str], agent: &AgentName, template: &Template, wanted: &Shape<'_>) {
    let is = kinds(template, step.number, step.known());
    if !is.is_empty() && !is.meet(wanted.kinds()) {
        let message = format!("this can only be {is}, and agent '{agent}' takes {}", wanted.kinds());
        step.say(at, Weight::Refusal, "type_mismatch", message, None);
        return;
    }
    match template {
        Template::Object(members) => {
            for (key, template) in members {
                let at = [at, &[key]].concat();
                match member(wanted, key) {
                    None => excluded(step, &at, agent, key, wanted),
                    Some(wanted) => fit(step, &at, agent, template, &wanted),
                }
            }
        }
        Template::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                if let Some(wanted) = element(wanted, number) {
                    fit(step, &[at, &[&number.to_string()]].concat(), agent, item, &wanted);
                }
            }
        }
        Template::Literal(_) | Template::Reference(_) | Template::Text(_) => {}
    }
}

fn excluded(step: &mut Step<'_, '_, '_, '_>, at: &[&str], agent: &AgentName, key: &str, wanted: &Shape<'_>) {
    let known: Vec<String> = wanted.cases().iter().flat_map(Case::known).collect();
    let hint = (!known.is_empty()).then(|| format!("the members are {}", known.join(", ")));
    let message = format!("agent '{agent}' takes no member '{key}' here");
    step.say(at, Weight::Refusal, "unknown_member", message, hint);
}

/// The kinds of value that a template can give at a place.
pub(super) fn kinds(template: &Template, place: usize, known: &Known<'_, '_>) -> Kinds {
    match template {
        Template::Literal(value) => Kinds::of(value),
        Template::Reference(reference) => known.value(place, reference).kinds(),
        Template::Text(_) => Kinds::TEXT,
        Template::Object(_) => Kinds::OBJECT,
        Template::Array(_) => Kinds::LIST,
    }
}
