//! Rules of the house style for Rust files.

use super::finding::Finding;
use crate::source::SourceFile;

/// The most lines of a file, tests not counted.
const MAX_LINES: usize = 500;

/// Names that say nothing.
const VAGUE: [&str; 7] = ["util", "utils", "helper", "helpers", "manager", "common", "misc"];

/// What no line of code may hold, and what to do instead. In pieces, so that this file does not find itself.
const BANNED: [(&str, &str); 5] = [
    (concat!("todo", "!("), "finish it"),
    (concat!("unimplemented", "!("), "finish it or refuse it with an error"),
    (concat!("#[", "ignore"), "a test that does not run is not a test"),
    (concat!("[", "allow("), "suppress a lint only with #[expect(lint, reason = \"…\")]"),
    (concat!("dbg", "!("), "remove it"),
];

/// Marks of unfinished work that need the number of an issue.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Everything that is wrong with one file.
pub(super) fn check(file: &SourceFile, text: &str) -> Vec<Finding> {
    let path = file.path.as_str();
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(Finding::file(path, "it does not open with `//!` (what it is for, what it does not do)"));
    }
    let name = if file.stem() == "mod" { path.rsplit('/').nth(1).unwrap_or_default() } else { file.stem() };
    if VAGUE.contains(&name) {
        findings.push(Finding::file(path, format!("'{name}' does not say what is in it")));
    }
    let lines = code_lines(path, text);
    if lines > MAX_LINES {
        findings.push(Finding::file(path, format!("{lines} lines without tests, at most {MAX_LINES}")));
    }
    for (index, line) in text.lines().enumerate() {
        findings.extend(check_line(path, index + 1, line));
    }
    findings.extend(adapters_outside_of_the_composition(path, text));
    if matches!(file.stem(), "mod" | "lib") {
        findings.extend(more_than_reexports(path, text));
    }
    findings
}

fn check_line(path: &str, number: usize, line: &str) -> Vec<Finding> {
    let banned = BANNED.iter().filter(|(pattern, _)| line.contains(pattern));
    let mut findings: Vec<_> =
        banned.map(|(pattern, instead)| Finding::line(path, number, format!("`{pattern}`: {instead}"))).collect();
    if let Some(mark) = MARKS.iter().find(|mark| has_word(line, mark))
        && !names_an_issue(line)
    {
        findings.push(Finding::line(path, number, format!("{mark} without the number of an issue")));
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

fn names_an_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The number of lines outside of `#[cfg(test)]` modules; nothing for files that are tests altogether.
fn code_lines(path: &str, text: &str) -> usize {
    if is_test_file(path) {
        return 0;
    }
    let (mut count, mut in_tests, mut attribute) = (0, false, false);
    for line in text.lines() {
        if in_tests {
            in_tests = line != "}";
            continue;
        }
        if attribute && line.starts_with("mod ") && line.ends_with('{') {
            in_tests = true;
        }
        attribute = line == "#[cfg(test)]";
        count += usize::from(!in_tests && !attribute);
    }
    count
}

fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|folder| folder == "tests") || name == "tests.rs" || name.ends_with("_tests.rs")
}

/// Only the composition root and the demo know which adapter stands behind a port.
fn adapters_outside_of_the_composition(path: &str, text: &str) -> Vec<Finding> {
    let Some(inside) = path.strip_prefix("crates/http-actix/src/") else { return Vec::new() };
    let may = ["composition/", "composition.rs", "main.rs", "demo/", "demo.rs", "demo_", "bench_floor"];
    if may.iter().any(|place| inside.starts_with(place)) {
        return Vec::new();
    }
    let named = |line: &str| !line.trim_start().starts_with("//") && line.contains("adapters_");
    let lines = text.lines().enumerate().filter(|(_, line)| named(line));
    lines.map(|(i, _)| Finding::line(path, i + 1, "only composition/ and the demo may name an adapter")).collect()
}

/// `mod.rs` and `lib.rs` hold docs and re-exports; anything else is a warning.
fn more_than_reexports(path: &str, text: &str) -> Vec<Finding> {
    const ITEMS: [&str; 6] = ["fn ", "struct ", "enum ", "impl", "trait ", "const fn "];
    let is_item = |line: &str| {
        let bare = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
        let bare = bare.strip_prefix("async ").unwrap_or(bare);
        ITEMS.iter().any(|item| bare.starts_with(item))
    };
    // One finding a file says enough.
    let first = text.lines().enumerate().find(|(_, line)| is_item(line));
    let warn = |(i, _)| Finding::line(path, i + 1, "mod.rs and lib.rs hold docs and re-exports").but_a_warning();
    first.map(warn).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&SourceFile { path: path.into() }, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_found() {
        assert_eq!(findings("a.rs", "fn a() {}\n").len(), 1);
        assert_eq!(findings("a.rs", "//! A.\nfn a() {}\n"), Vec::<String>::new());
    }

    #[test]
    fn banned_words_are_found_with_their_line() {
        let text =
            ["//! A.", concat!("#[", "allow(dead_code)]"), concat!("// TO", "DO later"), concat!("// TO", "DO #12")];
        let found = findings("crates/x/src/a.rs", &text.join("\n"));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/x/src/a.rs:2: ") && found[1].starts_with("crates/x/src/a.rs:3: "));
    }

    #[test]
    fn tests_do_not_count_against_the_length_of_a_file() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // line\n".repeat(600));
        assert!(findings("a.rs", &format!("//! A.\n{tests}")).is_empty());
        assert_eq!(findings("a.rs", &format!("//! A.\n{}", "// line\n".repeat(600))).len(), 1);
        assert!(findings("crates/x/tests/a.rs", &format!("//! A.\n{}", "// line\n".repeat(600))).is_empty());
    }

    #[test]
    fn a_vague_name_is_found_for_files_and_folders() {
        assert_eq!(findings("crates/x/src/utils.rs", "//! A.\n").len(), 1);
        assert_eq!(findings("crates/x/src/common/mod.rs", "//! A.\n").len(), 1);
    }

    #[test]
    fn a_route_does_not_name_an_adapter() {
        let text = "//! A.\nuse adapters_sqlite::SqliteStore;\n";
        assert_eq!(findings("crates/http-actix/src/routes/agents.rs", text).len(), 1);
        assert!(findings("crates/http-actix/src/composition/store.rs", text).is_empty());
    }

    #[test]
    fn code_in_a_mod_file_is_a_warning() {
        let found = findings("crates/x/src/y/mod.rs", "//! A.\npub use z::Z;\npub(crate) fn f() {}\n");
        assert_eq!(found, ["crates/x/src/y/mod.rs:3: warning: mod.rs and lib.rs hold docs and re-exports"]);
    }
}
