//! Parameters in the path and in the query, each as one struct.
//!
//! Mistakes point into the part of the request that they are in: `"in": "query", "pointer": "/page"` is `?page=`.

use std::collections::BTreeSet;

use actix_web::{FromRequest, web};
use aide::openapi::{
    Parameter, ParameterData, ParameterSchemaOrContent, PathStyle, QueryStyle, ReferenceOr, SchemaObject,
};
use serde_json::{Map, Number, Value, map::Entry};

use super::{
    input::{Draft, Incoming, Input},
    schema::{self, Checked, Contract, allows},
};
use crate::problem::{Code, Mistake, Part, Problem};

/// The parameters of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: Checked> Input for Path<T> {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        // The framework decodes segments as a list only.
        let segments = web::Path::<Vec<String>>::extract(&from.request).await;
        let segments = segments.map_err(|e| Problem::internal(e.to_string()))?.into_inner();
        let names: Vec<_> = from.request.match_info().iter().map(|(name, _)| name.to_owned()).collect();
        Ok(from.settle(read(Part::Path, names.into_iter().zip(segments))).map(Path))
    }

    fn describe(draft: &mut Draft<'_>) {
        for parameter_data in parameters::<T>() {
            let style = PathStyle::Simple;
            draft.operation.parameters.push(ReferenceOr::Item(Parameter::Path { parameter_data, style }));
        }
        draft.problems.insert(Code::ValidationFailed);
    }
}

/// The parameters of the query. A parameter without a value counts as absent, unless its schema says that it must not be empty, or
/// that it is a list.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: Checked> Input for Query<T> {
    async fn read(from: &mut Incoming) -> Result<Option<Self>, Problem> {
        from.takes_query = true;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(from.request.query_string());
        let unreadable = |_| vec![Mistake::new(Part::Query, "", "value_error", "cannot be read as name=value pairs")];
        let (most, contract) = (from.limits.query_parameters, Contract::of::<T>());
        let given = pairs.map_err(unreadable).and_then(|pairs| match pairs.into_inner() {
            pairs if pairs.len() > most => {
                let message = format!("has {} parameters, and at most {most} are taken", pairs.len());
                Err(vec![Mistake::new(Part::Query, "", "too_long", message)])
            }
            // A filter that must not be empty would find everything if it were left out.
            pairs => Ok(pairs.into_iter().filter(|(name, value)| !value.is_empty() || is_never_empty(&contract, name))),
        });
        Ok(from.settle(given.and_then(|given| read(Part::Query, given))).map(Query))
    }

    fn describe(draft: &mut Draft<'_>) {
        for parameter_data in parameters::<T>() {
            draft.operation.parameters.push(ReferenceOr::Item(Parameter::Query {
                parameter_data,
                allow_reserved: false,
                style: QueryStyle::Form,
                allow_empty_value: None,
            }));
        }
        draft.problems.insert(Code::ValidationFailed);
    }
}

fn read<T: Checked>(part: Part, given: impl IntoIterator<Item = (String, String)>) -> Result<T, Vec<Mistake>> {
    let contract = Contract::of::<T>();
    let (mut members, mut mistakes) = (Map::new(), Vec::new());
    for (name, text) in given {
        let pointer = format!("/{}", schema::escape(&name));
        if name.contains('\0') || text.contains('\0') {
            let message = "contains the character U+0000, which cannot be stored";
            mistakes.push(Mistake::new(part, pointer.clone(), "value_error", message));
        }
        let value = typed(contract.member(&name), text);
        match (members.entry(name), value) {
            (Entry::Vacant(place), value) => {
                place.insert(value);
            }
            // A list may come in pieces, as most libraries send it.
            (Entry::Occupied(mut place), Value::Array(more)) if place.get().is_array() => {
                place.get_mut().as_array_mut().into_iter().for_each(|items| items.extend(more.iter().cloned()));
            }
            (Entry::Occupied(mut place), value) => {
                place.insert(value);
                mistakes.push(Mistake::new(part, pointer, "value_error", "is given more than once"));
            }
        }
    }
    match contract.read(part, Value::Object(members)) {
        Ok(read) if mistakes.is_empty() => Ok(read),
        read => {
            mistakes.extend(read.err().unwrap_or_default());
            Err(mistakes)
        }
    }
}

fn is_never_empty(contract: &Contract, name: &str) -> bool {
    let Some(schema) = contract.member(name) else { return false };
    allows(schema, "array") || schema.get("minLength").and_then(Value::as_u64).is_some_and(|least| least > 0)
}

/// All values are texts; those that should be numbers or truth values and are become such, and those that should be lists are
/// divided at their commas. The schema refuses the others.
fn typed(schema: Option<&Value>, text: String) -> Value {
    if let Some(schema) = schema.filter(|schema| allows(schema, "array")) {
        return text.split(',').map(|item| typed(schema.get("items"), item.to_owned())).collect();
    }
    let number = || text.parse::<i64>().ok().map(Number::from).or_else(|| Number::from_f64(text.parse().ok()?));
    match schema {
        Some(schema) if allows(schema, "integer") || allows(schema, "number") => match number() {
            Some(number) => Value::Number(number),
            None => Value::String(text),
        },
        Some(schema) if allows(schema, "boolean") => match text.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::String(text),
        },
        _ => Value::String(text),
    }
}

/// A parameter may be absent, but it has no way to be null.
fn never_null(schema: &mut Value) {
    if let Some(Value::Array(options)) = schema.get_mut("enum") {
        options.retain(|option| !option.is_null());
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
}

/// What is said about every list: OpenAPI can describe one of the two ways only.
const PIECES: &str = " Several are divided by commas, or the parameter is repeated.";

/// The mistakes of a query where none is taken.
pub(super) fn none_taken(query: &str) -> Result<(), Vec<Mistake>> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map(web::Query::into_inner);
    let unknown = |name: &str| {
        let pointer = format!("/{}", schema::escape(name));
        Mistake::new(Part::Query, pointer, schema::UNKNOWN, "unknown parameter").hint("no parameters are known here")
    };
    let names: BTreeSet<String> = pairs.unwrap_or_default().into_iter().map(|(name, _)| name).collect();
    let mistakes: Vec<Mistake> = names.iter().map(|name| unknown(name)).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

#[expect(clippy::default_trait_access, reason = "the maps' crate is not one of ours")]
fn parameters<T: Checked>() -> Vec<ParameterData> {
    let mut root = schema::inlined().into_generator().into_root_schema_for::<T>();
    let required = root.get("required").cloned().unwrap_or_default();
    let Some(Value::Object(members)) = root.remove("properties") else { return Vec::new() };
    let describe = |(name, mut schema): (String, Value)| {
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        never_null(&mut schema);
        let is_list = allows(&schema, "array");
        let description = description.and_then(|text| Some(text.as_str()?.to_owned()));
        let example = schema.get("examples").and_then(|examples| examples.get(0)).cloned();
        ParameterData {
            required: required.as_array().is_some_and(|required| required.contains(&Value::from(name.as_str()))),
            description: if is_list { description.map(|text| text + PIECES) } else { description },
            deprecated: schema.get("deprecated").and_then(Value::as_bool),
            format: ParameterSchemaOrContent::Schema(SchemaObject {
                json_schema: schema.try_into().expect("schemars makes schemas"),
                example: None,
                external_docs: None,
            }),
            name,
            example,
            examples: Default::default(),
            // At commas, as they are divided above.
            explode: is_list.then_some(false),
            extensions: Default::default(),
        }
    };
    members.into_iter().map(describe).collect()
}
