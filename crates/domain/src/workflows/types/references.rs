//! Every reference of a document: whether its way can be gone, and whether what it leads to can be used where it stands.

use std::collections::BTreeSet;

use super::{
    kinds::Kinds,
    mapping,
    outputs::Known,
    walk::{Arrival, DeadEnd, walk},
};
use crate::{
    ports::Schemas,
    workflows::{
        condition::Condition,
        declared::Declared,
        findings::Findings,
        path::Segment,
        plan::Delay,
        reference::{Piece, Reference, Template},
        steps::{AgentContent, Content},
        tree::Tree,
        visibility::Bindings,
    },
};

/// Checks every reference of a document.
pub(in crate::workflows) fn check(
    tree: &Tree<'_>,
    bindings: &Bindings,
    declared: &Declared,
    schemas: &dyn Schemas,
    findings: &mut Findings,
) {
    let known = Known::new(tree, bindings, declared);
    let mut checker = Checker { known: &known, findings, said: BTreeSet::new() };
    let mut mappings = mapping::Mappings::new(declared, schemas);
    for (number, place) in tree.places.iter().enumerate() {
        let mut step = Step { checker: &mut checker, number, key: place.key };
        match place.content {
            Content::Agent(AgentContent { agent, input, .. }) => {
                for (field, template) in input {
                    step.template(&["input_mapping", field], template);
                }
                mappings.check(&mut step, agent, input);
            }
            Content::Conditional { condition, .. } => {
                for reference in condition.iter().flat_map(Condition::references) {
                    step.question(&["condition", "expression"], reference);
                }
            }
            Content::Loop(content) => {
                let at = ["loop_config", "collection"];
                step.reference(&at, &content.collection);
                let needed = (Kinds::LIST, "a loop goes over a list");
                step.demand(&at, &content.collection, needed);
            }
            Content::Delay(delay) => step.delay(delay),
            Content::Child { input, .. } => {
                for (field, template) in input {
                    step.template(&["input_mapping", field], template);
                }
            }
            Content::Wait { correlation, filter, .. } => {
                if let Some(correlation) = correlation {
                    step.template(&["event_config", "correlation"], correlation);
                }
                for reference in filter.iter().flat_map(Condition::references) {
                    step.question(&["event_config", "filter"], reference);
                }
            }
            Content::Validate { data, assertions, .. } => {
                step.template(&["validate_config", "data"], data);
                for (number, assertion) in assertions.iter().enumerate() {
                    for reference in assertion.condition.references() {
                        step.question(&["validate_config", "assertions", &number.to_string()], reference);
                    }
                }
            }
            Content::End(template) => {
                if let Some(template) = template {
                    step.template(&["output"], template);
                }
            }
            Content::Parallel { .. } | Content::ForkJoin { .. } => {}
        }
    }
}

struct Checker<'c, 't, 'a> {
    known: &'c Known<'t, 'a>,
    findings: &'c mut Findings,
    /// A step at several places is reported once.
    said: BTreeSet<(Vec<String>, String)>,
}

/// The step that is being checked.
pub(super) struct Step<'s, 'c, 't, 'a> {
    checker: &'s mut Checker<'c, 't, 'a>,
    pub(super) number: usize,
    pub(super) key: &'a str,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Refusal,
    Warning,
}

