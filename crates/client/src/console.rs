//! Where commands write: results to standard output, everything else to standard error, so that a program gets nothing but what it
//! asked for.

use std::io::Write;

use serde_json::Value;

use crate::trouble::{Problem, Trouble};

/// How a command ended, as the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Everything that was asked for is done.
    pub const DONE: Self = Self(0);
    /// Something failed.
    pub const FAILED: Self = Self(1);
    /// There are differences, and nothing was asked but whether there are.
    pub const DIFFERS: Self = Self(2);
    /// The run failed.
    pub const RUN_FAILED: Self = Self(3);
    /// The run was cancelled.
    pub const RUN_CANCELLED: Self = Self(4);
    /// The run was not over when it was waited for no longer.
    pub const RUN_NOT_OVER: Self = Self(5);

    /// What becomes of a command that waits for a run with this status.
    pub(crate) fn of_run(status: &str) -> Self {
        match status {
            "COMPLETED" => Self::DONE,
            "FAILED" => Self::RUN_FAILED,
            "CANCELLED" => Self::RUN_CANCELLED,
            _ => Self::RUN_NOT_OVER,
        }
    }
}

/// Where a command writes, and how.
pub struct Console<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// What is for people.
    pub err: &'a mut dyn Write,
    /// Whether results are JSON.
    pub json: bool,
    /// Asks a question that is answered yes or no; no where nobody can be asked.
    pub ask: &'a mut dyn FnMut(&str) -> bool,
}

impl Console<'_> {
    /// A line of the result. A closed pipe is no error.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.out, "{}", text.as_ref());
        let _ = self.out.flush();
    }

    /// A line for people.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        let _ = writeln!(self.err, "{}", text.as_ref());
    }

    /// A JSON document over several lines.
    pub(crate) fn document(&mut self, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
        self.line(text);
    }

    /// Asks for a yes.
    pub(crate) fn confirms(&mut self, question: &str) -> bool {
        (self.ask)(question)
    }

    /// Says what went wrong, with everything that the server says about it, and ends.
    pub fn fails(&mut self, trouble: &Trouble) -> Exit {
        if self.json {
            self.document(&serde_json::json!({ "error": told(trouble) }));
        }
        self.note(format!("orrery: {trouble}"));
        Exit::FAILED
    }
}

/// A trouble for programs.
pub(crate) fn told(trouble: &Trouble) -> Value {
    match trouble {
        Trouble::Refused(Problem { status, code, detail, mistakes, request_id }) => {
            let mistakes: Vec<Value> = mistakes
                .iter()
                .map(|mistake| serde_json::json!({"pointer": mistake.pointer, "message": mistake.message, "code": mistake.code, "hint": mistake.hint}))
                .collect();
            serde_json::json!({"status": status, "code": code, "detail": detail, "errors": mistakes, "request_id": request_id})
        }
        Trouble::Unreachable { .. } | Trouble::Strange { .. } | Trouble::Here(_) => {
            serde_json::json!({"code": null, "detail": trouble.to_string()})
        }
    }
}

/// Columns of text that fit what is in them. The last one may be as long as it likes.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|text| text.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.chars().count()))))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let lines = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(head.to_vec())).chain(lines).collect::<Vec<_>>().join("\n")
}

/// What somebody else has written, without what would move the cursor or colour the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [vec!["a".to_owned(), "wide cell".to_owned()], vec!["longer".to_owned(), "é".to_owned()]];
        assert_eq!(table(&["X", "Y"], &rows), "X       Y\na       wide cell\nlonger  é");
    }

    #[test]
    fn texts_of_others_do_not_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }
}
