//! Rules for `Cargo.toml`: versions are pinned in one place, and every member has the lints of the workspace.

use super::finding::Finding;

/// Checks one manifest. It reads lines, not TOML: manifests here have one dependency a line.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if path == "Cargo.toml" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let (mut section, mut has_lints) = (String::new(), false);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            line.trim_matches(['[', ']']).clone_into(&mut section);
        } else if section == "lints" && line.replace(' ', "") == "workspace=true" {
            has_lints = true;
        } else if section.ends_with("dependencies")
            && line.contains('=')
            && !line.starts_with('#')
            && !is_inherited(line)
        {
            let message = format!("`{line}`: pin it in the workspace's [workspace.dependencies] and inherit it");
            findings.push(Finding::line(path, index + 1, message));
        }
    }
    if !has_lints {
        findings.push(Finding::file(path, "it does not inherit the lints: [lints] workspace = true"));
    }
    findings
}

fn is_inherited(line: &str) -> bool {
    let dense = line.replace(' ', "");
    dense.contains("workspace=true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_outside_of_the_workspace_is_found_with_its_line() {
        let text =
            "[lints]\nworkspace = true\n[dependencies]\na = { workspace = true }\nb = \"1\"\nc.workspace = true\n";
        let found: Vec<_> = check("crates/x/Cargo.toml", text).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/x/Cargo.toml:5: `b = \"1\"`"), "{found:?}");
    }

    #[test]
    fn a_member_without_the_lints_is_found() {
        assert_eq!(check("crates/x/Cargo.toml", "[package]\nname = \"x\"\n").len(), 1);
    }
}