impl<'a> Step<'_, '_, '_, 'a> {
    pub(super) fn known(&self) -> &Known<'_, 'a> {
        self.checker.known
    }

    /// Says something once.
    pub(super) fn say(
        &mut self,
        at: &[&str],
        weight: Weight,
        code: &'static str,
        message: String,
        hint: Option<String>,
    ) {
        let of_step: &[&str] = if self.key.is_empty() { &[] } else { &["steps", self.key] };
        let at: Vec<&str> = of_step.iter().chain(at).copied().collect();
        let place = at.iter().map(|part| (*part).to_owned()).collect();
        if !self.checker.said.insert((place, message.clone())) {
            return;
        }
        match weight {
            Weight::Refusal => self.checker.findings.refuse(&at, code, message),
            Weight::Warning => self.checker.findings.warn(&at, code, message),
        }
        if let Some(hint) = hint {
            self.checker.findings.hint(hint);
        }
    }

    /// The references in a value, and what becomes of them.
    fn template(&mut self, at: &[&str], template: &Template) {
        match template {
            Template::Literal(_) => {}
            Template::Reference(reference) => self.reference(at, reference),
            Template::Text(pieces) => {
                for piece in pieces {
                    let Piece::Reference(reference) = piece else { continue };
                    self.reference(at, reference);
                    self.demand(
                        at,
                        reference,
                        (Kinds::SPLICED, "only a text, a number or a boolean becomes a part of a text"),
                    );
                }
            }
            Template::Object(members) => {
                for (key, member) in members {
                    self.template(&[at, &[key]].concat(), member);
                }
            }
            Template::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.template(&[at, &[&number.to_string()]].concat(), item);
                }
            }
        }
    }

    /// The way of a reference.
    fn reference(&mut self, at: &[&str], reference: &Reference) {
        let Some(source) = self.known().source(self.number, reference) else { return };
        match walk(&source, &reference.path, &self.known().effort) {
            Ok(Arrival { undeclared, unsure, .. }) => self.doubts(at, reference, undeclared, unsure),
            Err(end) => self.dead_end(at, reference, &end, Weight::Refusal),
        }
    }

    /// The same in a condition, where what is not there is null, which can be asked for.
    fn question(&mut self, at: &[&str], reference: &Reference) {
        let Some(source) = self.known().source(self.number, reference) else { return };
        if let Err(end) = walk(&source, &reference.path, &self.known().effort) {
            self.dead_end(at, reference, &end, Weight::Warning);
        }
    }

    fn doubts(&mut self, at: &[&str], reference: &Reference, undeclared: Option<usize>, unsure: Option<usize>) {
        let raw = &reference.raw;
        if let Some(name) = undeclared.and_then(|number| reference.path.get(number)).map(told) {
            let message =
                format!("'${{{raw}}}' refers to {name}, which is not declared; if it is missing, this step fails");
            let hint = "declare it in the schema, or mend the name".to_owned();
            self.say(at, Weight::Warning, "undeclared_member", message, Some(hint));
        } else if let Some(name) = unsure.and_then(|number| reference.path.get(number)).map(told) {
            let message =
                format!("'${{{raw}}}' refers to {name}, which need not be there; if it is missing, this step fails");
            let hint = "make it required in the schema, or ask for it in a condition before".to_owned();
            self.say(at, Weight::Warning, "may_be_missing", message, Some(hint));
        }
    }

    fn dead_end(&mut self, at: &[&str], reference: &Reference, end: &DeadEnd, weight: Weight) {
        let raw = &reference.raw;
        let (DeadEnd::Kind(number, _) | DeadEnd::Member(number, _)) = end;
        let name = reference.path.get(*number).map(told).unwrap_or_default();
        let (code, message, hint) = match end {
            DeadEnd::Kind(_, kinds) => {
                let message = format!("'${{{raw}}}' refers to {name} of what can only be {kinds}");
                ("type_mismatch", message, None)
            }
            DeadEnd::Member(_, known) => {
                let hint = (!known.is_empty()).then(|| format!("the members are {}", known.join(", ")));
                ("unknown_member", format!("'${{{raw}}}' refers to {name}, which cannot be there"), hint)
            }
        };
        self.say(at, weight, code, message, hint);
    }

    /// What a reference names must be of one of these kinds.
    fn demand(&mut self, at: &[&str], reference: &Reference, (needed, why): (Kinds, &str)) {
        let kinds = self.known().value(self.number, reference).kinds();
        if !kinds.is_empty() && !kinds.meet(needed) {
            let message = format!("'${{{}}}' can only be {kinds}, and {why}", reference.raw);
            self.say(at, Weight::Refusal, "type_mismatch", message, None);
        }
    }

    fn delay(&mut self, delay: &Delay) {
        let (name, template) = delay.template();
        let at = ["delay_config", name];
        self.template(&at, template);
        let needed = match delay {
            Delay::Seconds(_) => (Kinds::NUMBER, "'seconds' must be a number"),
            Delay::Until(_) => (Kinds::TEXT, "'until' must be a text"),
        };
        match template {
            Template::Reference(reference) => self.demand(&at, reference, needed),
            // Without references it has been looked at already.
            Template::Literal(_) => {}
            Template::Text(_) | Template::Object(_) | Template::Array(_) => {
                let kinds = mapping::kinds(template, self.number, self.known());
                if !kinds.meet(needed.0) {
                    self.say(&at, Weight::Refusal, "type_mismatch", format!("this is {kinds}, and {}", needed.1), None);
                }
            }
        }
    }
}

/// A segment in words.
fn told(segment: &Segment) -> String {
    match segment {
        Segment::Key(key) => format!("the member '{key}'"),
        Segment::Index(index) => format!("the element {index}"),
        Segment::Slice(_) => "elements".to_owned(),
    }
}
