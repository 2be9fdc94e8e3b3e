//! Which outputs the references of a step can see (contract 5.2), and what is wrong with those that see none.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::{
    condition::Condition,
    document::WorkflowDocument,
    findings::Findings,
    limits::MAX_LOOKUPS,
    plan::{JoinPolicy, StepIndex},
    reference::{Reference, Source, Template},
    steps::{AgentContent, Content},
    tree::{Place, Tree},
};
use crate::ids::StepId;

/// What references look into, by the numbers of places.
#[derive(Default)]
pub(super) struct Bindings {
    /// For each place and each step that it refers to: where the output may be, the likeliest first.
    pub(super) visible: HashMap<usize, BTreeMap<StepId, Vec<StepIndex>>>,
    /// For each place: who looks into its output.
    pub(super) readers: HashMap<usize, BTreeSet<usize>>,
    /// Whether there are too many references to be looked up.
    pub(super) is_cut: bool,
}

/// Finds what every reference looks into.
pub(super) fn bind(tree: &Tree<'_>, findings: &mut Findings) -> Bindings {
    let mut binder = Binder {
        tree,
        by_key: HashMap::new(),
        bindings: Bindings::default(),
        chains: Vec::with_capacity(tree.places.len()),
        said: BTreeSet::new(),
        lookups: 0,
    };
    for (number, place) in tree.places.iter().enumerate() {
        // Blocks stand before what is in them.
        let around = place.around.map(|around| [&binder.chains[around.0][..], &[around]].concat());
        binder.chains.push(around.unwrap_or_default());
        binder.by_key.entry(place.key).or_default().push(number);
    }
    for number in 0..tree.places.len() {
        binder.place(number, findings);
        // Blocks that share steps multiply their references, by the places of who refers and of what is referred to.
        if binder.lookups > MAX_LOOKUPS {
            let message = format!("blocks that share steps make more than {MAX_LOOKUPS} lookups of references");
            findings.error(&["steps"], "too_many_references", message);
            binder.bindings.is_cut = true;
            break;
        }
    }
    binder.end();
    binder.bindings
}

/// What is wrong with the references of steps that have no place in the tree. Nobody knows what they would see there; only
/// whether what they name exists at all.
pub(super) fn unplaced(
    document: &WorkflowDocument,
    contents: &BTreeMap<String, (StepId, Content)>,
    placed: &HashSet<&str>,
    findings: &mut Findings,
) {
    for (key, step) in document.steps.iter().filter(|(key, _)| !placed.contains(key.as_str())) {
        if let Some((_, content)) = contents.get(key) {
            exist(document, key, references(content), findings);
        } else {
            let read = |(field, value): (&String, &Value)| (field.clone(), Template::parse_readable(value).0);
            let input: Vec<(String, Template)> = step.input_mapping.iter().flatten().map(read).collect();
            exist(document, key, mapped(&input), findings);
        }
    }
}

/// Whether the steps that a step refers to are there.
fn exist(
    document: &WorkflowDocument,
    key: &str,
    references: Vec<(Vec<String>, &Reference, bool)>,
    findings: &mut Findings,
) {
    for (at, reference, _) in references {
        let Source::Output(step) = &reference.source else { continue };
        if !document.steps.contains_key(step.as_str()) {
            findings.refuse(&pointer(key, &at), "unknown_step", no_such_step(&reference.raw, step));
            findings.hint_at_step(step.as_str(), document);
        }
    }
}

fn no_such_step(raw: &str, step: &StepId) -> String {
    format!("'${{{raw}}}' refers to step '{step}', which does not exist")
}

struct Binder<'t, 'a> {
    tree: &'t Tree<'a>,
    by_key: HashMap<&'a str, Vec<usize>>,
    bindings: Bindings,
    /// The blocks around each place, the outermost first, with the sequence in each.
    chains: Vec<Vec<(usize, usize)>>,
    /// A step at several places is reported once.
    said: BTreeSet<(&'a str, Vec<String>, String)>,
    /// How often references have been looked up.
    lookups: usize,
}

/// How a place stands to another one that refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    /// It has ended before.
    Before { may_be_skipped: bool, may_have_failed: bool },
    /// It runs at the same time and is seen as soon as it has ended.
    Beside,
    /// It runs at the same time and is never seen.
    Hidden,
    /// It belongs to the other side of a condition.
    Excluded,
    /// It is inside of a loop, and the reference outside.
    InLoop,
    /// It runs later.
    Later,
    /// It is the step itself, or a block around it.
    Itself,
}

