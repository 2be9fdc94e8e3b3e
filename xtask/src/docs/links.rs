//! Relative links of all Markdown files resolve, with their anchors. Links to the network are not followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::bail;

use super::markdown;
use crate::{source, workspace};

/// Checks them, and says how many there are.
pub(super) fn check() -> anyhow::Result<String> {
    let mut documents = BTreeMap::new();
    for file in source::files()?.into_iter().filter(|file| file.extension() == "md") {
        if let Some(text) = file.text()? {
            documents.insert(file.absolute(), (file.path.clone(), text));
        }
    }
    let anchors: BTreeMap<&PathBuf, BTreeSet<String>> = documents
        .iter()
        .map(|(absolute, (_, text))| (absolute, markdown::anchors(text).into_iter().collect()))
        .collect();
    let (mut checked, mut broken) = (0, Vec::new());
    for (absolute, (path, text)) in &documents {
        let folder = absolute.parent().unwrap_or(workspace::root());
        for (line, link) in markdown::relative_links(text) {
            checked += 1;
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let base = if target.starts_with('/') { workspace::root() } else { folder };
            let leads_to = if target.is_empty() {
                Ok(absolute.clone())
            } else {
                base.join(target.trim_start_matches('/')).canonicalize()
            };
            let Ok(leads_to) = leads_to else {
                broken.push(format!("{path}:{line}: '{link}' leads nowhere"));
                continue;
            };
            let has_it = anchors.get(&leads_to).is_none_or(|anchors| anchors.contains(anchor));
            if !anchor.is_empty() && !has_it {
                broken.push(format!("{path}:{line}: '{link}': there is no such heading"));
            }
        }
    }
    if !broken.is_empty() {
        bail!("{} broken links\n{}", broken.len(), broken.join("\n"));
    }
    Ok(format!("{checked} relative links in {} documents resolve", documents.len()))
}
