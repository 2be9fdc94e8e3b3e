//! Puts the result into the reference page, between two marks; what people wrote around it stays, and so does what was
//! measured on another store.

use anyhow::Context;

use super::store::StoreKind;
use crate::workspace::root;

const PAGE: &str = "docs/reference/performance.md";

/// Replaces the section of a store.
pub(super) fn write(store: StoreKind, section: &str) -> anyhow::Result<()> {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let (begin, end) = marks(store);
    let new =
        replaced(&page, store, section).with_context(|| format!("{PAGE} lacks the marks '{begin}' and '{end}'"))?;
    std::fs::write(&path, new)?;
    println!("wrote {PAGE}");
    Ok(())
}

fn marks(store: StoreKind) -> (String, String) {
    let name = store.name();
    let begin =
        format!("<!-- bench runs on {name}: begin (written by cargo xtask bench runs --store {name} --write) -->");
    (begin, format!("<!-- bench runs on {name}: end -->"))
}

fn replaced(page: &str, store: StoreKind, section: &str) -> Option<String> {
    let (begin, end) = marks(store);
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_marks_of_the_store_is_replaced() {
        let ((b1, e1), (b2, e2)) = (marks(StoreKind::Sqlite), marks(StoreKind::Postgres));
        let page = format!("# Title\n{b1}\nold\n{e1}\nbetween\n{b2}\nolder\n{e2}\nrest\n");
        let once = replaced(&page, StoreKind::Postgres, "new\n").expect("it has the marks");
        assert_eq!(once, format!("# Title\n{b1}\nold\n{e1}\nbetween\n{b2}\n\nnew\n\n{e2}\nrest\n"));
        assert_eq!(replaced(&once, StoreKind::Postgres, "new").as_deref(), Some(once.as_str()));
        assert_eq!(replaced("# Title\n", StoreKind::Sqlite, "new"), None);
    }

    #[test]
    fn the_page_has_marks_for_every_store() {
        let page = std::fs::read_to_string(root().join(PAGE)).expect("the page is there");
        for store in [StoreKind::Sqlite, StoreKind::Postgres] {
            assert!(replaced(&page, store, "new").is_some(), "{store:?}");
        }
    }
}
