//! The site: pages, the reference of the API, what they need.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Component, Path, PathBuf},
};

use anyhow::Context;

use super::{
    markdown,
    pages::{self, Group, Page},
    search,
};
use crate::workspace;

/// The reference of the API, beside those that are made of Markdown.
const API: &str = "reference/api.html";

/// Files that are taken as they are: where they come from, and where they go.
const COPIED: [(&str, &str); 8] = [
    ("docs/site/style.css", "site/style.css"),
    ("docs/site/search.js", "site/search.js"),
    ("crates/http-actix/assets/redoc/redoc.standalone.js", "site/redoc.standalone.js"),
    ("crates/http-actix/assets/redoc/LICENSE", "site/redoc.LICENSE"),
    ("docs/reference/openapi.json", "reference/openapi.json"),
    ("docs/reference/openapi-3.0.json", "reference/openapi-3.0.json"),
    ("docs/examples/receive_webhooks.py", "examples/receive_webhooks.py"),
    ("docs/examples/attenuate.py", "examples/attenuate.py"),
];

/// All files of a site, by their places.
pub(super) struct Site {
    files: BTreeMap<String, Vec<u8>>,
}

impl Site {
    /// Makes it of what is in the repository.
    pub(super) fn made() -> anyhow::Result<Self> {
        let groups = pages::all()?;
        let template = read("docs/site/page.html")?;
        let mut files = BTreeMap::new();
        for page in groups.iter().flat_map(|group| &group.pages) {
            let content = markdown::to_html(&page.text, |target| led(page, target, &groups));
            files.insert(
                page.place.clone(),
                filled(&template, &page.place, &page.title, &content, &groups).into_bytes(),
            );
        }
        for (source, place) in COPIED {
            files.insert(
                place.to_owned(),
                std::fs::read(workspace::root().join(source)).with_context(|| format!("cannot read {source}"))?,
            );
        }
        let api = "<div id=\"redoc\"></div>\n<script src=\"../site/redoc.standalone.js\"></script>\n<script src=\"../site/api.js\"></script>\n";
        files.insert(API.to_owned(), filled(&template, API, "API", api, &groups).into_bytes());
        let description = read("docs/reference/openapi.json")?;
        let script = format!(
            "Redoc.init({}, {{ disableGoogleFont: true, scrollYOffset: 0 }}, document.getElementById(\"redoc\"));\n",
            description.trim_end()
        );
        files.insert("site/api.js".to_owned(), script.into_bytes());
        let index = search::script(groups.iter().flat_map(|group| &group.pages));
        files.insert("site/sections.js".to_owned(), index.into_bytes());
        Ok(Self { files })
    }

    /// How many pages it has.
    pub(super) fn pages(&self) -> usize {
        self.files.keys().filter(|place| pages::is(place, "html")).count()
    }

