//! What was read from a file, and what is wrong with it.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Map, Value};

use crate::source::{Located, Place};

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) place: Option<Place>,
    /// Which part of the file, as a JSON Pointer; empty for all of it.
    pub(crate) pointer: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Flaw {
    pub(crate) fn of_file(message: impl Into<String>) -> Self {
        Self { place: None, pointer: String::new(), message: message.into(), hint: None }
    }
}

/// Which part of which file something comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) file: PathBuf,
    /// The part, as a JSON Pointer.
    pub(crate) pointer: String,
    /// The part alone, with its places.
    pub(crate) located: Located,
    /// What members are called in the file that have another name in the API, by their pointers in the part.
    pub(crate) renamed: BTreeMap<&'static str, &'static str>,
}

impl Origin {
    /// Something that is wrong at a place, which is given as in the API.
    pub(crate) fn flaw(&self, pointer: &str, message: impl Into<String>, hint: Option<String>) -> Flaw {
        let inner = self.renamed.get(pointer).copied().unwrap_or(pointer);
        Flaw {
            place: self.located.place(inner),
            pointer: format!("{}{inner}", self.pointer),
            message: message.into(),
            hint,
        }
    }
}

/// An agent that is to be there.
#[derive(Debug, Clone)]
pub(crate) struct WantedAgent {
    pub(crate) name: String,
    /// What is said about it, in the words of the API.
    pub(crate) body: Map<String, Value>,
    pub(crate) origin: Origin,
    /// What the file says and the API has no word for.
    pub(crate) notes: Vec<String>,
}

/// A workflow that is to be there.
#[derive(Debug, Clone)]
pub(crate) struct WantedWorkflow {
    pub(crate) name: String,
    /// What is said about it, in the words of the API.
    pub(crate) body: Map<String, Value>,
    pub(crate) origin: Origin,
    /// What the file says and the API has no word for.
    pub(crate) notes: Vec<String>,
}

impl WantedWorkflow {
    /// The workflows that its steps run, and those that follow it, by name.
    pub(crate) fn children(&self) -> Vec<&str> {
        let steps = self.body.get("steps").and_then(Value::as_object).into_iter().flat_map(Map::values);
        let following = self.body.get("on_complete").and_then(Value::as_array).into_iter().flatten();
        steps.chain(following).filter_map(|place| place["workflow_name"].as_str()).collect()
    }
}

/// A file, and what is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Read {
    pub(crate) file: PathBuf,
    pub(crate) agents: Vec<WantedAgent>,
    pub(crate) workflows: Vec<WantedWorkflow>,
    pub(crate) flaws: Vec<Flaw>,
    /// Why nothing in it is looked at, where that is no mistake.
    pub(crate) skipped: Option<String>,
}

impl Read {
    /// Whether nothing came of it, not even a mistake.
    pub(super) fn says_nothing(&self) -> bool {
        self.agents.is_empty() && self.workflows.is_empty() && self.flaws.is_empty()
    }
}

/// Takes what is said twice for a mistake of both places: which of them counts must not hang on the order of files.
pub(crate) fn refuse_doubles(files: &mut [Read]) {
    refuse(files, "agent", |file| &mut file.agents, |agent| (&agent.name, &agent.body, &agent.origin));
    refuse(
        files,
        "workflow",
        |file| &mut file.workflows,
        |workflow| (&workflow.name, &workflow.body, &workflow.origin),
    );
}

/// Which file says what.
type Said = (PathBuf, Map<String, Value>);

type Parts<'a> = (&'a String, &'a Map<String, Value>, &'a Origin);

fn refuse<T>(files: &mut [Read], what: &str, list: impl Fn(&mut Read) -> &mut Vec<T>, parts: impl Fn(&T) -> Parts<'_>) {
    let mut seen: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for file in &mut *files {
        for one in list(file).iter() {
            let (name, body, origin) = parts(one);
            seen.entry(name.clone()).or_default().push((origin.file.clone(), said(body)));
        }
    }
    let mut kept = std::collections::BTreeSet::new();
    for file in files {
        let all = std::mem::take(list(file));
        for one in all {
            let (name, body, origin) = parts(&one);
            let others = seen.get(name).map(Vec::as_slice).unwrap_or_default();
            let mine = said(body);
            let differing = others.iter().find(|(_, other)| *other != mine);
            if let Some((other, _)) = differing {
                let message = format!("the {what} '{name}' is also in {}, where it is another", other.display());
                let flaw = origin.flaw("/name", message, Some("keep one of them".to_owned()));
                file.flaws.push(flaw);
            } else if kept.insert(name.clone()) {
                list(file).push(one);
            }
        }
    }
}

/// What a body says. Why it says it is left out: an import writes the name of the file there.
fn said(body: &Map<String, Value>) -> Map<String, Value> {
    let mut said = body.clone();
    said.remove("change_summary");
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(name: &str, agents: &[(&str, u64)]) -> Read {
        let agent = |(agent, timeout): &(&str, u64)| WantedAgent {
            name: (*agent).to_owned(),
            body: json!({"timeout_ms": timeout}).as_object().cloned().unwrap_or_default(),
            origin: Origin { file: name.into(), ..Origin::default() },
            notes: Vec::new(),
        };
        Read { file: name.into(), agents: agents.iter().map(agent).collect(), ..Read::default() }
    }

    #[test]
    fn of_two_that_differ_neither_counts_and_of_two_that_are_equal_one() {
        let mut files = [file("a", &[("x", 1), ("y", 1)]), file("b", &[("x", 2), ("y", 1)])];
        refuse_doubles(&mut files);
        let kept: Vec<&str> = files.iter().flat_map(|file| &file.agents).map(|agent| agent.name.as_str()).collect();
        assert_eq!(kept, ["y"]);
        assert!(files[0].flaws[0].message.contains("also in b") && files[1].flaws[0].message.contains("also in a"));
    }

    #[test]
    fn copies_of_a_workflow_are_equal_although_they_come_from_files_of_other_names() {
        let copy = |name: &str, start: &str| {
            let summary = format!("imported from {name}");
            let body = json!({"name": "w", "start_step": start, "change_summary": summary});
            let workflow = WantedWorkflow {
                name: "w".to_owned(),
                body: body.as_object().cloned().unwrap_or_default(),
                origin: Origin { file: name.into(), ..Origin::default() },
                notes: Vec::new(),
            };
            Read { file: name.into(), workflows: vec![workflow], ..Read::default() }
        };
        let counts = |files: &[Read]| (files[0].workflows.len(), files[1].workflows.len(), files[1].flaws.len());
        let mut files = [copy("a.json", "s"), copy("b.json", "s")];
        refuse_doubles(&mut files);
        assert_eq!(counts(&files), (1, 0, 0));
        let mut files = [copy("a.json", "s"), copy("b.json", "t")];
        refuse_doubles(&mut files);
        assert_eq!(counts(&files), (0, 0, 1));
    }
}
