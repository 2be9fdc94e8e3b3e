//! `orrery apply`: a folder says what a server is to have. What differs is shown first, and then changed; nothing is, while anything
//! in the folder is wrong, or the caller may not do all of it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    console::{Console, Exit},
    server::Server,
    sync::{Doer, Item, Outcome, Planner, Style, Summary, documents, lines_of_differences, refuse_without_rights},
    trouble::Trouble,
    wanted::{Read, folder, refuse_doubles},
};

/// What to do about differences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ApplyMode {
    /// Show them, then change the server.
    #[default]
    Change,
    /// Only show them.
    DryRun,
    /// Only show them; the exit code tells whether there are any.
    Check,
}

/// What is to be there.
#[derive(Debug, Clone, Default)]
pub struct Apply {
    /// The folders, or single files.
    pub files: Vec<PathBuf>,
    /// What to do about differences.
    pub mode: ApplyMode,
    /// Delete what the caller made and the folder does not have.
    pub prune: bool,
    /// Delete without asking.
    pub yes: bool,
    /// Send credentials also where some are stored.
    pub send_credentials: bool,
}

impl Apply {
    /// Shows what differs, and changes it.
    pub async fn run(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        let mut files = Vec::new();
        for path in &self.files {
            files.extend(folder(path)?);
        }
        // A folder named twice, or a file in it.
        files.sort_by(|one, other| one.file.cmp(&other.file));
        files.dedup_by(|one, other| one.file == other.file);
        refuse_doubles(&mut files);
        let style = Style { whole: true, send_credentials: self.send_credentials };
        let planner = Planner { server, style, check: true };
        let mut items = planner.plan(&files).await?;
        if self.prune && Summary::of(&files, &items).failed == 0 {
            let me = owner(server).await?;
            items.extend(planner.unwanted(&items, &me).await?);
        }
        refuse_without_rights(server, &mut items).await;
        let summary = Summary::of(&files, &items);
        let sound = summary.failed == 0;
        if !console.json {
            for line in lines_of_differences(&files, &items) {
                console.line(line);
            }
        }
        if self.mode != ApplyMode::Change || !sound || !summary.changes() {
            tell(server, console, &files, &items, false);
            return Ok(match (sound, self.mode) {
                (false, _) => Exit::FAILED,
                (true, ApplyMode::Check) if summary.changes() => Exit::DIFFERS,
                (true, _) => Exit::DONE,
            });
        }
        if summary.deleted > 0 && !self.yes {
            let what =
                if summary.deleted == 1 { "what is".to_owned() } else { format!("the {} that are", summary.deleted) };
            if !console.confirms(&format!("Delete {what} marked with '-'?")) {
                return Err(Trouble::Here("nothing was changed: deleting needs a yes, or --yes".to_owned()));
            }
        }
        Doer { server }.perform(&mut items).await;
        let done = Summary::of(&files, &items);
        if !console.json {
            for item in items.iter().filter(|item| item.outcome == Outcome::Failed) {
                for line in lines_of_differences(&[], std::slice::from_ref(item)) {
                    console.line(line);
                }
            }
        }
        tell(server, console, &files, &items, true);
        Ok(if done.failed > 0 { Exit::FAILED } else { Exit::DONE })
    }
}

fn tell(server: &Server, console: &mut Console<'_>, files: &[Read], items: &[Item], done: bool) {
    let summary = Summary::of(files, items);
    if console.json {
        let (listed, unwanted): (Value, Value) = documents(files, items);
        console.document(&json!({
            "changed": done, "server": server.address(), "files": listed, "unwanted": unwanted, "summary": summary.json(),
        }));
        return;
    }
    let line = summary.line("created", !done);
    console.line(match (done, summary.failed) {
        (false, 1..) => format!("{line}: nothing was changed, and nothing will be while anything fails"),
        _ => line,
    });
}

/// As whom the server knows the caller: what was made under this name may be deleted.
async fn owner(server: &Server) -> Result<String, Trouble> {
    let me = server.get(&["auth", "me"], &[]).await?.body;
    match me["principal"].as_str() {
        Some(name) if me["known_by"] != "none" => Ok(name.to_owned()),
        _ => Err(Trouble::Here(
            "nothing can be pruned there: the server asks nobody who they are, so it does not know what was made by this command"
                .to_owned(),
        )),
    }
}