    /// Writes it into a folder, in place of what was there.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        if folder.exists() {
            anyhow::ensure!(
                folder.join("site/sections.js").exists() || folder.read_dir()?.next().is_none(),
                "{} holds something else than a site of ours",
                folder.display()
            );
            std::fs::remove_dir_all(folder)?;
        }
        for (place, bytes) in &self.files {
            let path = folder.join(place);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

fn read(source: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(workspace::root().join(source)).with_context(|| format!("cannot read {source}"))
}

/// Where a link of a page leads in the site; none for what is not in it.
fn led(page: &Page, target: &str, groups: &[Group]) -> Option<String> {
    if target.contains("://") || target.starts_with('#') || target.starts_with("mailto:") {
        return Some(target.to_owned());
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let source = normal(&Path::new(&page.source).parent().unwrap_or(Path::new("")).join(file));
    let pages = groups.iter().flat_map(|group| &group.pages);
    let of_page = pages.clone().find(|page| page.source == source).map(|page| page.place.as_str());
    let of_folder = pages.clone().find(|page| {
        page.source.starts_with(&format!("{source}/docs")) || page.source == format!("{source}/README.md")
    });
    let copied = COPIED.iter().find(|(from, _)| *from == source).map(|(_, to)| *to);
    let decisions =
        (source == "docs/adr").then(|| pages.clone().find(|page| page.source.starts_with("docs/adr/"))).flatten();
    let place = of_page
        .or(copied)
        .or(of_folder.map(|page| page.place.as_str()))
        .or(decisions.map(|page| page.place.as_str()))?;
    let anchor = anchor.map_or(String::new(), |anchor| format!("#{anchor}"));
    Some(format!("{}{place}{anchor}", to_the_top(&page.place)))
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> String {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(found.pop()),
            Component::Normal(name) => found.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    found.to_string_lossy().into_owned()
}

/// From a page to the site's top.
fn to_the_top(place: &str) -> String {
    "../".repeat(place.matches('/').count())
}

/// The template with a page in it.
fn filled(template: &str, place: &str, title: &str, content: &str, groups: &[Group]) -> String {
    let top = to_the_top(place);
    let mut menu = String::new();
    for group in groups {
        let mut pages: Vec<(&str, &str)> =
            group.pages.iter().map(|page| (page.place.as_str(), page.title.as_str())).collect();
        if group.title == "Reference" {
            pages.insert(0, (API, "API"));
        }
        let links = pages.iter().map(|(other, title)| {
            let here = if *other == place { " aria-current=\"page\"" } else { "" };
            format!("<li><a href=\"{top}{other}\"{here}>{}</a></li>\n", escaped(title))
        });
        let open = if group.title == "Decisions" && !place.starts_with("adr/") { "" } else { " open" };
        let (title, links) = (group.title, links.collect::<String>());
        // Writing to a String cannot fail.
        let _ = writeln!(menu, "<details{open}><summary>{title}</summary><ul>\n{links}</ul></details>");
    }
    let parts =
        [("{{top}}", top.as_str()), ("{{title}}", &escaped(title)), ("{{menu}}", &menu), ("{{content}}", content)];
    // Content comes last: what stands in it is no part of the template.
    parts.iter().fold(template.to_owned(), |page, (name, value)| {
        page.replacen(name, value, if *name == "{{content}}" { 1 } else { usize::MAX })
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_can_be_made_and_no_link_in_it_leads_nowhere() {
        let site = Site::made().expect("it can be made");
        let mut checked = 0;
        for (place, bytes) in site.files.iter().filter(|(place, _)| pages::is(place, "html")) {
            let page = String::from_utf8(bytes.clone()).expect("pages are UTF-8");
            let folder = Path::new(place).parent().unwrap_or(Path::new(""));
            for link in
                page.split(" href=\"").chain(page.split(" src=\"")).skip(1).filter_map(|rest| rest.split('"').next())
            {
                let file = link.split('#').next().unwrap_or_default();
                if file.is_empty() || file.contains("://") || file.contains(['<', '{', ' ']) {
                    continue;
                }
                checked += 1;
                assert!(site.files.contains_key(&normal(&folder.join(file))), "{place}: '{link}' leads nowhere");
            }
        }
        assert!(checked > 1_000, "{checked} links");
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        let site = Site::made().expect("it can be made");
        for (place, bytes) in site.files.iter().filter(|(place, _)| pages::is(place, "html")) {
            let page = String::from_utf8_lossy(bytes);
            for mark in ["src=\"http", "rel=\"stylesheet\" href=\"http", "@import"] {
                assert!(!page.contains(mark), "{place} has {mark}");
            }
        }
    }

    #[test]
    fn a_path_is_made_plain() {
        assert_eq!(normal(Path::new("docs/guides/../reference/./a.md")), "docs/reference/a.md");
        assert_eq!(to_the_top("guides/a.html"), "../");
        assert_eq!(to_the_top("index.html"), "");
    }
}
