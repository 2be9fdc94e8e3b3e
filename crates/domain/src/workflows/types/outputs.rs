//! The shapes of what steps give and what loops go over: of agents as they declare it, of blocks as the language defines it
//! (docs/reference/workflow-language.md).

use std::{cell::RefCell, collections::BTreeMap, collections::HashMap, rc::Rc};

use super::{
    kinds::Kinds,
    shape::{Member, Shape},
    walk::{Effort, walk},
};
use crate::workflows::{
    declared::Declared,
    plan::{JoinPolicy, OnError},
    reference::{LoopVariable, Reference, Source},
    steps::{AgentContent, Content},
    tree::Tree,
    visibility::Bindings,
};

/// What is known of all values that references can name.
pub(super) struct Known<'t, 'a> {
    tree: &'t Tree<'a>,
    bindings: &'t Bindings,
    input: Shape<'a>,
    /// By the numbers of places.
    outputs: Vec<Shape<'a>>,
    /// Of each loop, what it goes over one by one.
    items: RefCell<HashMap<usize, Shape<'a>>>,
    pub(super) effort: Effort,
}

impl<'t, 'a> Known<'t, 'a> {
    pub(super) fn new(tree: &'t Tree<'a>, bindings: &'t Bindings, declared: &'a Declared) -> Self {
        let mut outputs = vec![Shape::Anything; tree.places.len()];
        // Blocks stand before what is in them.
        for place in (0..tree.places.len()).rev() {
            outputs[place] = output(tree, place, declared, &outputs);
        }
        let input = Shape::declared(tree.document.input_schema.as_ref());
        Self { tree, bindings, input, outputs, items: RefCell::default(), effort: Effort::default() }
    }

    /// What a reference at a place looks into; none where that has been found to be nothing.
    pub(super) fn source(&self, place: usize, reference: &Reference) -> Option<Shape<'a>> {
        match &reference.source {
            Source::Input => Some(self.input.clone()),
            Source::Output(step) => {
                let places = self.bindings.visible.get(&place)?.get(step)?;
                let shapes: Vec<_> = places.iter().map(|index| self.outputs[index.of()].clone()).collect();
                (!shapes.is_empty()).then(|| Shape::either(shapes))
            }
            // What happens, what is validated and what cannot be read is anybody's guess.
            Source::Given | Source::RunOutput | Source::Unread => Some(Shape::Anything),
            Source::Loop(LoopVariable::Item) => self.innermost(place).map(|around| self.item(around)),
            Source::Loop(LoopVariable::Index | LoopVariable::Total) => Some(Shape::Plain(Kinds::WHOLE)),
            Source::Loop(LoopVariable::IsFirst | LoopVariable::IsLast) => Some(Shape::Plain(Kinds::BOOLEAN)),
        }
    }

    /// The whole value that a reference at a place names; anything where that cannot be told.
    pub(super) fn value(&self, place: usize, reference: &Reference) -> Shape<'a> {
        let walked = self.source(place, reference).map(|source| walk(&source, &reference.path, &self.effort));
        walked.and_then(Result::ok).map_or(Shape::Anything, |arrival| arrival.shape)
    }

    fn innermost(&self, mut place: usize) -> Option<usize> {
        loop {
            place = self.tree.places[place].around?.0;
            if matches!(self.tree.places[place].content, Content::Loop(_)) {
                return Some(place);
            }
        }
    }

    fn item(&self, around: usize) -> Shape<'a> {
        if let Some(known) = self.items.borrow().get(&around) {
            return known.clone();
        }
        let Content::Loop(content) = self.tree.places[around].content else { return Shape::Anything };
        let item = self.value(around, &content.collection).elements().unwrap_or(Shape::Anything);
        self.items.borrow_mut().insert(around, item.clone());
        item
    }
}

fn output<'a>(tree: &Tree<'a>, place: usize, declared: &'a Declared, outputs: &[Shape<'a>]) -> Shape<'a> {
    let place = &tree.places[place];
    let result =
        |sequence: usize| place.sequences.get(sequence).map_or(Shape::Anything, |(_, last)| outputs[*last].clone());
    let sure = |shape| Member { shape, sure: true };
    match place.content {
        Content::Agent(AgentContent { agent, .. }) => {
            Shape::declared(declared.agent(agent).and_then(|schemas| schemas.output.as_ref()))
        }
        Content::Delay(_) => Shape::Plain(Kinds::NULL),
        Content::Child { .. } | Content::End(_) => Shape::Anything,
        Content::Wait { .. } => object([
            ("event".to_owned(), sure(Shape::Plain(Kinds::TEXT))),
            ("timed_out".to_owned(), sure(Shape::Plain(Kinds::BOOLEAN))),
            ("data".to_owned(), sure(Shape::Anything)),
        ]),
        Content::Validate { .. } => {
            let text = || sure(Shape::Plain(Kinds::TEXT));
            let error = object([("pointer".to_owned(), text()), ("message".to_owned(), text())]);
            object([
                ("valid".to_owned(), sure(Shape::Plain(Kinds::BOOLEAN))),
                ("errors".to_owned(), sure(Shape::List(Rc::new(error)))),
            ])
        }
        Content::Parallel { members, .. } => {
            object(members.iter().enumerate().map(|(number, member)| (member.clone(), sure(result(number)))))
        }
        Content::Conditional { then, otherwise, .. } => {
            let sides = then.iter().chain(otherwise).count();
            let id = if sides == 2 { Kinds::TEXT } else { Kinds::TEXT.or(Kinds::NULL) };
            let taken = Member { shape: Shape::either((0..sides).map(result)), sure: sides == 2 };
            object([
                ("condition_result".to_owned(), sure(Shape::Plain(Kinds::BOOLEAN))),
                ("branch_taken".to_owned(), sure(Shape::Plain(Kinds::TEXT))),
                ("branch_step_id".to_owned(), sure(Shape::Plain(id))),
                ("branch_output".to_owned(), taken),
            ])
        }
        Content::Loop(content) => {
            let iteration = if content.on_error == OnError::Continue { result(0).or_null() } else { result(0) };
            let count = || Shape::Plain(Kinds::WHOLE);
            object([
                ("iterations".to_owned(), sure(Shape::List(Rc::new(iteration)))),
                ("total_count".to_owned(), sure(count())),
                ("failed_count".to_owned(), Member { shape: count(), sure: false }),
            ])
        }
        Content::ForkJoin { branches, policy, .. } => object(branches.iter().enumerate().map(|(number, branch)| {
            let result = if *policy == JoinPolicy::All { result(number) } else { result(number).or_null() };
            (branch.name.to_string(), sure(result))
        })),
    }
}

fn object<'a>(members: impl IntoIterator<Item = (String, Member<'a>)>) -> Shape<'a> {
    Shape::Object(Rc::new(members.into_iter().collect::<BTreeMap<_, _>>()))
}