impl<'a> Binder<'_, 'a> {
    /// Without a template the run's output is the last step's. That of a block has to be asked for: it may be large.
    fn end(&mut self) {
        let Some(end) = self.tree.places.len().checked_sub(1) else { return };
        let last = |place: &Place<'_>| place.around.is_none() && place.position + 1 == self.tree.places[end].position;
        let is_asked = matches!(self.tree.places[end].content, Content::End(None));
        if let Some(last) = self.tree.places.iter().position(last).filter(|last| is_asked && self.has_row(*last)) {
            self.bindings.readers.entry(last).or_default().insert(end);
        }
    }

    /// Whether the place's output is kept in a row of its own.
    fn has_row(&self, place: usize) -> bool {
        matches!(
            self.tree.places[place].content,
            Content::Agent(_) | Content::Child { .. } | Content::Wait { .. } | Content::Validate { .. }
        )
    }

    fn place(&mut self, number: usize, findings: &mut Findings) {
        let place = &self.tree.places[number];
        for (at, reference, is_condition) in references(place.content) {
            self.lookups += 1;
            match &reference.source {
                Source::Input | Source::Unread => {}
                Source::Given if asks_about_something(place, &at) => {}
                Source::Given => {
                    let message = format!("'${{{}}}' stands outside of a filter and of assertions", reference.raw);
                    self.refuse(place.key, &at, "reference_outside_filter", &reference.raw, message, findings);
                }
                Source::RunOutput => {
                    let message = format!("'${{{}}}' stands outside of on_complete", reference.raw);
                    self.refuse(place.key, &at, "reference_outside_on_complete", &reference.raw, message, findings);
                }
                Source::Loop(_) => {
                    let looped = self.chains[number].iter().any(|(around, _)| self.is_loop(*around));
                    if !looped {
                        let message = format!("'${{{}}}' stands outside of any loop", reference.raw);
                        self.refuse(place.key, &at, "reference_outside_loop", &reference.raw, message, findings);
                    }
                }
                Source::Output(step) => self.output(number, &at, reference, step, is_condition, findings),
            }
        }
    }

    fn output(
        &mut self,
        number: usize,
        at: &[String],
        reference: &Reference,
        step: &StepId,
        is_condition: bool,
        findings: &mut Findings,
    ) {
        let key = self.tree.places[number].key;
        let places = self.by_key.get(step.as_str()).cloned().unwrap_or_default();
        self.lookups += places.len();
        let mut found: Vec<(usize, usize, usize)> = Vec::new();
        let mut relations = BTreeSet::new();
        for place in places {
            let (relation, depth, position) = self.relation(number, place);
            relations.insert(relation);
            if matches!(relation, Relation::Before { .. } | Relation::Beside) {
                found.push((depth, position, place));
            }
        }
        // The innermost sequence first, and in it the step that ran last.
        found.sort_unstable_by(|a, b| b.cmp(a));
        for (_, _, place) in &found {
            self.bindings.readers.entry(*place).or_default().insert(number);
        }
        let visible = found.iter().map(|(_, _, place)| StepIndex(u32::try_from(*place).unwrap_or(u32::MAX))).collect();
        self.bindings.visible.entry(number).or_default().insert(step.clone(), visible);
        let raw = &reference.raw;
        let Some(best) = relations.first() else {
            // A step that is never reached has been reported as such.
            if self.tree.document.steps.contains_key(step.as_str()) {
                return;
            }
            if self.refuse(key, at, "unknown_step", raw, no_such_step(raw, step), findings) {
                findings.hint_at_step(step.as_str(), self.tree.document);
            }
            return;
        };
        let (code, message, hint) = match best {
            Relation::Before { may_be_skipped: false, may_have_failed: false } => return,
            // In a condition it is null then, which can be asked for.
            Relation::Before { .. } | Relation::Beside if is_condition => return,
            Relation::Before { may_be_skipped, .. } => {
                let why = if *may_be_skipped { "may have been skipped" } else { "may have failed" };
                let message = format!("'${{{raw}}}' in {} refers to a step that {why}; then this fails", who(key));
                let code = if *may_be_skipped { "may_be_skipped" } else { "may_have_failed" };
                self.warn(key, at, code, raw, message, findings);
                return;
            }
            Relation::Beside => {
                let message =
                    format!("'${{{raw}}}' in {} refers to another branch, which may not have come so far", who(key));
                self.warn(key, at, "reference_to_other_branch", raw, message, findings);
                return;
            }
            Relation::Hidden => (
                "reference_to_concurrent_step",
                "a step that runs at the same time; its output cannot be there yet",
                "refer to a step that runs before, or let one follow the other",
            ),
            Relation::Excluded => (
                "reference_to_other_side",
                "the other side of a condition; only one of both is executed",
                "refer to a step that runs before the condition",
            ),
            Relation::InLoop => (
                "reference_into_loop",
                "a step inside of a loop, which has an output for each iteration",
                "refer to the output of the loop: its 'iterations' hold them all",
            ),
            Relation::Later => (
                "reference_to_later_step",
                "a step that runs later; its output cannot be there yet",
                "refer to the workflow's input or to a step that runs before",
            ),
            Relation::Itself => (
                "reference_to_later_step",
                "itself; its output cannot be there yet",
                "refer to the workflow's input or to a step that runs before",
            ),
        };
        let message = format!("'${{{raw}}}' in {} refers to {message}", who(key));
        if self.refuse(key, at, code, raw, message, findings) {
            findings.hint(hint);
        }
    }

    /// How `place` stands to `reader`, how deep the sequence lies that both have in common, and where `place` lies in it.
    fn relation(&self, reader: usize, place: usize) -> (Relation, usize, usize) {
        if reader == place {
            return (Relation::Itself, 0, 0);
        }
        let (of_reader, of_place) = (&self.chains[reader], &self.chains[place]);
        let common = of_reader.iter().zip(of_place).take_while(|(one, other)| one == other).count();
        // The steps of the common sequence, or of two sequences of one block, in which both lie.
        let reader_here = of_reader.get(common).map_or(reader, |(block, _)| *block);
        let place_here = of_place.get(common).map_or(place, |(block, _)| *block);
        if reader_here == place_here {
            // One lies in the other, or both in different sequences of the same block.
            let (Some(_), Some(_)) = (of_reader.get(common), of_place.get(common)) else {
                return (Relation::Itself, common, 0);
            };
            let relation = match self.tree.places[place_here].content {
                Content::ForkJoin { .. } if self.through(&of_place[common + 1..]).is_some() => Relation::Beside,
                Content::Conditional { .. } => Relation::Excluded,
                _ => Relation::Hidden,
            };
            return (relation, common, 0);
        }
        let position = self.tree.places[place_here].position;
        if position > self.tree.places[reader_here].position {
            return (Relation::Later, common, position);
        }
        match self.through(&of_place[common..]) {
            None => (Relation::InLoop, common, position),
            Some((may_be_skipped, may_have_failed)) => {
                (Relation::Before { may_be_skipped, may_have_failed }, common, position)
            }
        }
    }

    /// Whether an output is seen from outside of these blocks; and if so, whether it may have been skipped or have failed.
    fn through(&self, blocks: &[(usize, usize)]) -> Option<(bool, bool)> {
        let (mut skipped, mut failed) = (false, false);
        for (block, _) in blocks {
            match self.tree.places[*block].content {
                Content::Loop(_) => return None,
                Content::Conditional { .. } => skipped = true,
                Content::ForkJoin { policy, .. } => failed |= *policy != JoinPolicy::All,
                Content::Parallel { .. }
                | Content::Agent(_)
                | Content::Delay(_)
                | Content::Child { .. }
                | Content::Wait { .. }
                | Content::Validate { .. }
                | Content::End(_) => {}
            }
        }
        Some((skipped, failed))
    }

    fn is_loop(&self, place: usize) -> bool {
        matches!(self.tree.places[place].content, Content::Loop(_))
    }

    /// Answers whether it was said for the first time.
    fn refuse(
        &mut self,
        key: &'a str,
        at: &[String],
        code: &'static str,
        raw: &str,
        message: String,
        findings: &mut Findings,
    ) -> bool {
        let is_new = self.said.insert((key, at.to_vec(), format!("{code} {raw}")));
        if is_new {
            findings.refuse(&pointer(key, at), code, message);
        }
        is_new
    }

    fn warn(
        &mut self,
        key: &'a str,
        at: &[String],
        code: &'static str,
        raw: &str,
        message: String,
        findings: &mut Findings,
    ) {
        if self.said.insert((key, at.to_vec(), format!("{code} {raw}"))) {
            findings.warn(&pointer(key, at), code, message);
        }
    }
}

