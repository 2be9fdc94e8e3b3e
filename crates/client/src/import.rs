//! `orrery import`: the old system's agents and workflows, brought to a server. What is good is imported although something else
//! is broken; a second time, nothing changes.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    console::{Console, Exit},
    server::Server,
    sync::{Doer, Planner, Style, Summary, Words, documents, lines_of_files, refuse_without_rights},
    trouble::Trouble,
    wanted::{agents_file, refuse_doubles, workflow_files},
};

/// What to import, and how.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// The files with agents.
    pub agents: Vec<PathBuf>,
    /// The folders with workflow files, or single files.
    pub workflows: Vec<PathBuf>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Send credentials also where some are stored.
    pub send_credentials: bool,
    /// Write `${steps.x.output}` as `${x.output}`.
    pub strip_steps_prefix: bool,
}

impl Import {
    /// Imports, and says file by file what became of it.
    pub async fn run(&self, server: &Server, console: &mut Console<'_>) -> Result<Exit, Trouble> {
        let mut files: Vec<_> = self.agents.iter().map(|path| agents_file(path)).collect();
        for path in &self.workflows {
            files.extend(workflow_files(path, self.strip_steps_prefix)?);
        }
        if files.is_empty() {
            return Err(Trouble::Here("there is nothing to import: give --agents FILE or --workflows DIR".to_owned()));
        }
        refuse_doubles(&mut files);
        let style = Style { whole: false, send_credentials: self.send_credentials };
        let mut items = Planner { server, style, check: self.dry_run }.plan(&files).await?;
        // A real one does what can be done.
        if self.dry_run {
            refuse_without_rights(server, &mut items).await;
        } else {
            Doer { server }.perform(&mut items).await;
        }
        let summary = Summary::of(&files, &items);
        if console.json {
            let (listed, _) = documents(&files, &items);
            console.document(&json!({
                "dry_run": self.dry_run, "server": server.address(), "files": listed, "summary": summary.json(),
            }));
        } else {
            let words = if self.dry_run { Words::WOULD_IMPORT } else { Words::IMPORTED };
            for line in lines_of_files(&files, &items, words) {
                console.line(line);
            }
            let dry = if self.dry_run { " (a dry run: nothing was changed)" } else { "" };
            console.line(format!("{}{dry}", summary.line("imported", self.dry_run)));
        }
        Ok(if summary.failed > 0 { Exit::FAILED } else { Exit::DONE })
    }
}
