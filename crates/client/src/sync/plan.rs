//! What has to be done so that a server has what is wanted. Planning changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{agents, difference::Difference, rules::Rules, workflows};
use crate::{
    server::Server,
    trouble::{Mistake, Trouble},
    wanted::{Flaw, Origin, Read, WantedAgent, WantedWorkflow},
};

/// How what is wanted is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Whether what is not named is to be as where nobody says anything; otherwise it is left alone.
    pub(crate) whole: bool,
    /// Whether credentials are sent although some are stored.
    pub(crate) send_credentials: bool,
}

/// Of what kind something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent,
    Workflow,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Workflow => "workflow",
        }
    }

    /// The right to change one.
    pub(crate) fn right(self) -> &'static str {
        match self {
            Self::Agent => "agents:write",
            Self::Workflow => "workflows:write",
        }
    }

    /// The path of its list.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Agent => "agents",
            Self::Workflow => "workflows",
        }
    }
}

/// What becomes, or became, of something that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Updated,
    NewVersion,
    Deleted,
    Unchanged,
    Failed,
}

/// What is to be sent for it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Todo {
    Nothing,
    Create(Map<String, Value>),
    Change { id: String, etag: Option<String>, send: Map<String, Value> },
    Delete { id: String, etag: Option<String> },
}

/// Something that is wanted, or wanted no longer.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    pub(crate) differences: Vec<Difference>,
    pub(crate) notes: Vec<String>,
    pub(crate) flaws: Vec<Flaw>,
    /// The version of a workflow, where it is known.
    pub(crate) version: Option<u64>,
    pub(crate) origin: Origin,
    pub(super) todo: Todo,
    /// The workflows that it runs.
    pub(super) children: Vec<String>,
}

impl Item {
    /// Keeps what is wrong with it.
    pub(crate) fn fail(&mut self, trouble: &Trouble) {
        self.outcome = Outcome::Failed;
        self.todo = Todo::Nothing;
        match trouble.problem() {
            Some(problem) if !problem.mistakes.is_empty() => self.refuse(&problem.mistakes),
            Some(problem) if problem.status == 412 => {
                let hint = Some("do it again, and look at the difference".to_owned());
                self.flaws.push(self.origin.flaw("", "somebody has changed it there meanwhile", hint));
            }
            Some(problem) => self.flaws.push(self.origin.flaw("", problem.detail.clone(), None)),
            None => self.flaws.push(self.origin.flaw("", trouble.to_string(), None)),
        }
    }

    pub(super) fn refuse(&mut self, mistakes: &[Mistake]) {
        let flaws = mistakes
            .iter()
            .map(|mistake| self.origin.flaw(&mistake.pointer, mistake.message.clone(), mistake.hint.clone()));
        let flaws: Vec<Flaw> = flaws.collect();
        self.flaws.extend(flaws);
        self.outcome = Outcome::Failed;
        self.todo = Todo::Nothing;
    }
}

/// Plans.
pub(crate) struct Planner<'a> {
    pub(crate) server: &'a Server,
    pub(crate) style: Style,
    /// Whether mistakes are looked for that would show when it is done.
    pub(crate) check: bool,
}

