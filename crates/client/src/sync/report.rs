//! What was done, or would be, file by file: for people, and for programs.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    difference::Difference,
    plan::{Item, Kind, Outcome},
};
use crate::{
    console::plain,
    wanted::{Flaw, Read},
};

/// How often something came out in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) created: usize,
    pub(crate) updated: usize,
    pub(crate) new_versions: usize,
    pub(crate) deleted: usize,
    pub(crate) unchanged: usize,
    pub(crate) failed: usize,
}

impl Summary {
    /// Counts items, and the mistakes of files that belong to none.
    pub(crate) fn of(files: &[Read], items: &[Item]) -> Self {
        let count = |outcome: Outcome| items.iter().filter(|item| item.outcome == outcome).count();
        Self {
            created: count(Outcome::Created),
            updated: count(Outcome::Updated),
            new_versions: count(Outcome::NewVersion),
            deleted: count(Outcome::Deleted),
            unchanged: count(Outcome::Unchanged),
            failed: count(Outcome::Failed) + files.iter().map(|file| file.flaws.len()).sum::<usize>(),
        }
    }

    /// Whether anything was changed, or would be.
    pub(crate) fn changes(&self) -> bool {
        self.created + self.updated + self.new_versions + self.deleted > 0
    }

    /// In a line.
    pub(crate) fn line(&self, created: &str, would: bool) -> String {
        let counts = [
            (self.created, created),
            (self.new_versions, "given a new version"),
            (self.updated, "updated"),
            (self.deleted, "deleted"),
        ];
        let mut said: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        if said.is_empty() {
            said.push("nothing changed".to_owned());
        } else if would {
            said[0] = format!("would be: {}", said[0]);
        }
        said.push(format!("{} unchanged", self.unchanged));
        if self.failed > 0 {
            said.push(format!("{} failed", self.failed));
        }
        said.join(", ")
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "created": self.created, "updated": self.updated, "new_versions": self.new_versions, "deleted": self.deleted,
            "unchanged": self.unchanged, "failed": self.failed,
        })
    }
}

/// How outcomes are called: those that are to come, or those that came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    created: &'static str,
    updated: &'static str,
    new_version: &'static str,
    deleted: &'static str,
}

impl Words {
    /// What an import has done.
    pub(crate) const IMPORTED: Self =
        Self { created: "imported", updated: "updated", new_version: "new version", deleted: "deleted" };
    /// What an import would do.
    pub(crate) const WOULD_IMPORT: Self = Self {
        created: "would be imported",
        updated: "would be updated",
        new_version: "would get a new version",
        deleted: "would be deleted",
    };
    /// What is to be done.
    pub(crate) const TO_DO: Self = Self {
        created: "new",
        updated: "to be changed",
        new_version: "to get a new version",
        deleted: "to be deleted",
    };

    fn of(self, item: &Item) -> String {
        let version = item.version.map(|version| format!(" (version {version})")).unwrap_or_default();
        match item.outcome {
            Outcome::Created => format!("{}{version}", self.created),
            Outcome::Updated => self.updated.to_owned(),
            Outcome::NewVersion => format!("{}{version}", self.new_version),
            Outcome::Deleted => self.deleted.to_owned(),
            Outcome::Unchanged => format!("unchanged{version}"),
            Outcome::Failed => "FAILED".to_owned(),
        }
    }
}

fn mark(outcome: Outcome) -> char {
    match outcome {
        Outcome::Created => '+',
        Outcome::Updated | Outcome::NewVersion => '~',
        Outcome::Deleted => '-',
        Outcome::Unchanged => '=',
        Outcome::Failed => '!',
    }
}

/// The report for people: each file with what is in it.
pub(crate) fn lines_of_files(files: &[Read], items: &[Item], words: Words) -> Vec<String> {
    let mut lines = Vec::new();
    for file in files {
        lines.push(plain(&file.file.display().to_string()));
        if let Some(why) = &file.skipped {
            lines.push(format!("  . skipped: {why}"));
        }
        for flaw in &file.flaws {
            lines.push(format!("  ! FAILED  {}", flaw_line(&file.file, flaw)));
        }
        for item in items.iter().filter(|item| item.origin.file == file.file) {
            lines.push(headline(item, words, "  "));
            lines.extend(item.differences.iter().map(|difference| format!("      {}", difference.line())));
            lines.extend(item.flaws.iter().map(|flaw| format!("      {}", flaw_line(&file.file, flaw))));
            lines.extend(item.notes.iter().map(|note| format!("      note: {}", plain(note))));
        }
    }
    lines
}

