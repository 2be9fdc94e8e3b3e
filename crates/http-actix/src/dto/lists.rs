//! Lists: what is asked for and the envelope of what is answered (contract 1.5).

use domain::page::{Page, PageRequest, SortOrder};
use garde::{Path, Report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Moment;

/// The defaults of `page` and `page_size`.
pub(crate) fn first() -> u32 {
    1
}
pub(crate) fn twenty() -> u32 {
    20
}

/// The page that was asked for; the bounds stand in the schemas.
pub(crate) fn page(number: u32, size: u32) -> PageRequest {
    PageRequest::new(number, size).expect("the schema of the query keeps the bounds of pages")
}

/// Times from which and until when something is looked for; nothing can be found in between if they are exchanged.
pub(crate) fn check_range(
    [from, until]: [&'static str; 2],
    after: Option<Moment>,
    before: Option<Moment>,
    parent: &mut dyn FnMut() -> Path,
    report: &mut Report,
) {
    if let (Some(after), Some(before)) = (after, before)
        && before.0 < after.0
    {
        report.append(parent().join(until), garde::Error::new(format!("must not be before {from}")));
    }
}

/// The direction of a sorted list.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("x-ignore-case" = true))]
pub(crate) enum Direction {
    Asc,
    #[default]
    Desc,
}

impl From<Direction> for SortOrder {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Asc => Self::Ascending,
            Direction::Desc => Self::Descending,
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(crate) struct PageView<T> {
    /// The items of this page.
    pub(crate) items: Vec<T>,
    /// How many items the whole list has; exact up to 10,000.
    pub(crate) total: u64,
    /// Present where the total is an estimate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) total_is_estimate: bool,
    /// The number of this page, from 1.
    pub(crate) page: u32,
    /// How many items a page holds.
    pub(crate) page_size: u32,
    /// How many pages the whole list has.
    pub(crate) total_pages: u64,
}

impl<T> PageView<T> {
    /// A page as it was asked for.
    pub(crate) fn new<D: Into<T>>(found: Page<D>, asked: PageRequest) -> Self {
        let total = found.total.count();
        Self {
            items: found.items.into_iter().map(Into::into).collect(),
            total,
            total_is_estimate: found.total.is_estimate(),
            page: asked.number(),
            page_size: asked.size(),
            total_pages: total.div_ceil(u64::from(asked.size())),
        }
    }
}
