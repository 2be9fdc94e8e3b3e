//! A file of settings, in TOML: `key = value`, the keys of [`Setting`]. All mistakes are found at once.

use std::{fs, path::Path};

use toml_edit::{Document, Item, Value};

use super::{
    declared::{self, CONFIG, Kind, Setting},
    mistake::Mistake,
};

/// Keys that are less alike than this are not meant.
const ALIKE: f64 = 0.8;

/// What a file says about a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The key of the setting.
    pub(super) key: String,
    /// Where it stands, counted from 1.
    pub(super) line: usize,
    pub(super) values: Vec<String>,
}

/// Reads the text of a file against the settings that there are.
pub(super) fn entries(text: &str, settings: &[Setting]) -> Result<Vec<Entry>, Vec<Mistake>> {
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line(text, span.start));
        vec![Mistake::new(line, error.message())]
    })?;
    let (mut entries, mut mistakes) = (Vec::<Entry>::new(), Vec::new());
    let table = document.as_table();
    for (key, item) in table {
        let span = table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
        let line = span.map_or(1, |span| line(text, span.start));
        let entry = entry(key, line, item, settings);
        match entry {
            Ok(entry) => match entries.iter().find(|other| other.key == entry.key) {
                Some(other) => {
                    let what = format!("{key}: the line {} says already what {} is", other.line, entry.key);
                    mistakes.push(Mistake::new(line, what));
                }
                None => entries.push(entry),
            },
            Err(what) => mistakes.push(Mistake::new(line, format!("{key}: {what}"))),
        }
    }
    mistakes.extend(contradictions(&entries, settings));
    mistakes.sort_by_key(|mistake| mistake.line);
    if mistakes.is_empty() { Ok(entries) } else { Err(mistakes) }
}

/// What was written behind the key, as the flag would be given it.
fn entry(key: &str, line: usize, item: &Item, settings: &[Setting]) -> Result<Entry, String> {
    let Some(setting) = settings.iter().find(|setting| setting.key == key) else {
        return reference(key, line, item, settings);
    };
    let value = item.as_value().ok_or_else(|| no_section(item))?;
    let values = match value {
        Value::Array(array) if setting.many => {
            array.iter().map(|value| scalar(setting, value)).collect::<Result<Vec<_>, _>>()?
        }
        value => vec![scalar(setting, value)?],
    };
    declared::check(setting, &values)?;
    Ok(Entry { key: key.to_owned(), line, values })
}

/// A secret may stand in a file of its own, which is named here.
fn reference(key: &str, line: usize, item: &Item, settings: &[Setting]) -> Result<Entry, String> {
    let meant = settings.iter().find(|setting| setting.file_key(settings).as_deref() == Some(key));
    let setting = meant.ok_or_else(|| unknown(key, item, settings))?;
    let file = item.as_str().ok_or("expected the name of a file in quotes")?;
    Ok(Entry { key: setting.key.clone(), line, values: vec![secret_in(Path::new(file))?] })
}

/// What a file holds that nothing else is in; one line end at its end does not count.
pub(super) fn secret_in(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("the file {} cannot be read: {e}", file.display()))?;
    let text = text.trim();
    if text.is_empty() { Err(format!("the file {} is empty", file.display())) } else { Ok(text.to_owned()) }
}

fn scalar(setting: &Setting, value: &Value) -> Result<String, String> {
    match (setting.kind, value) {
        (Kind::Flag | Kind::Boolean, Value::Boolean(value)) => Ok(value.value().to_string()),
        (Kind::Number | Kind::Decimal, Value::Integer(value)) => Ok(value.value().to_string()),
        (Kind::Decimal, Value::Float(value)) => Ok(value.value().to_string()),
        (Kind::Text, Value::String(value)) => Ok(value.value().clone()),
        (kind, value) => {
            let expected =
                if setting.many { format!("{}, or a list of such", kind.as_str()) } else { kind.as_str().to_owned() };
            Err(format!("expected {expected}, not {}", named(value)))
        }
    }
}

fn named(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
        Value::InlineTable(_) => "a table",
    }
}

fn no_section(item: &Item) -> String {
    let what = if item.is_table() || item.is_array_of_tables() { "a section" } else { "nothing" };
    format!("a value was expected, not {what}")
}

fn unknown(key: &str, item: &Item, settings: &[Setting]) -> String {
    if key == CONFIG {
        return "a file cannot name another one".to_owned();
    }
    if item.is_table() || item.is_array_of_tables() {
        return "there are no sections: each setting is a line of its own, like kafka_brokers = \"…\"".to_owned();
    }
    let keys = settings.iter().flat_map(|setting| [Some(setting.key.clone()), setting.file_key(settings)]).flatten();
    let by_likeness = keys.map(|known| (strsim::jaro_winkler(key, &known), known));
    match by_likeness.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, known)) if likeness >= ALIKE => format!("there is no such setting; did you mean {known}?"),
        _ => "there is no such setting; 'orrery config default' prints all of them".to_owned(),
    }
}