/// What differs, for people: only what is not as it is wanted.
pub(crate) fn lines_of_differences(files: &[Read], items: &[Item]) -> Vec<String> {
    let mut lines = Vec::new();
    for file in files {
        lines.extend(file.flaws.iter().map(|flaw| format!("! {}", flaw_line(&file.file, flaw))));
    }
    for item in items.iter().filter(|item| item.outcome != Outcome::Unchanged) {
        lines.push(headline(item, Words::TO_DO, ""));
        lines.extend(item.differences.iter().map(|difference| format!("    {}", difference.line())));
        lines.extend(item.flaws.iter().map(|flaw| format!("    {}", flaw_line(&item.origin.file, flaw))));
        lines.extend(item.notes.iter().map(|note| format!("    note: {}", plain(note))));
    }
    lines
}

fn headline(item: &Item, words: Words, indent: &str) -> String {
    format!("{indent}{} {} {}  {}", mark(item.outcome), item.kind.as_str(), plain(&item.name), words.of(item))
}

fn flaw_line(file: &Path, flaw: &Flaw) -> String {
    let place = flaw.place.map(|place| format!(":{place}")).unwrap_or_default();
    let pointer = if flaw.pointer.is_empty() { String::new() } else { format!(" {}:", plain(&flaw.pointer)) };
    let hint = flaw.hint.as_ref().map(|hint| format!(" ({})", plain(hint))).unwrap_or_default();
    format!("{}{place}:{pointer} {}{hint}", plain(&file.display().to_string()), plain(&flaw.message))
}

/// The report for programs: a list of files, and what is in no file.
pub(crate) fn documents(files: &[Read], items: &[Item]) -> (Value, Value) {
    let listed = files.iter().map(|file| {
        let of_file: Vec<&Item> = items.iter().filter(|item| item.origin.file == file.file).collect();
        let failed = !file.flaws.is_empty() || of_file.iter().any(|item| item.outcome == Outcome::Failed);
        let changed = of_file.iter().any(|item| !matches!(item.outcome, Outcome::Unchanged | Outcome::Failed));
        let outcome = match (failed, &file.skipped, changed) {
            (true, _, _) => "failed",
            (false, Some(_), _) => "skipped",
            (false, None, true) => "changed",
            (false, None, false) => "unchanged",
        };
        json!({
            "file": file.file.display().to_string(), "outcome": outcome, "skipped": file.skipped,
            "mistakes": file.flaws.iter().map(flaw_document).collect::<Vec<_>>(),
            "items": of_file.into_iter().map(item_document).collect::<Vec<_>>(),
        })
    });
    let others = items.iter().filter(|item| item.origin.file.as_os_str().is_empty());
    (listed.collect(), others.map(item_document).collect())
}

fn item_document(item: &Item) -> Value {
    let outcome = match item.outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::NewVersion => "new_version",
        Outcome::Deleted => "deleted",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed => "failed",
    };
    let version = item.version.filter(|_| item.kind == Kind::Workflow);
    json!({
        "kind": item.kind.as_str(), "name": item.name, "outcome": outcome, "version": version, "notes": item.notes,
        "differences": item.differences.iter().map(difference_document).collect::<Vec<_>>(),
        "mistakes": item.flaws.iter().map(flaw_document).collect::<Vec<_>>(),
    })
}

fn difference_document(difference: &Difference) -> Value {
    json!({"pointer": difference.pointer, "from": difference.from, "to": difference.to})
}

fn flaw_document(flaw: &Flaw) -> Value {
    json!({
        "line": flaw.place.map(|place| place.line), "column": flaw.place.map(|place| place.column), "pointer": flaw.pointer,
        "message": flaw.message, "hint": flaw.hint,
    })
}
