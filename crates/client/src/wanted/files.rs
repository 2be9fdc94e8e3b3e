//! The files of an import and of an apply. Files are read in the order of their names, and what is in them does not hang on it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Flaw, Read, agents, workflows};
use crate::{
    source::{Located, Unreadable, json, registry, yaml, yaml_documents},
    trouble::Trouble,
};

/// The largest file that is read: far more than a server takes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The file with the agents: a registry in Python, or YAML or JSON.
pub(crate) fn agents_file(path: &Path) -> Read {
    let mut read = Read { file: path.to_owned(), ..Read::default() };
    let Some(text) = text(path, &mut read) else { return read };
    let parsed = match extension(path).as_str() {
        "py" => registry(&text).map(|(located, changes)| {
            agents::from_registry(path, &located, &mut read);
            read.flaws.extend(changes.into_iter().map(Flaw::from));
        }),
        "json" => json(&text).map(|located| agents::from_list(path, &located, &mut read)),
        _ => yaml(&text).map(|located| agents::from_list(path, &located, &mut read)),
    };
    if let Err(unreadable) = parsed {
        read.flaws.push(unreadable.into());
    }
    if read.says_nothing() {
        read.flaws.push(Flaw::of_file("there is no agent in it"));
    }
    read
}

/// The workflow files of a folder, not of folders in it, as the old script had it; or one file.
pub(crate) fn workflow_files(path: &Path, strip_steps: bool) -> Result<Vec<Read>, Trouble> {
    let is_wanted = |path: &Path| extension(path) == "json";
    let files = if path.is_dir() { listed(path, false, &is_wanted)? } else { vec![path.to_owned()] };
    let read = files.into_iter().map(|file| {
        let mut read = Read { file: file.clone(), ..Read::default() };
        let Some(text) = text(&file, &mut read) else { return read };
        if matches!(extension(&file).as_str(), "yaml" | "yml") {
            let message = "the old system's workflows are JSON, and this is YAML: `orrery apply -f` reads that";
            read.flaws.push(Flaw::of_file(message));
            return read;
        }
        match json(&text) {
            // An input beside its workflow, for instance.
            Ok(located) if !workflows::is_workflow(&located.value) => {
                read.skipped = Some("it has no steps, so it is no workflow".to_owned());
            }
            Ok(located) => workflows::old_workflow(&file, &located, strip_steps, &mut read),
            Err(unreadable) => read.flaws.push(unreadable.into()),
        }
        read
    });
    something(path, read.collect(), "workflow", "*.json with steps; folders in a folder are not looked into")
}

/// All agents and workflows of a folder and of those in it, or of one file. A YAML file may have several documents, each with an
/// agent, a workflow, or a list of agents.
pub(crate) fn folder(path: &Path) -> Result<Vec<Read>, Trouble> {
    let is_wanted = |path: &Path| matches!(extension(path).as_str(), "json" | "yaml" | "yml");
    let files = if path.is_dir() { listed(path, true, &is_wanted)? } else { vec![path.to_owned()] };
    let read = files.into_iter().map(|file| {
        let mut read = Read { file: file.clone(), ..Read::default() };
        let Some(text) = text(&file, &mut read) else { return read };
        let documents =
            if extension(&file) == "json" { json(&text).map(|one| vec![one]) } else { yaml_documents(&text) };
        match documents {
            Ok(documents) if documents.is_empty() => read.skipped = Some("it is empty".to_owned()),
            Ok(documents) => documents.iter().for_each(|document| sort_in(&file, document, &mut read)),
            Err(unreadable) => read.flaws.push(unreadable.into()),
        }
        read
    });
    let sought = "agents, which have a url, and workflows, which have steps, in *.yaml, *.yml and *.json";
    something(path, read.collect(), "agent or workflow", sought)
}

/// Refuses a place in which nothing is wanted: somebody has named it, so it is the wrong one, and to a command that deletes what
/// is not wanted it would say that nothing is to be there.
fn something(path: &Path, read: Vec<Read>, what: &str, sought: &str) -> Result<Vec<Read>, Trouble> {
    if read.iter().any(|file| !file.says_nothing()) {
        return Ok(read);
    }
    let place = if path.is_dir() { "the folder" } else { "the file" };
    Err(Trouble::Here(format!("there is no {what} in {place} {} (looked for: {sought})", path.display())))
}

