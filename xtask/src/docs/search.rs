//! What the search of the site looks through: every section with its page. A script and not a file of JSON, because pages that
//! are opened from a folder may read no files.

use super::{markdown, pages::Page};

/// The script.
pub(super) fn script<'a>(pages: impl Iterator<Item = &'a Page>) -> String {
    let sections: Vec<serde_json::Value> = pages
        .flat_map(|page| {
            markdown::sections(&page.text).into_iter().map(|section| {
                let text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
                serde_json::json!([page.place, section.anchor, page.title, section.title, text])
            })
        })
        .collect();
    format!("window.SECTIONS = {};\n", serde_json::Value::Array(sections))
}
