//! Pages of lists: what a caller asks for and what a store answers.

/// The largest page that may be asked for.
pub const MAX_PAGE_SIZE: u32 = 100;

/// Totals are exact up to this number; above it a store may estimate.
pub const EXACT_TOTAL: u64 = 10_000;

/// Which page of a list is wanted; pages are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    number: u32,
    size: u32,
}

impl PageRequest {
    /// A page of a list, or `None` where the number is 0 or the size is outside 1..=100.
    pub fn new(number: u32, size: u32) -> Option<Self> {
        (number >= 1 && (1..=MAX_PAGE_SIZE).contains(&size)).then_some(Self { number, size })
    }

    /// The page's number, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many items a page holds.
    pub fn size(self) -> u32 {
        self.size
    }

    /// How many items come before the page.
    pub fn offset(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
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
    /// How many items the whole list has.
    pub total: Total,
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, other: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(other).collect(), total: self.total }
    }
}

/// The direction of a sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}
