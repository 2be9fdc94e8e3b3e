//! Puts the result into the reference page, between two marks; what people wrote around it stays, and so does what was
//! measured on another store.

use anyhow::Context;

use super::store::StoreKind;
use crate::workspace::root;

const PAGE: &str = "docs/reference/performance.md";

/// A section of the page that a command writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// What `bench runs` says about a store.
    Runs(StoreKind),
    /// What `bench language` says.
    Language,
}

/// Replaces a section.
pub(super) fn write(part: Part, section: &str) -> anyhow::Result<()> {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    let (begin, end) = marks(part);
    let new =
        replaced(&page, part, section).with_context(|| format!("{PAGE} lacks the marks '{begin}' and '{end}'"))?;
    std::fs::write(&path, new)?;
    println!("wrote {PAGE}");
    Ok(())
}

fn marks(part: Part) -> (String, String) {
    let Part::Runs(store) = part else {
        let begin = "<!-- bench language: begin (written by cargo xtask bench language --write) -->".to_owned();
        return (begin, "<!-- bench language: end -->".to_owned());
    };
    let name = store.name();
    let begin =
        format!("<!-- bench runs on {name}: begin (written by cargo xtask bench runs --store {name} --write) -->");
    (begin, format!("<!-- bench runs on {name}: end -->"))
}

fn replaced(page: &str, part: Part, section: &str) -> Option<String> {
    let (begin, end) = marks(part);
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", section.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQLITE: Part = Part::Runs(StoreKind::Sqlite);
    const POSTGRES: Part = Part::Runs(StoreKind::Postgres);

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let ((b1, e1), (b2, e2)) = (marks(SQLITE), marks(POSTGRES));
        let page = format!("# Title\n{b1}\nold\n{e1}\nbetween\n{b2}\nolder\n{e2}\nrest\n");
        let once = replaced(&page, POSTGRES, "new\n").expect("it has the marks");
        assert_eq!(once, format!("# Title\n{b1}\nold\n{e1}\nbetween\n{b2}\n\nnew\n\n{e2}\nrest\n"));
        assert_eq!(replaced(&once, POSTGRES, "new").as_deref(), Some(once.as_str()));
        assert_eq!(replaced("# Title\n", SQLITE, "new"), None);
    }

    #[test]
    fn the_page_has_marks_for_every_part() {
        let page = std::fs::read_to_string(root().join(PAGE)).expect("the page is there");
        for part in [SQLITE, POSTGRES, Part::Language] {
            assert!(replaced(&page, part, "new").is_some(), "{part:?}");
        }
    }
}
