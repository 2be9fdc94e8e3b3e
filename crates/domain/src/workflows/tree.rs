//! The places at which the steps of a document stand: a tree of sequences and blocks, laid flat.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    document::WorkflowDocument,
    findings::Findings,
    follow_up::FollowUp,
    limits::{MAX_AT_ONCE, MAX_NESTING, MAX_PATH, MAX_PLACES},
    plan::{AgentWork, Block, BlockKind, Branch, Choice, ForkJoin, Loop, Plan, PlanStep, StepIndex, Work},
    steps::{AgentContent, Content},
    visibility::Bindings,
    work::{CheckWork, ChildWork, WaitWork},
};
use crate::{
    agents::AgentName,
    ids::{PlanHash, StepId, StepPath},
    ports::Schema,
};

/// A document as a tree.
pub(super) struct Tree<'a> {
    /// Blocks stand before what is in them; the end of the document is the last.
    pub(super) places: Vec<Place<'a>>,
    pub(super) document: &'a WorkflowDocument,
}

/// A place of a step.
pub(super) struct Place<'a> {
    pub(super) key: &'a str,
    pub(super) id: &'a StepId,
    pub(super) content: &'a Content,
    /// The path, with `[]` for iterations.
    pub(super) path: String,
    /// The block around it and the sequence therein; none at the top level.
    pub(super) around: Option<(usize, usize)>,
    /// The position in its sequence.
    pub(super) position: usize,
    pub(super) next: Option<usize>,
    /// The sequences in it, by the first and the last place of each.
    pub(super) sequences: Vec<(usize, usize)>,
}

/// What a document says about its runs as a whole.
pub(super) struct RunDeclarations {
    pub(super) input_schema: Option<Arc<dyn Schema>>,
    pub(super) timeout_seconds: Option<u32>,
    pub(super) retry_budget: Option<u32>,
    pub(super) follow_ups: Vec<FollowUp>,
}

struct Grower<'a, 'f> {
    contents: &'a BTreeMap<String, (StepId, Content)>,
    findings: &'f mut Findings,
    places: Vec<Place<'a>>,
    /// The blocks around the place that is made.
    trail: Vec<&'a str>,
    /// Whether it was said that there are too many places.
    full: bool,
}

/// Lays a document out; none where it has no beginning.
pub(super) fn grow<'a>(
    document: &'a WorkflowDocument,
    contents: &'a BTreeMap<String, (StepId, Content)>,
    end: &'a (StepId, Content),
    findings: &mut Findings,
) -> Option<Tree<'a>> {
    let mut main = Vec::new();
    let mut seen = HashSet::new();
    let mut at = document.steps.get_key_value(&document.start_step);
    while let Some((key, step)) = at.filter(|(key, _)| seen.insert(key.as_str())) {
        main.push(key.as_str());
        at = step.next_step.as_ref().and_then(|next| document.steps.get_key_value(next));
    }
    let mut grower = Grower { contents, findings, places: Vec::new(), trail: Vec::new(), full: false };
    grower.sequence(&main, None, "");
    let mut places = grower.places;
    if places.is_empty() {
        return None;
    }
    places.push(Place {
        key: "",
        id: &end.0,
        content: &end.1,
        path: String::new(),
        around: None,
        position: main.len(),
        next: None,
        sequences: Vec::new(),
    });
    Some(Tree { places, document })
}

