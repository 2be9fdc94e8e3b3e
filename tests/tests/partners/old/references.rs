//! References in `input_mapping` and in the collections of loops: contract 5.2 and 5.3.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// What references look into.
pub(crate) struct Scope<'a> {
    pub(crate) input: &'a Value,
    pub(crate) outputs: &'a HashMap<String, Value>,
    pub(crate) iteration: Option<&'a Iteration>,
}

/// Where a loop is.
pub(crate) struct Iteration {
    pub(crate) item: Value,
    pub(crate) index: usize,
    pub(crate) total: usize,
}

/// The step's input, or the text of the failure.
pub(crate) fn resolve(mapping: &Value, scope: &Scope<'_>) -> Result<Map<String, Value>, String> {
    let Some(mapping) = mapping.as_object() else {
        return Err("'NoneType' object has no attribute 'items'".to_owned());
    };
    let mut resolved = Map::new();
    for (field, value) in mapping {
        let text = value.as_str().expect("an accepted plan has texts only");
        resolved.insert(field.clone(), resolve_text(field, text, scope)?);
    }
    Ok(resolved)
}

fn resolve_text(field: &str, text: &str, scope: &Scope<'_>) -> Result<Value, String> {
    let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|inner| !inner.contains('}'));
    if let Some(reference) = whole.filter(|inner| !inner.is_empty()) {
        return look_up(field, reference, scope);
    }
    let (mut spliced, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        spliced.push_str(before);
        match after.split_once('}') {
            Some((reference, after)) if !reference.is_empty() => {
                let value = look_up(field, reference, scope)?;
                let text = value.as_str().ok_or_else(|| {
                    format!("Cannot substitute non-string value for '{reference}' in field '{field}'.")
                })?;
                spliced.push_str(text);
                rest = after;
            }
            _ => {
                spliced.push_str("${");
                rest = after;
            }
        }
    }
    Ok(Value::String(spliced + rest))
}

/// The list that a loop goes over: the third part of the reference is one key, dots and all.
pub(crate) fn collection(text: &str, scope: &Scope<'_>) -> Result<Vec<Value>, String> {
    let fail = |why: &str| format!("Failed to resolve loop collection: {why}");
    let reference = text.strip_prefix("${").and_then(|rest| rest.split_once('}')).map(|(reference, _)| reference);
    let parts: Vec<&str> = reference.ok_or_else(|| fail("no reference"))?.splitn(3, '.').collect();
    let [first, second, key] = parts[..] else { return Err(fail("Invalid reference")) };
    let root = match (first, second) {
        ("workflow", "input") => Some(scope.input),
        (step, "output") => scope.outputs.get(step),
        _ => None,
    };
    let list = root.and_then(|root| root.get(key)).ok_or_else(|| fail("not found"))?;
    list.as_array().cloned().ok_or_else(|| fail("not a list"))
}

fn look_up(field: &str, reference: &str, scope: &Scope<'_>) -> Result<Value, String> {
    let fail = |why: String| format!("Cannot resolve '${{{reference}}}' in field '{field}': {why}");
    let parts: Vec<&str> = reference.split('.').collect();
    if let ["loop", variable, ..] = parts[..] {
        // Whatever follows is ignored.
        let iteration = scope.iteration.ok_or_else(|| fail("Not in a loop context".to_owned()))?;
        return match variable {
            "item" => Ok(iteration.item.clone()),
            "index" => Ok(iteration.index.into()),
            "total" => Ok(iteration.total.into()),
            "is_first" => Ok((iteration.index == 0).into()),
            "is_last" => Ok((iteration.index + 1 == iteration.total).into()),
            _ => Err(fail("Invalid reference".to_owned())),
        };
    }
    let [first, second, path @ ..] = parts.as_slice() else { return Err(fail("Invalid reference".to_owned())) };
    let mut value = match (*first, *second) {
        _ if path.is_empty() => return Err(fail("Invalid reference".to_owned())),
        ("workflow", "input") => scope.input,
        (step, "output") => scope
            .outputs
            .get(step)
            .ok_or_else(|| fail(format!("Step '{step}' has not been executed or has no output")))?,
        _ => return Err(fail("Invalid reference".to_owned())),
    };
    for member in path {
        let object = value.as_object().ok_or_else(|| fail(format!("'{member}' is not a dictionary")))?;
        value = object.get(*member).ok_or_else(|| fail(format!("Field '{member}' not found")))?;
    }
    Ok(value.clone())
}
