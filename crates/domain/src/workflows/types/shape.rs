//! What may be known of a value before it is there. A shape never excludes what can be.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value;

use super::{
    kinds::Kinds,
    schema::{MAX_CASES, Node, Part, together},
};

/// What is known of a value.
#[derive(Debug, Clone)]
pub(super) enum Shape<'a> {
    /// Nothing.
    Anything,
    /// It fits all of these schemas.
    Schema(Rc<[Node<'a>]>),
    /// It is an object with these members and no others.
    Object(Rc<BTreeMap<String, Member<'a>>>),
    /// It is a list of these.
    List(Rc<Shape<'a>>),
    /// It is of one of these kinds, none of which has anything inside.
    Plain(Kinds),
    /// It is one of these.
    Either(Rc<[Shape<'a>]>),
}

/// A member of an object whose members are known.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    pub(super) shape: Shape<'a>,
    /// Whether it is always there.
    pub(super) sure: bool,
}

/// One of the alternatives of a shape.
#[derive(Debug, Clone)]
pub(super) enum Case<'a> {
    Anything,
    Schema(Vec<Node<'a>>),
    Object(Rc<BTreeMap<String, Member<'a>>>),
    List(Rc<Shape<'a>>),
    Plain(Kinds),
}

/// What a step on the way into a value finds.
pub(super) enum Found<'a> {
    /// A value of this shape.
    There(Inner<'a>),
    /// A value of its kind has the likes of it, but never this one.
    Absent,
    /// A value of its kind has nothing of the sort.
    Never,
}

/// What is inside of a value.
pub(super) struct Inner<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) declared: Declaration,
    /// Whether it is always there.
    pub(super) sure: bool,
}

/// Whether something was to be expected where it was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declaration {
    Declared,
    /// Others were, and it was not.
    Undeclared,
    /// Nothing was said.
    Unsaid,
}

impl<'a> Shape<'a> {
    /// What fits a schema.
    pub(super) fn of(schema: &'a Value) -> Self {
        Node::new(schema).map_or(Self::Anything, |node| Self::Schema(Rc::new([node])))
    }

    /// What was said about a value, if anything was.
    pub(super) fn declared(schema: Option<&'a Value>) -> Self {
        schema.map_or(Self::Anything, Self::of)
    }

    /// One of several.
    pub(super) fn either(shapes: impl IntoIterator<Item = Self>) -> Self {
        let mut shapes: Vec<Self> = shapes.into_iter().collect();
        if shapes.iter().any(|shape| matches!(shape, Self::Anything)) {
            return Self::Anything;
        }
        if shapes.len() == 1 { shapes.swap_remove(0) } else { Self::Either(shapes.into()) }
    }

    /// The same, or null.
    pub(super) fn or_null(self) -> Self {
        Self::either([self, Self::Plain(Kinds::NULL)])
    }

    /// Its alternatives; none at all for what cannot be.
    pub(super) fn cases(&self) -> Vec<Case<'a>> {
        let mut cases = Vec::new();
        self.collect(&mut cases);
        if cases.len() > MAX_CASES { vec![Case::Anything] } else { cases }
    }

    fn collect(&self, cases: &mut Vec<Case<'a>>) {
        match self {
            // It is clear already that there are too many.
            _ if cases.len() > MAX_CASES => {}
            Self::Anything => cases.push(Case::Anything),
            Self::Object(members) => cases.push(Case::Object(Rc::clone(members))),
            Self::List(elements) => cases.push(Case::List(Rc::clone(elements))),
            Self::Plain(kinds) => cases.push(Case::Plain(*kinds)),
            Self::Either(shapes) => shapes.iter().for_each(|shape| shape.collect(cases)),
            Self::Schema(nodes) => {
                let nothing_said = vec![Vec::new()];
                let all = nodes.iter().fold(nothing_said, |all, node| together(&all, &node.cases()));
                let possible = all.into_iter().map(Case::Schema).filter(|case| !case.kinds().is_empty());
                cases.extend(possible);
            }
        }
    }

    /// The kinds that it may be of.
    pub(super) fn kinds(&self) -> Kinds {
        self.cases().iter().fold(Kinds::NONE, |kinds, case| kinds.or(case.kinds()))
    }

    /// What the elements are, if it may be a list.
    pub(super) fn elements(&self) -> Option<Self> {
        let elements = self.cases().into_iter().filter_map(|case| match case.element(None) {
            Found::There(inner) => Some(inner.shape),
            // A list without elements.
            Found::Absent => Some(Self::Either(Rc::new([]))),
            Found::Never => None,
        });
        let elements: Vec<Self> = elements.collect();
        (!elements.is_empty()).then(|| Self::either(elements))
    }
}

impl<'a> Case<'a> {
    pub(super) fn kinds(&self) -> Kinds {
        match self {
            Self::Anything => Kinds::ANY,
            Self::Schema(nodes) => nodes.iter().filter_map(|node| node.kinds()).fold(Kinds::ANY, Kinds::and),
            Self::Object(_) => Kinds::OBJECT,
            Self::List(_) => Kinds::LIST,
            Self::Plain(kinds) => *kinds,
        }
    }

    /// Whether what is in such a value is always there, as far as its kind goes. Who leaves the kind out means this one.
    fn is_surely(&self, kind: Kinds) -> bool {
        self.kinds().are_all(kind) || self.kinds() == Kinds::ANY
    }

    /// A member of it.
    pub(super) fn member(&self, key: &str) -> Found<'a> {
        match self {
            Self::Anything => Found::There(Inner::unsaid()),
            Self::Schema(nodes) if self.kinds().meet(Kinds::OBJECT) => {
                let sure = self.is_surely(Kinds::OBJECT) && nodes.iter().any(|node| node.requires(key));
                inside(nodes.iter().map(|node| node.member(key)), sure)
            }
            Self::Object(members) => members.get(key).map_or(Found::Absent, |member| {
                let Member { shape, sure } = member.clone();
                Found::There(Inner { shape, declared: Declaration::Declared, sure })
            }),
            Self::Schema(_) | Self::List(_) | Self::Plain(_) => Found::Never,
        }
    }

    /// An element of it: the one with this number, or any.
    pub(super) fn element(&self, number: Option<usize>) -> Found<'a> {
        match self {
            Self::Anything => Found::There(Inner::unsaid()),
            // How long a list is, is for the run to see.
            Self::Schema(nodes) if self.kinds().meet(Kinds::LIST) => {
                inside(nodes.iter().map(|node| node.element(number)), self.is_surely(Kinds::LIST))
            }
            Self::List(elements) => {
                Found::There(Inner { shape: Shape::clone(elements), declared: Declaration::Declared, sure: true })
            }
            Self::Schema(_) | Self::Object(_) | Self::Plain(_) => Found::Never,
        }
    }

    /// The members that it must have.
    pub(super) fn required(&self) -> Vec<&'a str> {
        match self {
            Self::Schema(nodes) => nodes.iter().flat_map(|node| node.required()).collect(),
            Self::Anything | Self::Object(_) | Self::List(_) | Self::Plain(_) => Vec::new(),
        }
    }

    /// The members that it is known to have.
    pub(super) fn known(&self) -> Vec<String> {
        match self {
            Self::Schema(nodes) => nodes.iter().flat_map(|node| node.declared()).map(str::to_owned).collect(),
            Self::Object(members) => members.keys().cloned().collect(),
            Self::Anything | Self::List(_) | Self::Plain(_) => Vec::new(),
        }
    }
}

impl Inner<'_> {
    fn unsaid() -> Self {
        Self { shape: Shape::Anything, declared: Declaration::Unsaid, sure: true }
    }
}

/// What several schemas say together about the same member or element.
fn inside<'a>(parts: impl Iterator<Item = Part<'a>>, sure: bool) -> Found<'a> {
    let mut fitting = Vec::new();
    let mut declared = Declaration::Unsaid;
    let mut is_unknown = false;
    for part in parts {
        match part {
            Part::Never => return Found::Absent,
            Part::Fits(node) => fitting.push(node),
            Part::Undeclared => declared = Declaration::Undeclared,
            Part::Unknown => is_unknown = true,
            Part::Silence => {}
        }
    }
    if fitting.is_empty() {
        let declared = if is_unknown { Declaration::Unsaid } else { declared };
        return Found::There(Inner { shape: Shape::Anything, declared, sure });
    }
    let shape = Shape::Schema(fitting.into());
    if shape.cases().is_empty() {
        return Found::Absent;
    }
    Found::There(Inner { shape, declared: Declaration::Declared, sure })
}
