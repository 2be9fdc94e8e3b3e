//! What a document must not use if the executor of the old system is to run it (contract 5.1, 5.2 and 12a).

use serde_json::Value;

use super::{
    diagnostic::{Diagnostic, pointer},
    document::WorkflowDocument,
    path::Segment,
    reference::{Source, Template},
};

/// Everything in a document that the old executor cannot run: it would drop the request, and the run would stay PENDING for
/// ever. Empty for a document that it can run.
pub fn unfit_for_external(document: &WorkflowDocument) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (key, step) in &document.steps {
        for (field, value) in step.input_mapping.iter().flatten() {
            let at = pointer(["steps", key, "input_mapping", field]);
            let Value::String(_) = value else {
                let message =
                    format!("the existing executor accepts only texts in an input_mapping, not '{field}' as it is");
                found.push(
                    Diagnostic::error(at, "not_for_external_engine", message).hint("pass the value in the run's input"),
                );
                continue;
            };
            let Ok(template) = Template::parse(value) else { continue };
            for reference in template.references() {
                if let Some(problem) = unreadable(&reference.source, &reference.path) {
                    let message = format!("the existing executor cannot read '${{{}}}': {problem}", reference.raw);
                    found.push(Diagnostic::error(at.clone(), "not_for_external_engine", message));
                }
            }
        }
    }
    found
}

fn unreadable(source: &Source, path: &[Segment]) -> Option<&'static str> {
    match source {
        Source::Input | Source::Output(_) if path.is_empty() => Some("it names no member"),
        Source::Input | Source::Output(_) => {
            path.iter().any(|segment| !matches!(segment, Segment::Key(_))).then_some("it looks into an array")
        }
        Source::Given => Some("it knows no filters and assertions"),
        Source::Loop(_) => (!path.is_empty()).then_some("it looks into the loop's item"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unfit(mapping: &Value) -> Vec<String> {
        let plan = json!({"start_step": "a", "steps": {"a": {"agent_name": "A", "input_mapping": mapping}}});
        let document = WorkflowDocument::read_leniently(&plan).expect("a plan");
        unfit_for_external(&document).into_iter().map(|found| found.pointer).collect()
    }

    #[test]
    fn what_the_old_executor_would_drop_is_named_with_its_place() {
        let mapping = json!({
            "number": 1, "nested": {"a": "b"}, "whole": "${workflow.input}", "index": "see ${a.output.list[0]}",
            "fine": "${workflow.input.a.b}", "text": "plain",
        });
        let mut places = unfit(&mapping);
        places.sort();
        let expected = ["index", "nested", "number", "whole"].map(|field| format!("/steps/a/input_mapping/{field}"));
        assert_eq!(places, expected);
    }

    #[test]
    fn a_document_of_the_old_system_is_fit() {
        assert_eq!(unfit(&json!({"source": "${workflow.input.src}"})), [""; 0]);
    }
}
