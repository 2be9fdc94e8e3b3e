//! The way of a reference through a shape.

use std::cell::Cell;

use super::{
    kinds::Kinds,
    shape::{Case, Declaration, Found, Shape},
};
use crate::workflows::path::Segment;

/// How much work may go into the types of one document. Nobody writes schemas that need it by accident.
const EFFORT: usize = 2_000_000;

/// What is left of the work; when nothing is, everything may be anything.
pub(super) struct Effort(Cell<usize>);

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(EFFORT))
    }
}

impl Effort {
    fn spend(&self, cases: &[Case<'_>]) -> bool {
        let work = cases.iter().map(|case| if let Case::Schema(nodes) = case { 1 + nodes.len() } else { 1 }).sum();
        let left = self.0.get().checked_sub(work);
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// Where a reference leads.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub(super) shape: Shape<'a>,
    /// The first segment that was not declared where others were.
    pub(super) undeclared: Option<usize>,
    /// The first segment that need not be there.
    pub(super) unsure: Option<usize>,
}

/// Why a reference leads nowhere.
#[derive(Debug)]
pub(super) enum DeadEnd {
    /// At this segment there is something of these kinds, which has nothing of the sort inside.
    Kind(usize, Kinds),
    /// What this segment names is never there, but these are.
    Member(usize, Vec<String>),
}

/// Goes as far as the path does.
pub(super) fn walk<'a>(from: &Shape<'a>, path: &[Segment], effort: &Effort) -> Result<Arrival<'a>, DeadEnd> {
    let mut at = Arrival { shape: from.clone(), undeclared: None, unsure: None };
    for (number, segment) in path.iter().enumerate() {
        let cases = at.shape.cases();
        // What comes first of several elements, or of what is no list at all, could be told; nobody has asked for it.
        if matches!(segment, Segment::Slice(_)) || !effort.spend(&cases) {
            return Ok(Arrival { shape: Shape::Anything, ..at });
        }
        let found = cases.iter().map(|case| step(case, segment));
        let (mut there, mut is_everywhere, mut is_of_kind) = (Vec::new(), true, false);
        for found in found {
            match found {
                Found::There(inner) => there.push(inner),
                Found::Absent => (is_everywhere, is_of_kind) = (false, true),
                Found::Never => is_everywhere = false,
            }
        }
        if there.is_empty() {
            let kinds = at.shape.kinds();
            let known = cases.iter().flat_map(Case::known).collect();
            let is_of_kind = is_of_kind || kinds.is_empty();
            return Err(if is_of_kind { DeadEnd::Member(number, known) } else { DeadEnd::Kind(number, kinds) });
        }
        let is_said = there.iter().all(|inner| inner.declared != Declaration::Unsaid);
        if there.iter().all(|inner| inner.declared == Declaration::Undeclared) {
            at.undeclared = at.undeclared.or(Some(number));
        } else if is_said && !(is_everywhere && there.iter().all(|inner| inner.sure)) {
            at.unsure = at.unsure.or(Some(number));
        }
        at.shape = Shape::either(there.into_iter().map(|inner| inner.shape));
    }
    Ok(at)
}

fn step<'a>(case: &Case<'a>, segment: &Segment) -> Found<'a> {
    match segment {
        Segment::Key(key) => case.member(key),
        // From the end, it may be any.
        Segment::Index(index) => case.element(usize::try_from(*index).ok()),
        Segment::Slice(_) => Found::Never,
    }
}