impl<'a> Grower<'a, '_> {
    /// Adds the steps of a sequence with all that is in them; answers the first and the last place.
    fn sequence(&mut self, keys: &[&'a str], around: Option<(usize, usize)>, prefix: &str) -> Option<(usize, usize)> {
        let mut ends: Option<(usize, usize)> = None;
        for (position, key) in keys.iter().enumerate() {
            // What has no sound content has been reported.
            let Some((id, content)) = self.contents.get(*key).map(|(id, content)| (id, content)) else { continue };
            if self.trail.contains(key) {
                let cycle: Vec<&str> = self.trail.iter().copied().chain([*key]).collect();
                let message = format!("the blocks contain each other: {}", cycle.join(" -> "));
                self.findings.error(&["steps", self.trail.last().unwrap_or(key)], "block_in_itself", message);
                continue;
            }
            if self.full || self.places.len() >= MAX_PLACES {
                self.too_many();
                return None;
            }
            let here = self.places.len();
            let path = format!("{prefix}{id}");
            if path.chars().count() > MAX_PATH {
                let message = format!("the path of step '{key}' is longer than {MAX_PATH} characters; use shorter ids");
                self.findings.error(&["steps", key], "path_too_long", message);
                return None;
            }
            self.places.push(Place {
                key,
                id,
                content,
                path: path.clone(),
                around,
                position,
                next: None,
                sequences: Vec::new(),
            });
            if let Some((_, last)) = ends {
                self.places[last].next = Some(here);
            }
            ends = Some((ends.map_or(here, |(first, _)| first), here));
            self.inside(key, content, here, &path);
        }
        ends
    }

    fn too_many(&mut self) {
        if !std::mem::replace(&mut self.full, true) {
            let message = format!("blocks that share steps make more than {MAX_PLACES} places of them");
            self.findings.error(&["steps"], "too_many_places", message);
        }
    }

    fn inside(&mut self, key: &'a str, content: &'a Content, here: usize, path: &str) {
        let sequences: Vec<Vec<&'a str>> = match content {
            Content::Agent(_)
            | Content::Delay(_)
            | Content::Child { .. }
            | Content::Wait { .. }
            | Content::Validate { .. }
            | Content::End(_) => return,
            Content::Parallel { members, .. } => members.iter().map(|member| vec![member.as_str()]).collect(),
            Content::Conditional { then, otherwise, .. } => {
                then.iter().chain(otherwise).map(|side| vec![side.as_str()]).collect()
            }
            Content::Loop(content) => vec![content.body.iter().map(String::as_str).collect()],
            Content::ForkJoin { branches, .. } => {
                branches.iter().map(|branch| branch.steps.iter().map(String::as_str).collect()).collect()
            }
        };
        if self.trail.len() == MAX_NESTING {
            let message = format!("blocks are nested deeper than {MAX_NESTING} levels");
            self.findings.error(&["steps", key], "nested_too_deep", message);
            return;
        }
        self.trail.push(key);
        for (number, keys) in sequences.iter().enumerate() {
            let prefix =
                if matches!(content, Content::Loop(_)) { format!("{path}[]/") } else { format!("{path}.{number}/") };
            if let Some(ends) = self.sequence(keys, Some((here, number)), &prefix) {
                self.places[here].sequences.push(ends);
            }
        }
        self.trail.pop();
    }
}

impl<'a> Tree<'a> {
    /// The steps that stand anywhere.
    pub(super) fn keys(&self) -> HashSet<&'a str> {
        self.places.iter().map(|place| place.key).collect()
    }

    /// The position of the top-level step around a place.
    pub(super) fn root(&self, mut place: usize) -> usize {
        while let Some((around, _)) = self.places[place].around {
            place = around;
        }
        self.places[place].position
    }

    /// None for a tree without its end, which nobody makes.
    pub(super) fn into_plan(
        self,
        hash: PlanHash,
        name: String,
        bindings: Bindings,
        declared: RunDeclarations,
    ) -> Option<Plan> {
        let roots: Vec<usize> = (0..self.places.len()).map(|place| self.root(place)).collect();
        let mut visible = bindings.visible;
        let mut steps: Vec<PlanStep> = Vec::with_capacity(self.places.len());
        // What a step does without others is the same at all of its places, and may be large: it is made once.
        let mut shared: HashMap<&str, Work> = HashMap::new();
        for (number, place) in self.places.iter().enumerate() {
            let work = match shared.get(place.key) {
                Some(work) => work.clone(),
                None => work(place),
            };
            if !matches!(work, Work::Block(_)) {
                shared.entry(place.key).or_insert_with(|| work.clone());
            }
            steps.push(PlanStep {
                id: place.id.clone(),
                place: place.path.as_str().into(),
                next: place.next.map(index),
                work,
                visible: visible.remove(&number).unwrap_or_default(),
                output_is_read: bindings.readers.contains_key(&number),
                is_read_outside: bindings.readers.get(&number).is_some_and(|readers| {
                    let block = place.around.map(|(block, _)| block);
                    readers.iter().any(|reader| block.is_some_and(|block| !self.is_inside(*reader, block)))
                }),
                releases: Vec::new(),
                root: u32::try_from(roots[number]).unwrap_or(u32::MAX),
                last_reader: bindings.readers.get(&number).and_then(|readers| {
                    readers.iter().map(|reader| u32::try_from(roots[*reader]).unwrap_or(u32::MAX)).max()
                }),
            });
        }
        let end = steps.pop()?;
        results_are_read(&mut steps);
        release(&mut steps);
        let by_place = steps.iter().enumerate().map(|(number, step)| (step.place.clone(), index(number))).collect();
        let RunDeclarations { input_schema, timeout_seconds, retry_budget, follow_ups } = declared;
        Some(Plan { hash, name, input_schema, timeout_seconds, retry_budget, follow_ups, steps, by_place, end })
    }

    fn is_inside(&self, mut place: usize, block: usize) -> bool {
        while let Some((around, _)) = self.places[place].around {
            if around == block {
                return true;
            }
            place = around;
        }
        false
    }
}

fn index(number: usize) -> StepIndex {
    StepIndex(u32::try_from(number).unwrap_or(u32::MAX))
}