fn pointer<'p>(key: &'p str, at: &'p [String]) -> Vec<&'p str> {
    let of_step = if key.is_empty() { Vec::new() } else { vec!["steps", key] };
    of_step.into_iter().chain(at.iter().map(String::as_str)).collect()
}

/// The step that a message is about, or the end of the document.
fn who(key: &str) -> String {
    if key.is_empty() { "the workflow's output".to_owned() } else { format!("step '{key}'") }
}

/// Whether a reference stands where `event` or `data` has a meaning.
fn asks_about_something(place: &Place<'_>, at: &[String]) -> bool {
    let is_named = |name: &str| at.iter().any(|part| part == name);
    match place.content {
        Content::Wait { .. } => is_named("filter"),
        Content::Validate { .. } => is_named("assertions"),
        _ => false,
    }
}

fn mapped(input: &[(String, Template)]) -> Vec<(Vec<String>, &Reference, bool)> {
    let mut found = Vec::new();
    for (field, template) in input {
        let at = vec!["input_mapping".to_owned(), field.clone()];
        found.extend(template.references().into_iter().map(|reference| (at.clone(), reference, false)));
    }
    found
}

/// The references of a step, with the places at which they stand, and whether a condition asks.
fn references(content: &Content) -> Vec<(Vec<String>, &Reference, bool)> {
    let at = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
    match content {
        Content::Agent(AgentContent { input, .. }) | Content::Child { input, .. } => mapped(input),
        Content::Conditional { condition, .. } => {
            let references = condition.iter().flat_map(Condition::references);
            references.map(|r| (at(&["condition", "expression"]), r, true)).collect()
        }
        Content::Loop(content) => vec![(at(&["loop_config", "collection"]), &*content.collection, false)],
        Content::Delay(delay) => {
            let (name, template) = delay.template();
            template.references().into_iter().map(|r| (at(&["delay_config", name]), r, false)).collect()
        }
        Content::Wait { correlation, filter, .. } => {
            let correlation = correlation.iter().flat_map(Template::references);
            let correlation = correlation.map(|r| (at(&["event_config", "correlation"]), r, false));
            let filter = filter.iter().flat_map(Condition::references);
            correlation.chain(filter.map(|r| (at(&["event_config", "filter"]), r, true))).collect()
        }
        Content::Validate { data, assertions, .. } => {
            let data = data.references().into_iter().map(|r| (at(&["validate_config", "data"]), r, false));
            let asserted = assertions.iter().enumerate().flat_map(|(number, assertion)| {
                let at = at(&["validate_config", "assertions", &number.to_string()]);
                assertion.condition.references().into_iter().map(move |r| (at.clone(), r, true))
            });
            data.chain(asserted).collect()
        }
        Content::End(template) => {
            template.iter().flat_map(Template::references).map(|r| (at(&["output"]), r, false)).collect()
        }
        Content::Parallel { .. } | Content::ForkJoin { .. } => Vec::new(),
    }
}