impl Planner<'_> {
    /// What has to be done for everything in some files, agents first.
    pub(crate) async fn plan(&self, files: &[Read]) -> Result<Vec<Item>, Trouble> {
        let there = self.agents().await?;
        let mut items = Vec::new();
        for wanted in files.iter().flat_map(|file| &file.agents) {
            items.push(self.agent(wanted, there.get(&wanted.name)).await?);
        }
        for wanted in files.iter().flat_map(|file| &file.workflows) {
            items.push(self.workflow(wanted).await?);
        }
        if self.check {
            self.check_agents(&mut items).await;
            self.check_workflows(&mut items).await?;
        }
        Ok(items)
    }

    /// What was made by somebody and is not wanted any more, workflows first.
    pub(crate) async fn unwanted(&self, items: &[Item], by: &str) -> Result<Vec<Item>, Trouble> {
        let mut found = Vec::new();
        for kind in [Kind::Workflow, Kind::Agent] {
            let wanted: BTreeSet<&str> =
                items.iter().filter(|item| item.kind == kind).map(|item| item.name.as_str()).collect();
            for there in self.server.list(&[kind.path()], &[("sort_by", "name"), ("sort_order", "asc")]).await? {
                let (Some(name), Some(id)) = (there["name"].as_str(), there["id"].as_str()) else { continue };
                if wanted.contains(name) || there["created_by"].as_str() != Some(by) {
                    continue;
                }
                let etag = self.server.get(&[kind.path(), id], &[]).await?.etag;
                found.push(Item {
                    todo: Todo::Delete { id: id.to_owned(), etag },
                    ..item(kind, name, Outcome::Deleted, Origin::default())
                });
            }
        }
        Ok(found)
    }

    /// The agents of the server by name, deleted ones too: their names stay taken.
    async fn agents(&self) -> Result<BTreeMap<String, Value>, Trouble> {
        let mut all = self.server.list(&["agents"], &[("status", "deleted")]).await?;
        all.extend(self.server.list(&["agents"], &[]).await?);
        Ok(all.into_iter().filter_map(|agent| Some((agent["name"].as_str()?.to_owned(), agent))).collect())
    }

    async fn agent(&self, wanted: &WantedAgent, there: Option<&Value>) -> Result<Item, Trouble> {
        let mut item = item(Kind::Agent, &wanted.name, Outcome::Created, wanted.origin.clone());
        item.notes.clone_from(&wanted.notes);
        let Some((there, id)) = there.and_then(|there| Some((there, there["id"].as_str()?))) else {
            item.todo = Todo::Create(wanted.body.clone());
            return Ok(item);
        };
        let change = agents::compare(there, &wanted.body, self.style);
        if change.send.is_empty() {
            item.notes.extend(change.notes);
            item.outcome = Outcome::Unchanged;
            return Ok(item);
        }
        // Looked at again, now with its tag: what is shown and what is changed are the same revision.
        let answer = self.server.get(&["agents", id], &[]).await?;
        let change = agents::compare(&answer.body, &wanted.body, self.style);
        item.notes.extend(change.notes);
        item.differences = change.differences;
        item.outcome = if change.send.is_empty() { Outcome::Unchanged } else { Outcome::Updated };
        if !change.send.is_empty() {
            item.todo = Todo::Change { id: id.to_owned(), etag: answer.etag, send: change.send };
        }
        Ok(item)
    }

    async fn workflow(&self, wanted: &WantedWorkflow) -> Result<Item, Trouble> {
        let mut item = item(Kind::Workflow, &wanted.name, Outcome::Created, wanted.origin.clone());
        item.notes.clone_from(&wanted.notes);
        item.children = wanted.children().into_iter().map(str::to_owned).collect();
        let found = self.server.list_up_to(&["workflows"], &[("name", &wanted.name)], 1).await?;
        let Some((there, id)) = found.first().and_then(|there| Some((there, there["id"].as_str()?))) else {
            item.todo = Todo::Create(wanted.body.clone());
            return Ok(item);
        };
        item.version = there["version"].as_u64();
        if workflows::compare(there, &wanted.body, self.style).send.is_empty() {
            item.outcome = Outcome::Unchanged;
            return Ok(item);
        }
        let answer = self.server.get(&["workflows", id], &[]).await?;
        let change = workflows::compare(&answer.body, &wanted.body, self.style);
        item.version = answer.body["version"].as_u64().map(|version| version + u64::from(change.is_new_version));
        item.differences = change.differences;
        item.outcome = match (change.send.is_empty(), change.is_new_version) {
            (true, _) => Outcome::Unchanged,
            (false, true) => Outcome::NewVersion,
            (false, false) => Outcome::Updated,
        };
        if !change.send.is_empty() {
            item.todo = Todo::Change { id: id.to_owned(), etag: answer.etag, send: change.send };
        }
        Ok(item)
    }

    async fn check_agents(&self, items: &mut [Item]) {
        if items.iter().all(|item| item.kind == Kind::Workflow || item.todo == Todo::Nothing) {
            return;
        }
        let rules = Rules::of(self.server).await;
        for item in items.iter_mut().filter(|item| item.kind == Kind::Agent) {
            let found = match &item.todo {
                Todo::Create(body) => rules.of_new(&without_status(body)),
                Todo::Change { send, .. } => rules.of_change(send),
                Todo::Nothing | Todo::Delete { .. } => Vec::new(),
            };
            if !found.is_empty() {
                item.refuse(&found);
            }
        }
    }

    /// Asks what is wrong with the documents that would be sent. What is missing there and comes with them is no mistake.
    async fn check_workflows(&self, items: &mut [Item]) -> Result<(), Trouble> {
        let coming = |items: &[Item], kind: Kind| -> BTreeSet<String> {
            let comes = |item: &&Item| item.kind == kind && item.outcome != Outcome::Failed;
            items.iter().filter(comes).map(|item| item.name.clone()).collect()
        };
        let agents = coming(items, Kind::Agent);
        let workflows = coming(items, Kind::Workflow);
        for item in items.iter_mut().filter(|item| item.kind == Kind::Workflow) {
            let Some(document) = item.document() else { continue };
            let document = Value::Object(document);
            let findings = match self.server.check(&["workflows", "validate"], &document).await {
                Ok(answer) => answer.body["diagnostics"].as_array().cloned().unwrap_or_default(),
                Err(trouble) if trouble.is_for_all() => return Err(trouble),
                // Whoever may write workflows and not check them is told when they are written.
                Err(Trouble::Refused(problem)) if problem.status == 403 => continue,
                Err(trouble) => {
                    item.fail(&trouble);
                    continue;
                }
            };
            let (errors, warnings): (Vec<&Value>, Vec<&Value>) =
                findings.iter().partition(|finding| finding["severity"] == "error");
            item.notes.extend(warnings.iter().filter_map(|finding| {
                Some(format!("{}: {}", finding["pointer"].as_str()?, finding["message"].as_str()?))
            }));
            let errors: Vec<Mistake> = errors
                .into_iter()
                .map(Mistake::read)
                .filter(|mistake| {
                    let named = document.pointer(&mistake.pointer).and_then(Value::as_str);
                    let comes = |names: &BTreeSet<String>| named.is_some_and(|name| names.contains(name));
                    match mistake.code.as_deref() {
                        Some("unknown_agent" | "inactive_agent") => !comes(&agents),
                        Some("unknown_workflow") => !comes(&workflows),
                        _ => true,
                    }
                })
                .collect();
            if !errors.is_empty() {
                item.refuse(&errors);
            }
        }
        fail_parents(items, &workflows);
        Ok(())
    }
}

