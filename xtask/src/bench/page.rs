//! Puts a result into its reference page, between two marks; what people wrote around it stays, and so does what was
//! measured on another store.

use anyhow::Context;

use super::store::StoreKind;
use crate::workspace::root;

/// A section of a page that a command writes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// What `bench runs` says about a store.
    Runs(StoreKind),
    /// What `bench language` says.
    Language,
    /// What `bench access` says.
    Access,
    /// What `bench lists` says.
    Lists,
    /// What `bench streams` says.
    Streams,
    /// What `chaos` says.
    Chaos,
}

impl Part {
    fn page(self) -> &'static str {
        match self {
            Self::Runs(_) | Self::Language | Self::Access | Self::Lists | Self::Streams => {
                "docs/reference/performance.md"
            }
            Self::Chaos => "docs/reference/guarantees.md",
        }
    }
}

/// Replaces a section.
pub(crate) fn write(part: Part, section: &str) -> anyhow::Result<()> {
    let (name, path) = (part.page(), root().join(part.page()));
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
    let (begin, end) = marks(part);
    let new =
        replaced(&page, part, section).with_context(|| format!("{name} lacks the marks '{begin}' and '{end}'"))?;
    std::fs::write(&path, new)?;
    println!("wrote {name}");
    Ok(())
}

fn marks(part: Part) -> (String, String) {
    let (what, command) = match part {
        Part::Runs(store) => {
            let name = store.name();
            (format!("bench runs on {name}"), format!("bench runs --store {name}"))
        }
        Part::Language => ("bench language".to_owned(), "bench language".to_owned()),
        Part::Access => ("bench access".to_owned(), "bench access".to_owned()),
        Part::Lists => ("bench lists".to_owned(), "bench lists".to_owned()),
        Part::Streams => ("bench streams".to_owned(), "bench streams".to_owned()),
        Part::Chaos => ("chaos".to_owned(), "chaos".to_owned()),
    };
    let begin = format!("<!-- {what}: begin (written by cargo xtask {command} --write) -->");
    (begin, format!("<!-- {what}: end -->"))
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
    fn the_pages_have_marks_for_every_part() {
        for part in [SQLITE, POSTGRES, Part::Language, Part::Access, Part::Streams, Part::Lists, Part::Chaos] {
            let page = std::fs::read_to_string(root().join(part.page())).expect("the page is there");
            assert!(replaced(&page, part, "new").is_some(), "{part:?}");
        }
    }
}
