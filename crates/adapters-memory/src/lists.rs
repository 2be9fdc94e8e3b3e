//! Sorting and cutting lists.

use domain::page::{Cursor, Page, PageRequest, SortOrder, Total};

/// Sorts what was found by the places of the items and copies the wanted page of it. Totals of numbered pages are always counted.
pub(crate) fn page_of<'a, T: Clone + 'a>(
    found: impl IntoIterator<Item = &'a T>,
    place: impl Fn(&T) -> Cursor,
    order: SortOrder,
    page: &PageRequest,
) -> Page<T> {
    let mut found: Vec<(Cursor, &T)> = found.into_iter().map(|item| (place(item), item)).collect();
    found.sort_by(|(a, _), (b, _)| match order {
        SortOrder::Ascending => a.cmp(b),
        SortOrder::Descending => b.cmp(a),
    });
    let total = page.is_counted().then_some(Total::Exact(found.len() as u64));
    if let Some(after) = page.cursor() {
        found.retain(|(place, _)| match order {
            SortOrder::Ascending => place > after,
            SortOrder::Descending => place < after,
        });
    }
    let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let wanted = usize::try_from(page.reads()).unwrap_or(usize::MAX);
    let items = found.into_iter().skip(offset).take(wanted).map(|(_, item)| item.clone()).collect();
    Page::of(items, page, total, place)
}
