//! The file of all settings with their explanations: `deploy/orrery.toml` is what this writes.

use std::fmt::Write;

use super::{
    declared::{self, Kind, Setting},
    shown::in_toml,
};

/// How wide lines of explanations are.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Settings of Orrery: what `orrery config default` prints.
#
# A flag counts more than a variable, a variable more than this file (`--config FILE` or ORRERY_CONFIG), this file more than
# a default. Lines that begin with '#' and a key show defaults, or an empty value where there is none: take the '#' away to
# set one. `orrery config check` finds mistakes, `orrery config show` tells what counts and where it comes from.
#
# A secret KEY may stand in a file of its own: KEY_file = \"/run/secrets/…\" names it here, and the variable with _FILE behind
# its name does so elsewhere.
";

/// The whole file.
pub(super) fn text() -> String {
    let settings = declared::settings();
    let mut text = HEAD.to_owned();
    let mut heading = None;
    for setting in &settings {
        if setting.heading != heading {
            heading.clone_from(&setting.heading);
            // What has none stands before those that have one, and again after them.
            let _ = write!(text, "\n# ---- {} ----\n", heading.as_deref().unwrap_or("Further settings"));
        }
        text.push('\n');
        text.push_str(&explained(setting, &settings));
    }
    text
}

fn explained(setting: &Setting, all: &[Setting]) -> String {
    let mut about = setting.help.split_whitespace().collect::<Vec<_>>().join(" ");
    if !about.ends_with(['.', '?', '!']) {
        about.push('.');
    }
    if !setting.choices.is_empty() {
        let _ = write!(about, " One of: {}.", setting.choices.join(", "));
    }
    let mut text = wrapped(&about);
    let variable = setting.variable.as_ref().map(|variable| format!(", {variable}")).unwrap_or_default();
    let _ = writeln!(text, "# --{}{variable}", setting.long);
    let empty = || match setting.kind {
        _ if setting.many => "[]",
        Kind::Flag | Kind::Boolean => "false",
        Kind::Number | Kind::Decimal => "0",
        Kind::Text => "\"\"",
    };
    let value = if setting.default.is_empty() { empty().to_owned() } else { in_toml(setting, &setting.default) };
    let _ = writeln!(text, "#{} = {value}", setting.key);
    if let Some(key) = setting.file_key(all) {
        let _ = writeln!(text, "#{key} = \"\"");
    }
    text
}

fn wrapped(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split(' ') {
        let is_full =
            lines.last().is_some_and(|line| line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH);
        if is_full {
            lines.push("#".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::file;

    #[test]
    fn the_checked_in_file_is_what_the_declarations_say() {
        let checked_in = include_str!("../../../../../deploy/orrery.toml");
        assert!(checked_in == text(), "renew it: cargo run -- config default > deploy/orrery.toml");
    }

    #[test]
    fn every_setting_with_a_default_is_shown_as_a_line_that_says_the_same() {
        let settings = declared::settings();
        let text = text();
        for setting in &settings {
            let line = text.lines().find(|line| line.starts_with(&format!("#{} = ", setting.key)));
            let line = line.unwrap_or_else(|| panic!("{} is missing", setting.key)).trim_start_matches('#');
            if setting.default.is_empty() {
                continue;
            }
            let entries = file::entries(line, &settings).unwrap_or_else(|mistakes| panic!("{line}: {mistakes:?}"));
            assert_eq!(entries[0].values, setting.default, "{line}");
        }
    }

    #[test]
    fn nothing_counts_as_long_as_it_is_behind_a_sign() {
        assert_eq!(file::entries(&text(), &declared::settings()), Ok(Vec::new()));
    }
}
