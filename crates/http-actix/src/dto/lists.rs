//! Lists: what is asked for and the envelope of what is answered (contract 1.5).

use domain::page::{Cursor, Page, PageRequest, SortOrder, Total};
use garde::{Path, Report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cursor::{self, Mark, NoCursor, Places};
use crate::api::Moment;

/// The default of `page_size`.
pub(crate) fn twenty() -> u32 {
    20
}

/// A query of a list that is read page by page: by their numbers, or each with the cursor of the one before.
pub(crate) trait ListQuery: Serialize {
    /// The list's name in its cursors.
    const LIST: &'static str;

    /// What its places are made of, sorted as it is asked for.
    fn places(&self) -> Places;

    /// Which page is asked for.
    fn which(&self) -> Which<'_>;

    /// What the schemas cannot say about pages.
    fn check_page(&self, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let Which { cursor, page, .. } = self.which();
        if cursor.is_some() && page.is_some() {
            report.append(parent().join("cursor"), garde::Error::new("must not come together with page"));
        }
        if let Some(Err(wrong)) = cursor.map(|text| self.read(text)) {
            report.append(parent().join("cursor"), garde::Error::new(wrong.to_string()));
        }
    }

    /// The page that is asked for; the bounds stand in the schemas.
    fn page(&self) -> PageRequest {
        let Which { cursor, page, page_size } = self.which();
        let asked = match cursor {
            Some(text) => self.read(text).ok().and_then(|cursor| PageRequest::after(cursor, page_size)),
            None => PageRequest::new(page.unwrap_or(1), page_size),
        };
        asked.expect("the schema of the query keeps the bounds of pages, and its check found the cursor right")
    }

    /// A page as it was asked for.
    fn view<T, D: Into<T>>(&self, found: Page<D>) -> PageView<T> {
        let next_cursor = found.next.as_ref().map(|next| cursor::encode(self.mark(), next));
        PageView::new(found, &self.page(), next_cursor)
    }

    #[doc(hidden)]
    fn read(&self, text: &str) -> Result<Cursor, NoCursor> {
        cursor::decode(self.mark(), self.places(), text)
    }

    /// Of everything that must not change from page to page. Members that are absent leave no trace, so that a later release can
    /// have more of them.
    #[doc(hidden)]
    fn mark(&self) -> Mark {
        let mut asked = serde_json::to_value(self).expect("a query is made of texts and numbers");
        if let Some(members) = asked.as_object_mut() {
            members.retain(|name, value| !PAGES.contains(&name.as_str()) && !is_absent(value));
        }
        Mark::new(Self::LIST, &asked.to_string())
    }
}

const _: () = assert!(cursor::LONGEST == 2800, "the schemas say so");

/// The members that say which page is asked for.
const PAGES: [&str; 3] = ["cursor", "page", "page_size"];

fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Which page of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which<'a> {
    pub(crate) cursor: Option<&'a str>,
    pub(crate) page: Option<u32>,
    pub(crate) page_size: u32,
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

/// The default direction of lists that are sorted by name.
pub(crate) fn ascending() -> Direction {
    Direction::Asc
}

/// A page of a list. One that was asked for by a cursor tells no total, number and pages.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(crate) struct PageView<T> {
    /// The items of this page.
    pub(crate) items: Vec<T>,
    /// How many items the whole list has; exact up to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
    /// Present where the total is an estimate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) total_is_estimate: bool,
    /// The number of this page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<u32>,
    /// How many items a page holds.
    pub(crate) page_size: u32,
    /// How many pages the whole list has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_pages: Option<u64>,
    /// Send it as `cursor`, with the same filter and sorting, to read the page that follows; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

impl<T> PageView<T> {
    fn new<D: Into<T>>(found: Page<D>, asked: &PageRequest, next_cursor: Option<String>) -> Self {
        let total = found.total.map(Total::count);
        Self {
            items: found.items.into_iter().map(Into::into).collect(),
            total,
            total_is_estimate: found.total.is_some_and(Total::is_estimate),
            page: asked.number(),
            page_size: asked.size(),
            total_pages: total.map(|total| total.div_ceil(u64::from(asked.size()))),
            next_cursor,
        }
    }
}