fn work(place: &Place<'_>) -> Work {
    let firsts: Vec<StepIndex> = place.sequences.iter().map(|(first, _)| index(*first)).collect();
    let last = |number: usize| index(place.sequences.get(number).map_or(0, |(_, last)| *last));
    let (kind, at_once, timeout_seconds) = match place.content {
        Content::Agent(AgentContent { agent, input, retry, timeout_seconds }) => {
            return Work::Agent(Arc::new(AgentWork {
                agent: agent.clone(),
                retry: retry.clone(),
                timeout_seconds: *timeout_seconds,
                input: input.clone(),
            }));
        }
        Content::Delay(delay) => return Work::Delay(Arc::new(delay.clone())),
        Content::Child { target, timeout_seconds, performer, input } => {
            let (target, performer, input) = (target.clone(), performer.clone(), input.clone());
            return Work::Child(Arc::new(ChildWork { target, timeout_seconds: *timeout_seconds, performer, input }));
        }
        Content::Wait { event, correlation, filter, timeout_seconds, goes_on } => {
            return Work::Wait(Arc::new(WaitWork {
                event: event.clone(),
                correlation: correlation.clone(),
                filter: filter.clone(),
                timeout_seconds: *timeout_seconds,
                goes_on: *goes_on,
            }));
        }
        Content::Validate { data, schema, assertions, is_strict } => {
            return Work::Check(Arc::new(CheckWork {
                data: data.clone(),
                schema: schema.clone(),
                assertions: assertions.clone(),
                is_strict: *is_strict,
                performer: AgentName::fixed("validate"),
            }));
        }
        Content::End(template) => return Work::End(template.clone()),
        Content::Parallel { max_parallelism, timeout_seconds, .. } => {
            (BlockKind::Parallel, max_parallelism.unwrap_or(MAX_AT_ONCE), *timeout_seconds)
        }
        Content::Conditional { condition, then, otherwise, timeout_seconds } => {
            let choice = Choice {
                condition: condition.clone(),
                then: then.as_ref().map(|_| 0),
                otherwise: otherwise.as_ref().map(|_| u32::from(then.is_some())),
            };
            (BlockKind::Conditional(choice), 1, *timeout_seconds)
        }
        Content::Loop(content) => {
            let repeated = Loop {
                collection: content.collection.clone(),
                last: last(0),
                is_parallel: content.is_parallel,
                max_iterations: content.max_iterations,
                on_error: content.on_error,
            };
            let at_once = if content.is_parallel { content.max_parallelism.unwrap_or(MAX_AT_ONCE) } else { 1 };
            (BlockKind::Loop(repeated), at_once, content.timeout_seconds)
        }
        Content::ForkJoin { branches, policy, timeout_seconds } => {
            let branches = branches.iter().enumerate().map(|(number, branch)| Branch {
                name: branch.name.clone(),
                last: last(number),
                timeout_seconds: branch.timeout_seconds,
            });
            let fork = ForkJoin { branches: branches.collect(), policy: *policy };
            (BlockKind::ForkJoin(fork), MAX_AT_ONCE, *timeout_seconds)
        }
    };
    Work::Block(Block { kind, sequences: firsts, at_once, timeout_seconds })
}

/// Where the output of a block is looked into, the results of the steps that make it are.
fn results_are_read(steps: &mut [PlanStep]) {
    for number in 0..steps.len() {
        let step = &steps[number];
        let Some(block) = step.block().filter(|_| step.output_is_read) else { continue };
        let results: Vec<StepIndex> = match &block.kind {
            BlockKind::Parallel | BlockKind::Conditional(_) => block.sequences.clone(),
            BlockKind::Loop(repeated) => vec![repeated.last],
            BlockKind::ForkJoin(fork) => fork.branches.iter().map(|branch| branch.last).collect(),
        };
        let last_reader = step.last_reader;
        for result in results {
            let result = &mut steps[result.of()];
            result.output_is_read = true;
            result.last_reader = result.last_reader.max(last_reader);
        }
    }
}

/// After its last reader at the top level an output is not needed any more. What is inside of loops goes with the loop.
fn release(steps: &mut [PlanStep]) {
    let mut top_level = HashMap::new();
    for (number, step) in steps.iter().enumerate() {
        if !step.place.contains('/') {
            top_level.insert(step.root, number);
        }
    }
    for number in 0..steps.len() {
        let step = &steps[number];
        let Some(reader) = step.last_reader.filter(|_| !step.place.contains('[')) else { continue };
        let Ok(path) = StepPath::parse(&step.place) else { continue };
        if let Some(reader) = top_level.get(&reader).filter(|reader| **reader != number) {
            steps[*reader].releases.push(path);
        }
    }
}
