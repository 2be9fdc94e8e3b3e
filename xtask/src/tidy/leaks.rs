//! Nothing of the machine that a file was written on goes into the repository: no absolute path, no host of a package
//! registry or mirror.
//!
//! The places to look for are taken from the machine itself, so that none needs to be written down here.

use std::path::Path;

use super::finding::Finding;
use crate::workspace;

/// Where home folders lie, in pieces, so that this file does not find itself.
const HOMES: [&str; 2] = [concat!("/", "home", "/"), concat!("/", "Users", "/")];

/// Hosts of public registries, in pieces for the same reason. They may be named, but not linked.
const REGISTRIES: [[&str; 2]; 5] = [
    ["crates", "io"],
    ["registry.npmjs", "org"],
    ["pypi", "org"],
    ["files.pythonhosted", "org"],
    ["proxy.golang", "org"],
];

/// What must not appear.
pub(super) struct Leaks {
    paths: Vec<String>,
    hosts: Vec<String>,
    mirrors: Vec<String>,
}

impl Leaks {
    /// The workspace's folder and its parent, the home folder, and the mirrors that cargo is configured with.
    pub(super) fn of_this_machine() -> Self {
        let root = workspace::root();
        let home = workspace::variable("HOME");
        let folders = [Some(root), root.parent(), home.as_deref().map(Path::new)];
        let mut paths: Vec<String> = folders
            .into_iter()
            .flatten()
            .filter(|folder| folder.components().count() > 1)
            .map(|folder| format!("{}/", folder.display()))
            .chain(HOMES.map(str::to_owned))
            .collect();
        paths.dedup();
        let hosts = REGISTRIES.map(|pieces| pieces.join(".")).to_vec();
        let mirrors = configured_hosts().into_iter().filter(|host| !hosts.iter().any(|h| host.ends_with(h))).collect();
        Self { paths, hosts, mirrors }
    }

    /// Every line that names one of them.
    pub(super) fn check(&self, path: &str, text: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if let Some(leak) = self.paths.iter().find(|leak| names_path(line, leak)) {
                findings.push(Finding::line(path, index + 1, format!("a path of one machine: {leak}")));
            }
            let linked = self.hosts.iter().find(|host| links_host(line, host));
            let named = self.mirrors.iter().find(|host| line.contains(host.as_str()));
            if let Some(host) = linked.or(named) {
                findings.push(Finding::line(path, index + 1, format!("the host of a package registry: {host}")));
            }
        }
        findings
    }
}

/// Whether the path begins in the line at a place where a path can begin: `src/home/x` is no home folder.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '}' | '*'))
    })
}

/// Whether the line has a URL with this host or a part of it.
fn links_host(line: &str, host: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'', ')', '>', ':', '`']).next().unwrap_or_default();
        authority == host || authority.ends_with(&format!(".{host}"))
    })
}

/// The hosts in cargo's configuration of this machine, except the forge that the default index names.
fn configured_hosts() -> Vec<String> {
    let home = workspace::variable("HOME").map(|home| format!("{home}/.cargo"));
    let Some(folder) = workspace::variable("CARGO_HOME").or(home) else { return Vec::new() };
    let read = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name)).unwrap_or_default();
    let text = read("config.toml") + &read("config");
    let hosts = text.split("://").skip(1).filter_map(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'', '\n']).next()?;
        let host = authority.rsplit('@').next()?.split(':').next()?;
        Some(host.to_owned()).filter(|host| host.contains('.') && !host.starts_with("github.") && host != "127.0.0.1")
    });
    hosts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaks() -> Leaks {
        let mirrors = vec!["mirror.example.net".to_owned()];
        Leaks { paths: vec!["/house/".into()], hosts: vec!["registry.example".into()], mirrors }
    }

    #[test]
    fn a_path_of_the_machine_is_found_where_a_path_begins() {
        assert_eq!(leaks().check("a.md", "see /house/notes\nsee crates/house/notes\n").len(), 1);
    }

    #[test]
    fn a_registry_may_be_named_but_not_linked() {
        let text = format!("registry.example is a name\n{}static.registry.example/x\n", "https://");
        assert_eq!(leaks().check("a.md", &text).len(), 1);
    }

    #[test]
    fn a_mirror_is_not_even_named() {
        assert_eq!(leaks().check("a.md", "from mirror.example.net").len(), 1);
    }
}
