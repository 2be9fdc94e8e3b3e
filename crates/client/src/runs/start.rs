//! `orrery run`: starts a run of a workflow, by its name or id.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde_json::{Map, Value, json};

use super::watching::Following;
use crate::{
    console::{Console, Exit, plain},
    server::{Asked, Server},
    source::{Unreadable, json as parse_json, yaml},
    trouble::Trouble,
};

/// The largest input that is read: more than a server takes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A run to be started.
#[derive(Debug, Clone, Default)]
pub struct StartRun {
    /// The workflow, by its name or id.
    pub workflow: String,
    /// Its input: JSON, a file with JSON or YAML, or `-` for standard input. Without it, an empty object.
    pub input: Option<String>,
    /// The version; without it, the server decides.
    pub version: Option<u32>,
    /// Labels, as pairs of name and value.
    pub labels: Vec<(String, String)>,
    /// After how many seconds it begins.
    pub delay_seconds: Option<u32>,
    /// What makes a second attempt the same request; a new one by default.
    pub key: Option<String>,
    /// Whether and how its end is waited for.
    pub following: Following,
}

impl StartRun {
    /// Starts it. Its id is the result, or with waiting its output.
    pub async fn run(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        let (input, unwrapped) = input(self.input.as_deref())?;
        if unwrapped {
            console.note("The input is what stands under 'workflow_input', as files of the old system have it.");
        }
        let workflow = workflow_id(server, &self.workflow).await?;
        let mut body = Map::new();
        body.insert("input_data".to_owned(), Value::Object(input));
        if let Some(version) = self.version {
            body.insert("version".to_owned(), version.into());
        }
        if !self.labels.is_empty() {
            let labels = self.labels.iter().map(|(name, value)| (name.clone(), json!(value)));
            body.insert("labels".to_owned(), Value::Object(labels.collect()));
        }
        if let Some(seconds) = self.delay_seconds {
            body.insert("delay_seconds".to_owned(), seconds.into());
        }
        let (path, body) = (["workflows", workflow.as_str(), "execute"], Value::Object(body));
        let asked: Asked<'_> = server.posting(&path, &body, self.key.clone());
        let answer = server.ask(&asked).await?;
        if let Some(warning) = &answer.warning {
            console.note(format!("warning: {}", plain(warning)));
        }
        let run = answer.body["run_id"].as_str().unwrap_or_default().to_owned();
        if self.following.waits() {
            console.note(format!("Run {run} has started."));
            return self.following.see(server, console, &run, 0).await;
        }
        if console.json {
            console.document(&answer.body);
        } else {
            console.note(format!("A run of '{}' has started:", plain(&self.workflow)));
            console.line(run);
        }
        Ok(Exit::DONE)
    }
}

/// A workflow by its name; or by its id, which no name is taken for.
async fn workflow_id(server: &Server, named: &str) -> Result<String, Trouble> {
    let found = server.list_up_to(&["workflows"], &[("name", named)], 1).await?;
    if let Some(id) = found.first().and_then(|workflow| workflow["id"].as_str()) {
        return Ok(id.to_owned());
    }
    let is_id = named.len() == 36 && named.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if is_id {
        return Ok(named.to_owned());
    }
    let others: Vec<String> = server
        .list_up_to(&["workflows"], &[("sort_by", "name"), ("sort_order", "asc")], 20)
        .await?
        .iter()
        .filter_map(|workflow| workflow["name"].as_str().map(plain))
        .collect();
    let there =
        if others.is_empty() { "there are none".to_owned() } else { format!("there are: {}", others.join(", ")) };
    Err(Trouble::Here(format!("no workflow is called '{}'; {there}", plain(named))))
}

/// The input, and whether it was taken out of a `workflow_input` around it (contract 8).
fn input(given: Option<&str>) -> Result<(Map<String, Value>, bool), Trouble> {
    let Some(given) = given else { return Ok((Map::new(), false)) };
    let (what, text) = match given {
        "-" => ("standard input".to_owned(), from_stdin()?),
        text if text.trim_start().starts_with('{') => ("the input".to_owned(), text.to_owned()),
        file => (file.to_owned(), from_file(Path::new(file))?),
    };
    let extension = Path::new(&what).extension().unwrap_or_default();
    let is_yaml = extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml");
    let read = if is_yaml { yaml(&text) } else { parse_json(&text) };
    let read = read.map_err(|Unreadable { place, message }| {
        let place = place.map(|place| format!(":{place}")).unwrap_or_default();
        Trouble::Here(format!("{what}{place}: {message}"))
    })?;
    match read.value {
        Value::Object(mut members) => match members.remove("workflow_input") {
            Some(Value::Object(inner)) if members.is_empty() => Ok((inner, true)),
            Some(other) => {
                members.insert("workflow_input".to_owned(), other);
                Ok((members, false))
            }
            None => Ok((members, false)),
        },
        _ => Err(Trouble::Here(format!("{what} is no object, and an input is one"))),
    }
}

fn from_stdin() -> Result<String, Trouble> {
    let mut text = String::new();
    io::stdin()
        .take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| Trouble::Here(format!("standard input cannot be read: {error}")))?;
    Ok(text)
}

fn from_file(file: &Path) -> Result<String, Trouble> {
    fs::read_to_string(file).map_err(|error| Trouble::Here(format!("{} cannot be read: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Value, bool), String> {
        input(Some(text))
            .map(|(members, unwrapped)| (Value::Object(members), unwrapped))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_input_is_json_or_a_file() {
        assert_eq!(read(" {\"a\": 1}"), Ok((json!({"a": 1}), false)));
        assert_eq!(input(None).map(|(members, _)| members.len()).ok(), Some(0));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("in.yaml");
        fs::write(&file, "a: [1, 2]\n").expect("written");
        assert_eq!(read(&file.to_string_lossy()), Ok((json!({"a": [1, 2]}), false)));
        assert!(read("nowhere.json").expect_err("no file").contains("nowhere.json cannot be read"));
        assert_eq!(
            read("{\n\"a\": }"),
            Err("the input:2:6: what stands here is no JSON value (texts stand in double quotes)".to_owned())
        );
        assert_eq!(read("{\"a\": 1, \"a\": 2}"), Err("the input:1:12: 'a' is given more than once".to_owned()));
    }

    #[test]
    fn what_old_files_wrap_is_taken_out() {
        assert_eq!(read("{\"workflow_input\": {\"a\": 1}}"), Ok((json!({"a": 1}), true)));
        assert_eq!(read("{\"workflow_input\": 1}"), Ok((json!({"workflow_input": 1}), false)));
        let more = "{\"workflow_input\": {\"a\": 1}, \"b\": 2}";
        assert_eq!(read(more), Ok((json!({"workflow_input": {"a": 1}, "b": 2}), false)));
    }
}