fn sort_in(file: &Path, document: &Located, read: &mut Read) {
    let value = &document.value;
    if workflows::is_workflow(value) {
        workflows::workflow(file, document, read);
    } else if value.get("url").is_some() {
        agents::one_agent(file, document, read);
    } else if value.is_array() || value.get("agents").is_some() {
        agents::from_list(file, document, read);
    } else {
        let message = "it is neither an agent, which has a url, nor a workflow, which has steps";
        read.flaws.push(Flaw { place: document.place(""), ..Flaw::of_file(message) });
    }
}

impl From<Unreadable> for Flaw {
    fn from(unreadable: Unreadable) -> Self {
        Self { place: unreadable.place, ..Self::of_file(unreadable.message) }
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// The wanted files of a folder, sorted; what begins with a dot is left out.
fn listed(folder: &Path, deep: bool, is_wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Trouble> {
    let cannot = |error: io::Error| Trouble::Here(format!("the folder {} cannot be read: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // A link to a folder could lead round in circles.
        let is_folder = entry.file_type().map_err(cannot)?.is_dir();
        if is_folder && deep {
            found.extend(listed(&path, deep, is_wanted)?);
        } else if !is_folder && is_wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn text(path: &Path, read: &mut Read) -> Option<String> {
    let size = fs::metadata(path).map(|about| about.len()).unwrap_or_default();
    let text = if size > LARGEST {
        Err("it is larger than any server takes".to_owned())
    } else {
        fs::read(path)
            .map_err(|error| format!("it cannot be read: {error}"))
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not written in UTF-8".to_owned()))
    };
    text.map_err(|message| read.flaws.push(Flaw::of_file(message))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        fs::create_dir(folder.path().join("more")).expect("a folder");
        write("a.yaml", "name: A\nurl: http://a\n---\nname: w\nstart_step: s\nsteps: {s: {id: s}}\n");
        write("more/b.json", "{\"agents\": [{\"name\": \"B\", \"url\": \"http://b\"}]}");
        write("broken.yml", "a: [");
        write("odd.yaml", "just: this\n");
        write("notes.txt", "nothing");
        write(".hidden.yaml", "a: [");
        let files = super::folder(folder.path()).expect("files");
        let names: Vec<String> =
            files.iter().filter_map(|file| Some(file.file.file_name()?.to_string_lossy().into_owned())).collect();
        assert_eq!(names, ["a.yaml", "broken.yml", "b.json", "odd.yaml"]);
        assert_eq!((files[0].agents.len(), files[0].workflows.len()), (1, 1));
        assert_eq!(files[2].agents.len(), 1);
        assert_eq!((files[1].flaws.len(), files[3].flaws.len()), (1, 1));
    }

    #[test]
    fn inputs_beside_workflows_are_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("input.json"), "{\"topic\": 1}").expect("written");
        fs::write(folder.path().join("w.json"), "{\"name\": \"w\", \"steps\": {}}").expect("written");
        let files = workflow_files(folder.path(), false).expect("files");
        assert!(files[0].skipped.is_some() && files[0].flaws.is_empty());
        assert_eq!(files[1].workflows.len(), 1);
    }

    #[test]
    fn a_place_in_which_nothing_is_wanted_is_refused_by_its_name() {
        let place = tempfile::tempdir().expect("a folder");
        let named = place.path().display().to_string();
        for text in [None, Some(""), Some("agents: []\n"), Some("# nothing\n---\n")] {
            if let Some(text) = text {
                fs::write(place.path().join("a.yaml"), text).expect("written");
            }
            let refusal = folder(place.path()).expect_err("nothing").to_string();
            assert!(refusal.contains(&named) && refusal.contains("*.yaml"), "{text:?}: {refusal}");
            let refusal = workflow_files(place.path(), false).expect_err("nothing").to_string();
            assert!(refusal.contains(&named) && refusal.contains("*.json"), "{text:?}: {refusal}");
        }
        let file = place.path().join("r.py");
        fs::write(&file, "AGENTS = {}\n").expect("written");
        assert_eq!(agents_file(&file).flaws.len(), 1);
    }

    #[test]
    fn a_workflow_in_yaml_is_sent_to_the_command_that_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("w.yaml");
        fs::write(&file, "name: w\nsteps: {}\n").expect("written");
        let files = workflow_files(&file, false).expect("files");
        assert!(files[0].flaws[0].message.contains("orrery apply -f"), "{:?}", files[0].flaws);
    }
}
