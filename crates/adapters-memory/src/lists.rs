//! Sorting and cutting lists.

use std::cmp::Ordering;

use domain::page::{Page, PageRequest, SortOrder, Total};

/// Sorts what was found and copies the wanted page of it. Totals are always counted.
pub(crate) fn page_of<T: Clone>(
    mut found: Vec<&T>,
    compare: impl Fn(&T, &T) -> Ordering,
    order: SortOrder,
    page: PageRequest,
) -> Page<T> {
    match order {
        SortOrder::Ascending => found.sort_by(|a, b| compare(a, b)),
        SortOrder::Descending => found.sort_by(|a, b| compare(b, a)),
    }
    let total = Total::Exact(found.len() as u64);
    let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let items = found.into_iter().skip(offset).take(page.size() as usize).cloned().collect();
    Page { items, total }
}