/// Flags that exclude each other, within the file.
fn contradictions(entries: &[Entry], settings: &[Setting]) -> Vec<Mistake> {
    let mut command = declared::command();
    command.build();
    let argument = |key: &str| {
        let setting = settings.iter().find(|setting| setting.key == key)?;
        command.get_arguments().find(|arg| arg.get_long() == Some(&setting.long))
    };
    let mut found = Vec::new();
    for entry in entries {
        let Some(arg) = argument(&entry.key) else { continue };
        let excluded = command.get_arg_conflicts_with(arg);
        for other in entries {
            if argument(&other.key).is_some_and(|other| excluded.contains(&other)) {
                let what = format!("{}: it excludes {} in line {}", entry.key, other.key, other.line);
                found.push(Mistake::new(entry.line, what));
            }
        }
    }
    found
}

fn line(text: &str, offset: usize) -> usize {
    1 + text.get(..offset).map_or(0, |before| before.matches('\n').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, Vec<String>> {
        let mistakes = |mistakes: Vec<Mistake>| mistakes.iter().map(|m| m.at(Path::new("o.toml"))).collect();
        entries(text, &declared::settings()).map_err(mistakes)
    }

    #[test]
    fn entries_are_what_the_flags_would_be_given() {
        let text = "role = \"api\"\ncapacity = 5\n\nno_migrate = true\naccept_requests = false\n\
                    cors_origin = [\"https://a.example\", \"https://b.example\"]\ntrusted_proxies = \"10.0.0.0/8\"\n";
        let entries = read(text).expect("it is good");
        let found: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.line, e.values.join(" "))).collect();
        let expected = [
            ("role", 1, "api"),
            ("capacity", 2, "5"),
            ("no_migrate", 4, "true"),
            ("accept_requests", 5, "false"),
            ("cors_origin", 6, "https://a.example https://b.example"),
            ("trusted_proxies", 7, "10.0.0.0/8"),
        ];
        assert_eq!(found, expected.map(|(key, line, value)| (key, line, value.to_owned())));
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_their_lines() {
        let text = "lisen = \"127.0.0.1:1\"\nlisten = \"here\"\ncapacity = \"many\"\nrole = \"boss\"\nlease_seconds = 1\n\
                    no_migrate = 1\nlog = [\"info\"]\ncors_origin = [5]\nconfig = \"x\"\nwholly_else = 1\n[kafka]\nbrokers = \"h\"\n";
        let told = read(text).expect_err("nothing of it is good");
        for (line, said) in [
            (1, "lisen: there is no such setting; did you mean listen?"),
            (2, "listen: 'here': invalid socket address syntax"),
            (3, "capacity: expected a whole number, not a text"),
            (4, "role: expected one of all, api, executor, relay, bridge"),
            (5, "lease_seconds: '1': 1 is not in 2..=300"),
            (6, "no_migrate: expected true or false, not a whole number"),
            (7, "log: expected a text in quotes, not a list"),
            (8, "cors_origin: expected a text in quotes, or a list of such, not a whole number"),
            (9, "config: a file cannot name another one"),
            (10, "wholly_else: there is no such setting; 'orrery config default'"),
            (11, "kafka: there are no sections"),
        ] {
            let found = told.iter().find(|told| told.starts_with(&format!("o.toml:{line}: ")));
            assert!(found.is_some_and(|found| found.contains(said)), "{line} {said}: {told:#?}");
        }
        assert_eq!(told.len(), 11, "{told:#?}");
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let told = read("role = \"api\"\nlisten = \n").expect_err("a value is missing");
        assert!(told[0].starts_with("o.toml:2: "), "{told:?}");
        let twice = read("role = \"api\"\nrole = \"all\"\n").expect_err("it is there twice");
        assert!(twice[0].starts_with("o.toml:2: "), "{twice:?}");
    }

    #[test]
    fn a_secret_may_stand_in_a_file_of_its_own_and_is_in_no_message() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:hunter2@h/d\n").expect("it is written");
        let named = format!("database_url_file = {:?}\n", file.display().to_string());
        let entries = read(&named).expect("it is good");
        assert_eq!(
            entries[0],
            Entry { key: "database_url".into(), line: 1, values: vec!["postgres://u:hunter2@h/d".into()] }
        );
        let both = read(&format!("database_url = \"postgres://u:hunter3@h/d\"\n{named}")).expect_err("which of them?");
        assert!(both[0].contains("o.toml:2: database_url_file: the line 1 says already"), "{both:?}");
        assert!(!both.join("").contains("hunter"), "{both:?}");
        let gone = read("kafka_sasl_password_file = \"/nowhere/p\"\n").expect_err("there is none");
        assert!(gone[0].contains("/nowhere/p cannot be read"), "{gone:?}");
    }

    #[test]
    fn settings_that_exclude_each_other_are_told() {
        let told = read("secret_keys = \"k\"\nsecret_keys_file = \"f\"\n").expect_err("one of them");
        assert!(told.iter().any(|told| told.contains("excludes secret_keys")), "{told:?}");
    }
}