/// A workflow cannot be saved while one that it runs is missing.
fn fail_parents(items: &mut [Item], brought: &BTreeSet<String>) {
    loop {
        let failed: BTreeSet<String> = items
            .iter()
            .filter(|item| item.kind == Kind::Workflow && item.outcome == Outcome::Failed && item.version.is_none())
            .map(|item| item.name.clone())
            .filter(|name| brought.contains(name))
            .collect();
        let mut changed = false;
        for item in items.iter_mut().filter(|item| item.todo != Todo::Nothing) {
            if let Some(child) = item.children.iter().find(|child| failed.contains(*child)).cloned() {
                let trouble = Trouble::Here(format!("it runs the workflow '{child}', which cannot be saved"));
                item.fail(&trouble);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

impl Item {
    /// The document that would be there, for a check; none where nothing of it changes.
    fn document(&self) -> Option<Map<String, Value>> {
        let content = match &self.todo {
            Todo::Create(body) => body.clone(),
            Todo::Change { send, .. } if send.contains_key("steps") => send.clone(),
            Todo::Change { .. } | Todo::Nothing | Todo::Delete { .. } => return None,
        };
        let mut content: Map<String, Value> = content.into_iter().filter(|(_, value)| !value.is_null()).collect();
        content.remove("status");
        content.insert("name".to_owned(), self.name.clone().into());
        Some(content)
    }
}

fn item(kind: Kind, name: &str, outcome: Outcome, origin: Origin) -> Item {
    Item {
        kind,
        name: name.to_owned(),
        outcome,
        differences: Vec::new(),
        notes: Vec::new(),
        flaws: Vec::new(),
        version: None,
        origin,
        todo: Todo::Nothing,
        children: Vec::new(),
    }
}

/// What a new agent is registered with: it is active at first.
pub(super) fn without_status(body: &Map<String, Value>) -> Map<String, Value> {
    body.iter()
        .filter(|(name, value)| *name != "status" && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
