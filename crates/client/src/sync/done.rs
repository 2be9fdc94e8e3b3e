//! Doing what is planned. Everything is tried, but nothing more once the server is away: what failed is kept at its item.

use serde_json::{Map, Value, json};

use super::plan::{Item, Kind, Outcome, Todo, without_status};
use crate::{
    server::{Answer, Server},
    trouble::Trouble,
};

/// Does what is planned.
pub(crate) struct Doer<'a> {
    pub(crate) server: &'a Server,
}

impl Doer<'_> {
    /// Agents first, then workflows, those that others run before the others; then what is wanted no longer.
    pub(crate) async fn perform(&self, items: &mut [Item]) {
        let mut away = None;
        for item in items.iter_mut().filter(|item| item.kind == Kind::Agent && !is_deletion(item)) {
            self.attempt(item, &mut away).await;
        }
        self.workflows(items, &mut away).await;
        for item in items.iter_mut().filter(|item| is_deletion(item)) {
            self.attempt(item, &mut away).await;
        }
    }

    /// Round by round: a workflow waits for those that it runs, as long as one of them gets on.
    async fn workflows(&self, items: &mut [Item], away: &mut Option<Trouble>) {
        loop {
            let open: Vec<usize> = (0..items.len())
                .filter(|at| {
                    items[*at].kind == Kind::Workflow && items[*at].todo != Todo::Nothing && !is_deletion(&items[*at])
                })
                .collect();
            if open.is_empty() {
                return;
            }
            let waits = |at: &usize| {
                let others = open.iter().filter(|other| *other != at);
                others.map(|other| &items[*other].name).any(|name| items[*at].children.contains(name))
            };
            let mut ready: Vec<usize> = open.iter().copied().filter(|at| !waits(at)).collect();
            // Those that run each other: the server says what is wrong with that.
            if ready.is_empty() {
                ready = open;
            }
            for at in ready {
                self.attempt(&mut items[at], away).await;
            }
        }
    }

    async fn attempt(&self, item: &mut Item, away: &mut Option<Trouble>) {
        if item.todo == Todo::Nothing {
            return;
        }
        if let Some(trouble) = away {
            item.fail(&Trouble::Here(format!("it was not tried, because {trouble}")));
            return;
        }
        match self.act(item).await {
            Ok(answer) => {
                item.version = answer.body["version"].as_u64().filter(|_| item.kind == Kind::Workflow);
                // A name that was in use and free of everything else, like that of a deleted workflow, goes on counting.
                if item.outcome == Outcome::Created && item.version.is_some_and(|version| version > 1) {
                    item.outcome = Outcome::NewVersion;
                }
                item.notes.extend(affected(&answer.body));
                item.todo = Todo::Nothing;
            }
            Err(trouble) => {
                if trouble.is_for_all() {
                    *away = Some(trouble.clone());
                }
                item.fail(&trouble);
            }
        }
    }

    async fn act(&self, item: &Item) -> Result<Answer, Trouble> {
        let list = item.kind.path();
        match &item.todo {
            Todo::Create(body) if item.kind == Kind::Agent => self.register(body).await,
            Todo::Create(body) => {
                let said: Map<String, Value> = body
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                self.server.post(&[list], &Value::Object(said)).await
            }
            Todo::Change { id, etag, send } => {
                self.server.put(&[list, id], &Value::Object(send.clone()), etag.as_deref()).await
            }
            Todo::Delete { id, etag } => self.server.delete(&[list, id], etag.as_deref()).await,
            Todo::Nothing => Err(Trouble::Here("there is nothing to be done".to_owned())),
        }
    }

    /// A new agent is active; one that is not to be is made inactive next.
    async fn register(&self, body: &Map<String, Value>) -> Result<Answer, Trouble> {
        let answer = self.server.post(&["agents"], &Value::Object(without_status(body))).await?;
        let status = body.get("status").filter(|status| !status.is_null() && **status != "active");
        match (status, answer.body["id"].as_str()) {
            (Some(status), Some(id)) => {
                self.server.put(&["agents", id], &json!({"status": status}), answer.etag.as_deref()).await
            }
            _ => Ok(answer),
        }
    }
}

fn is_deletion(item: &Item) -> bool {
    matches!(item.todo, Todo::Delete { .. })
}

/// The workflows that a change of an agent breaks.
fn affected(answer: &Value) -> Vec<String> {
    let workflows = answer["affected_workflows"].as_array().into_iter().flatten();
    workflows
        .filter_map(|workflow| Some(format!("the workflow '{}' no longer checks with it", workflow["name"].as_str()?)))
        .collect()
}
