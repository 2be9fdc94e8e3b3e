//! References in `input_mapping`: contract 5.2.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The step's input, or the text of the failure.
pub(crate) fn resolve(
    mapping: &Value,
    input: &Value,
    outputs: &HashMap<String, Value>,
) -> Result<Map<String, Value>, String> {
    let Some(mapping) = mapping.as_object() else {
        return Err("'NoneType' object has no attribute 'items'".to_owned());
    };
    let mut resolved = Map::new();
    for (field, value) in mapping {
        let text = value.as_str().expect("an accepted plan has texts only");
        resolved.insert(field.clone(), resolve_text(field, text, input, outputs)?);
    }
    Ok(resolved)
}

fn resolve_text(field: &str, text: &str, input: &Value, outputs: &HashMap<String, Value>) -> Result<Value, String> {
    let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|inner| !inner.contains('}'));
    if let Some(reference) = whole.filter(|inner| !inner.is_empty()) {
        return look_up(field, reference, input, outputs).cloned();
    }
    let (mut spliced, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        spliced.push_str(before);
        match after.split_once('}') {
            Some((reference, after)) if !reference.is_empty() => {
                let value = look_up(field, reference, input, outputs)?;
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

fn look_up<'a>(
    field: &str,
    reference: &str,
    input: &'a Value,
    outputs: &'a HashMap<String, Value>,
) -> Result<&'a Value, String> {
    let fail = |why: String| format!("Cannot resolve '${{{reference}}}' in field '{field}': {why}");
    let parts: Vec<&str> = reference.split('.').collect();
    let [first, second, path @ ..] = parts.as_slice() else { return Err(fail("Invalid reference".to_owned())) };
    let mut value = match (*first, *second) {
        _ if path.is_empty() => return Err(fail("Invalid reference".to_owned())),
        ("workflow", "input") => input,
        (step, "output") => {
            outputs.get(step).ok_or_else(|| fail(format!("Step '{step}' has not been executed or has no output")))?
        }
        _ => return Err(fail("Invalid reference".to_owned())),
    };
    for member in path {
        let object = value.as_object().ok_or_else(|| fail(format!("'{member}' is not a dictionary")))?;
        value = object.get(*member).ok_or_else(|| fail(format!("Field '{member}' not found")))?;
    }
    Ok(value)
}
