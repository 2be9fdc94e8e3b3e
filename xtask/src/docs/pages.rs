//! Which files of the repository are pages of the site, in what order, and where.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;

use super::markdown;
use crate::source;

/// The list of the documentation, whose tables give the order of the pages.
const LIST: &str = "docs/README.md";

/// A page.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// The file that it is made of, below the workspace's root.
    pub(super) source: String,
    /// Where it is in the site.
    pub(super) place: String,
    /// Its first heading.
    pub(super) title: String,
    /// Its Markdown.
    pub(super) text: String,
}

/// Pages under a common title.
#[derive(Debug)]
pub(super) struct Group {
    /// What they have in common.
    pub(super) title: &'static str,
    /// The pages, in their order.
    pub(super) pages: Vec<Page>,
}

/// All pages in their groups. A guide or a page of the reference that the list does not name is an error.
pub(super) fn all() -> anyhow::Result<Vec<Group>> {
    let mut texts = BTreeMap::new();
    for file in source::files()?.into_iter().filter(|file| file.extension() == "md") {
        texts.insert(file.path.clone(), file.text()?.with_context(|| format!("{} is not UTF-8", file.path))?);
    }
    let list = texts.get(LIST).with_context(|| format!("there is no {LIST}"))?.clone();
    let page = |source: &str, place: String| -> anyhow::Result<Page> {
        let text = texts.get(source).with_context(|| format!("there is no {source}"))?.clone();
        let title = markdown::title(&text).with_context(|| format!("{source} has no heading"))?;
        Ok(Page { source: source.to_owned(), place, title, text })
    };
    let below = |folder: &str| texts.keys().filter(|path| path.starts_with(folder)).cloned().collect::<Vec<_>>();
    let listed = |folder: &str| -> anyhow::Result<Vec<Page>> {
        let name = folder.trim_start_matches("docs/");
        let links = markdown::relative_links(&list).into_iter().map(|(_, link)| link);
        let order: Vec<String> =
            links.filter(|link| link.starts_with(name) && is(link, "md")).map(|link| format!("docs/{link}")).collect();
        let forgotten = below(folder).into_iter().find(|path| !order.contains(path));
        anyhow::ensure!(forgotten.is_none(), "{LIST} does not list {}", forgotten.unwrap_or_default());
        order.iter().map(|source| page(source, place(source))).collect()
    };
    let decisions = below("docs/adr/");
    Ok(vec![
        Group {
            title: "Orrery",
            pages: vec![
                page("README.md", "index.html".into())?,
                page(LIST, "contents.html".into())?,
                page("ARCHITECTURE.md", "architecture.html".into())?,
                page("CHANGELOG.md", "changelog.html".into())?,
            ],
        },
        Group { title: "Guides", pages: listed("docs/guides/")? },
        Group { title: "Reference", pages: listed("docs/reference/")? },
        Group {
            title: "Decisions",
            pages: decisions.iter().map(|source| page(source, place(source))).collect::<Result<_, _>>()?,
        },
    ])
}

/// Whether a file has this extension.
pub(super) fn is(file: &str, extension: &str) -> bool {
    Path::new(file).extension().is_some_and(|found| found == extension)
}

/// Where a file of `docs/` is in the site.
fn place(source: &str) -> String {
    source.trim_start_matches("docs/").replace(".md", ".html")
}
