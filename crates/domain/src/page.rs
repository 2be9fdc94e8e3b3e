//! Pages of lists: what a caller asks for and what a store answers.
//!
//! A page by its number is counted from the beginning, so it costs more the later it is and shifts when items are added. One that
//! follows a [`Cursor`] does neither.

use crate::Timestamp;

/// The largest page that may be asked for.
pub const MAX_PAGE_SIZE: u32 = 100;

/// Totals are exact up to this number; above it a store may estimate.
pub const EXACT_TOTAL: u64 = 10_000;

/// Which page of a list is wanted: one by its number, from 1, or the one that follows a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    begin: Begin,
    size: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Begin {
    Number(u32),
    Start,
    After(Cursor),
}

impl PageRequest {
    /// A page of a list, or `None` where the number is 0 or the size is outside 1..=100.
    pub fn new(number: u32, size: u32) -> Option<Self> {
        (number >= 1).then_some(Begin::Number(number)).and_then(|begin| Self::sized(begin, size))
    }

    /// The first page without a total, for whoever reads a list to its end; `None` where the size is outside 1..=100.
    pub fn first(size: u32) -> Option<Self> {
        Self::sized(Begin::Start, size)
    }

    /// The page that follows a place, or `None` where the size is outside 1..=100.
    pub fn after(cursor: Cursor, size: u32) -> Option<Self> {
        Self::sized(Begin::After(cursor), size)
    }

    fn sized(begin: Begin, size: u32) -> Option<Self> {
        (1..=MAX_PAGE_SIZE).contains(&size).then_some(Self { begin, size })
    }

    /// The page's number, from 1; none where it was not asked for by one.
    pub fn number(&self) -> Option<u32> {
        match self.begin {
            Begin::Number(number) => Some(number),
            Begin::Start | Begin::After(_) => None,
        }
    }

    /// The place that it follows.
    pub fn cursor(&self) -> Option<&Cursor> {
        match &self.begin {
            Begin::Number(_) | Begin::Start => None,
            Begin::After(cursor) => Some(cursor),
        }
    }

    /// Whether the whole list is to be counted: only for a page that is asked for by its number.
    pub fn is_counted(&self) -> bool {
        self.number().is_some()
    }

    /// How many items a page holds.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How many items come before the page, and after the place that it follows.
    pub fn offset(&self) -> u64 {
        self.number().map_or(0, |number| u64::from(number - 1) * u64::from(self.size))
    }

    /// How many items are to be read: one more than the page holds, which tells whether any follow.
    pub fn reads(&self) -> u64 {
        u64::from(self.size) + 1
    }
}

/// What a list is sorted by, of one item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// A time.
    Time(Timestamp),
    /// A number.
    Number(u32),
    /// A text, in the order of code points.
    Text(String),
}

impl From<Timestamp> for SortValue {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<u32> for SortValue {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for SortValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A place in a sorted list: right after the item with this value and, among equals, this id. The item itself may have gone or
/// moved meanwhile; what comes after the place is well defined all the same, and nothing that is added before it shifts it.
///
/// Cursors sort as the items of their list do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// What the list is sorted by.
    pub value: SortValue,
    /// The item's id, as text.
    pub id: String,
}

impl Cursor {
    /// The place right after an item.
    pub fn new(value: impl Into<SortValue>, id: &impl ToString) -> Self {
        Self { value: value.into(), id: id.to_string() }
    }
}

/// How many items a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Counted.
    Exact(u64),
    /// More than [`EXACT_TOTAL`], by estimate.
    Estimate(u64),
}

impl Total {
    /// The number, whichever way it was found.
    pub fn count(self) -> u64 {
        match self {
            Self::Exact(n) | Self::Estimate(n) => n,
        }
    }

    /// Whether the number is only an estimate.
    pub fn is_estimate(self) -> bool {
        matches!(self, Self::Estimate(_))
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items of this page, in the list's order.
    pub items: Vec<T>,
    /// How many items the whole list has, if [`PageRequest::is_counted`] says so.
    pub total: Option<Total>,
    /// The place right after the last item, if more items follow.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of what was found: up to as many items as [`PageRequest::reads`] says.
    pub fn of(mut found: Vec<T>, asked: &PageRequest, total: Option<Total>, cursor: impl FnOnce(&T) -> Cursor) -> Self {
        let size = asked.size() as usize;
        let more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| more).map(cursor);
        Self { items: found, total, next }
    }

    /// The same page of other items.
    pub fn map<U>(self, other: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(other).collect(), total: self.total, next: self.next }
    }
}

/// Whether a text has another in it; the letters A to Z are the same in either case, others are not, so that every store can say
/// the same.
pub fn has_part(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// The direction of a sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}
