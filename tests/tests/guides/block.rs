//! The fenced blocks of a guide, and what they ask for.

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// Typed into a shell: that of the guide, or one of a name of its own whose last command goes on running.
    Console {
        /// The shell's name; none for the guide's.
        terminal: Option<String>,
        /// The commands.
        commands: Vec<Command>,
    },
    /// What the command that goes on in a terminal prints meanwhile.
    GoesOn {
        /// The terminal's name.
        terminal: String,
        /// In which line of the guide the first of them stands.
        line: usize,
        /// What is shown of its output.
        shown: Vec<String>,
    },
    /// Saved as a file.
    File {
        /// Its name.
        name: String,
        /// What it holds.
        text: String,
    },
    /// Only shown.
    Shown,
}

/// A command, and what it prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// In which line of the guide it stands.
    pub(crate) line: usize,
    /// As it is typed.
    pub(crate) typed: String,
    /// What is shown of its output; nothing if that does not matter.
    pub(crate) shown: Vec<String>,
}

impl Block {
    /// Whether something is to be done with it.
    pub(crate) fn is_done(&self) -> bool {
        *self != Self::Shown
    }
}

/// The blocks of a guide, in their order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let (mut found, mut open) = (Vec::new(), None::<(String, usize, Vec<&str>)>);
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.to_owned(), index + 2, Vec::new())),
            (Some(_), Some(_)) => found.extend(open.take().map(|(info, first, lines)| block(&info, first, &lines))),
            (Some((_, _, lines)), None) => lines.push(line),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

fn block(info: &str, first: usize, lines: &[&str]) -> Block {
    let mut words = info.split_whitespace();
    match (words.next(), words.next()) {
        (Some("console"), Some(terminal)) if !lines.iter().any(|line| line.starts_with("$ ")) => Block::GoesOn {
            terminal: terminal.to_owned(),
            line: first,
            shown: lines.iter().map(ToString::to_string).collect(),
        },
        (Some("console"), terminal) => {
            Block::Console { terminal: terminal.map(str::to_owned), commands: commands(first, lines) }
        }
        (Some(_), Some(word)) if let Some(name) = word.strip_prefix("file=") => {
            Block::File { name: name.to_owned(), text: lines.join("\n") + "\n" }
        }
        _ => Block::Shown,
    }
}

fn commands(first: usize, lines: &[&str]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let line_number = first + index;
        if let Some(typed) = line.strip_prefix("$ ") {
            commands.push(Command { line: line_number, typed: typed.to_owned(), shown: Vec::new() });
            continue;
        }
        let command = commands.last_mut().unwrap_or_else(|| panic!("line {line_number}: what prints this?"));
        match line.strip_prefix("> ") {
            Some(more) if command.shown.is_empty() => command.typed = format!("{}\n{more}", command.typed),
            _ => command.shown.push((*line).to_owned()),
        }
    }
    commands
}

#[test]
fn blocks_are_told_apart_by_their_first_line() {
    let guide = "text\n```console\n$ a\n> b\nout\n$ c\n```\n```console server\n$ d\n```\n```json file=x.json\n{}\n```\n```sh\nno\n```\n\
                 ```console server\nlater\n```\n";
    let typed = |line, typed: &str, shown: &[&str]| Command {
        line,
        typed: typed.to_owned(),
        shown: shown.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(
        blocks(guide),
        [
            Block::Console { terminal: None, commands: vec![typed(3, "a\nb", &["out"]), typed(6, "c", &[])] },
            Block::Console { terminal: Some("server".into()), commands: vec![typed(9, "d", &[])] },
            Block::File { name: "x.json".into(), text: "{}\n".into() },
            Block::Shown,
            Block::GoesOn { terminal: "server".into(), line: 18, shown: vec!["later".into()] },
        ]
    );
}
