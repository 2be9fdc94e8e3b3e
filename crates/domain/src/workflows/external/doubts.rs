//! What the old executor takes and does otherwise than Orrery does (contract 5.4, 5.5 and 12a): a start is not refused for it,
//! because documents that live with it are run there today.

use serde_json::Value;

use crate::workflows::{
    diagnostic::{Diagnostic, Severity, pointer},
    document::{StepDocument, WorkflowDocument},
};

/// Warnings about a document that the old executor is to run.
pub fn doubtful_for_external(document: &WorkflowDocument) -> Vec<Diagnostic> {
    document.steps.iter().flat_map(|(key, step)| doubts(key, step)).collect()
}

fn doubts(key: &str, step: &StepDocument) -> Vec<Diagnostic> {
    let warn = |at: &[&str], message: String| {
        let at = pointer(["steps", key].into_iter().chain(at.iter().copied()));
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(at, "other_on_external_engine", message) }
    };
    let text = |member: &str, inner: &str| {
        step.other.get(member).and_then(|config| config.get(inner)).and_then(Value::as_str).unwrap_or_default()
    };
    match step.kind.as_deref() {
        Some("fork_join") => {
            vec![warn(&["type"], "there every fork_join step fails, after its agents were called".to_owned())]
        }
        Some("conditional") => {
            let null = references(text("condition", "expression")).filter(|raw| is_always_null(raw));
            let warnings = null.map(|raw| {
                let message =
                    format!("'${{{raw}}}' is always null there: conditions see steps whose ids begin with 'step-'");
                warn(&["condition", "expression"], message)
            });
            warnings.collect()
        }
        Some("loop") => {
            let mut found = Vec::new();
            if text("loop_config", "on_error") == "continue" {
                let message = "a loop with a failed iteration fails there, in spite of 'continue'";
                found.push(warn(&["loop_config", "on_error"], message.to_owned()));
            }
            let body =
                step.other.get("loop_config").and_then(|config| config.get("loop_body")).and_then(Value::as_array);
            if text("loop_config", "execution_mode") == "parallel" && body.is_some_and(|body| body.len() > 1) {
                let message = "in parallel, all steps of the body but the first see the last item there";
                found.push(warn(&["loop_config", "execution_mode"], message.to_owned()));
            }
            found
        }
        _ => Vec::new(),
    }
}

/// What stands between `${` and `}`.
fn references(expression: &str) -> impl Iterator<Item = &str> {
    expression.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(raw, _)| raw)
}

fn is_always_null(raw: &str) -> bool {
    let root = raw.split(['.', '[']).next().unwrap_or_default();
    root != "workflow" && !root.starts_with("step-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn warned(step: &Value) -> Vec<String> {
        let plan = json!({"start_step": "a", "steps": {"a": step}});
        let document = WorkflowDocument::read_leniently(&plan).expect("a plan");
        doubtful_for_external(&document).into_iter().map(|found| found.pointer.replace("/steps/a", "")).collect()
    }

    #[test]
    fn what_goes_otherwise_there_is_warned_of() {
        let condition =
            |text: &str| json!({"type": "conditional", "if_true_step": "b", "condition": {"expression": text}});
        for (step, expected) in [
            (json!({"type": "fork_join"}), &["/type"][..]),
            (
                condition("${fetch.output.ok} == true or ${loop.index} == 1"),
                &["/condition/expression", "/condition/expression"],
            ),
            (condition("${steps.step-1.output.ok}"), &["/condition/expression"]),
            (condition("${step-1.output.ok} and ${workflow.input.l[0]} and '${'"), &[]),
            (
                json!({"type": "loop", "loop_config": {"on_error": "continue", "execution_mode": "parallel", "loop_body": ["b", "c"]}}),
                &["/loop_config/on_error", "/loop_config/execution_mode"],
            ),
            (json!({"type": "loop", "loop_config": {"execution_mode": "parallel", "loop_body": ["b"]}}), &[]),
            (json!({"agent_name": "A"}), &[]),
        ] {
            assert_eq!(warned(&step), expected, "{step}");
        }
    }
}
