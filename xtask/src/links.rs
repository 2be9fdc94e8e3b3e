//! `cargo xtask docs --check`: relative links of the documentation resolve. Links to the network are not followed.

use anyhow::bail;

use crate::{source, workspace};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail if a link leads nowhere (the only thing this command does today).
    #[arg(long)]
    check: bool,
}

impl Options {
    /// As in CI.
    pub(crate) fn check() -> Self {
        Self { check: true }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.check {
        bail!("say what to do with the documentation: --check");
    }
    let (mut documents, mut checked, mut broken) = (0, 0, Vec::new());
    for file in source::files()?.into_iter().filter(|file| file.extension() == "md") {
        let Some(text) = file.text()? else { continue };
        documents += 1;
        let absolute = file.absolute();
        let folder = absolute.parent().unwrap_or(workspace::root());
        for (line, target) in relative_links(&text) {
            checked += 1;
            let base = if target.starts_with('/') { workspace::root() } else { folder };
            if !base.join(target.trim_start_matches('/')).exists() {
                broken.push(format!("{}:{line}: '{target}' leads nowhere", file.path));
            }
        }
    }
    if !broken.is_empty() {
        bail!("{} broken links\n{}", broken.len(), broken.join("\n"));
    }
    println!("{checked} relative links in {documents} documents resolve");
    Ok(())
}

/// Line numbers and targets of the links to files, without anchors and without what stands in code.
fn relative_links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in without_code_spans(line).split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            let target = target.split_whitespace().next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = file.contains("://") || file.starts_with("mailto:");
            if !file.is_empty() && !elsewhere {
                found.push((index + 1, file.to_owned()));
            }
        }
    }
    found
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_are_checked() {
        let text = "[a](x/a.md#top) [b](https://example.org/b) [c](#here)\n\
                    ```\n[d](d.md)\n```\n`[e](e.md)` [f](../f.md \"title\")\n";
        assert_eq!(relative_links(text), [(1, "x/a.md".to_owned()), (5, "../f.md".to_owned())]);
    }
}
