//! A guide, and following it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use dev_services::{Database, SharedKafka};
use e2e_tests::orrery_command;
use tempfile::TempDir;

use crate::{
    GUIDES,
    block::{Block, blocks},
    pattern,
    shell::Shell,
};

/// What guides use beside the program.
const TOOLS: [&str; 2] = ["curl", "jq"];

/// A guide that is to be followed.
pub(crate) struct Guide {
    name: &'static str,
    text: String,
    services: bool,
    in_the_repository: bool,
}

impl Guide {
    /// The guide of a name.
    pub(crate) fn named(name: &'static str) -> Self {
        let text = std::fs::read_to_string(Path::new(GUIDES).join(format!("{name}.md"))).expect("the guide is there");
        Self { name, text, services: false, in_the_repository: false }
    }

    /// With a PostgreSQL and a Kafka at hand, which the variables of the guide name.
    pub(crate) fn with_services(self) -> Self {
        Self { services: true, ..self }
    }

    /// In the folder of the repository.
    pub(crate) fn in_the_repository(self) -> Self {
        Self { in_the_repository: true, ..self }
    }

    /// Does what it says; panics with the line where something else is seen.
    pub(crate) fn follow(self) {
        let place = Place::new(&self);
        let mut shells: BTreeMap<Option<String>, Shell> = BTreeMap::new();
        for block in blocks(&self.text) {
            match block {
                Block::Console { terminal, commands } => {
                    let goes_on = terminal.is_some();
                    let shell = shells.entry(terminal).or_insert_with(|| place.shell());
                    let last = commands.len().saturating_sub(1);
                    for (index, command) in commands.iter().enumerate() {
                        let at = format!("{}.md:{}: $ {}", self.name, command.line, command.typed);
                        if goes_on && index == last {
                            shell.begin(&command.typed, |seen| pattern::has_begun(&command.shown, seen));
                            continue;
                        }
                        let (status, printed) = shell.run(&command.typed);
                        let all = printed.join("\n");
                        assert_eq!(status, 0, "{at}\nfailed and printed\n{all}");
                        let shown = command.shown.join("\n");
                        let fits = command.shown.is_empty() || pattern::fits(&command.shown, &printed);
                        assert!(fits, "{at}\nthe guide shows\n{shown}\nand this was seen\n{all}");
                    }
                }
                Block::File { name, text } => {
                    let path = place.folder().join(name);
                    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
                    written.and_then(|()| std::fs::write(path, text)).expect("it can be written");
                }
                Block::Shown => {}
            }
        }
    }
}

/// Where a guide is followed.
struct Place {
    folder: TempDir,
    repository: Option<PathBuf>,
    variables: Vec<(String, String)>,
    _database: Option<Database>,
}

impl Place {
    fn new(guide: &Guide) -> Self {
        for tool in TOOLS {
            let found = std::process::Command::new("sh").args(["-c", &format!("command -v {tool}")]).output();
            assert!(
                found.is_ok_and(|output| output.status.success()),
                "guides use {tool}: run 'apt-get install {tool}'"
            );
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).expect("a folder can be made");
        let binary = orrery_command().get_program().to_owned();
        std::os::unix::fs::symlink(binary, programs.join("orrery")).expect("a link can be made");
        let path = format!("{}:{}", programs.display(), e2e_tests::search_path());
        let mut variables = vec![("PATH".to_owned(), path)];
        let repository =
            guide.in_the_repository.then(|| Path::new(GUIDES).join("../..").canonicalize().expect("it is there"));
        if repository.is_none() {
            variables.push(("HOME".to_owned(), folder.path().to_string_lossy().into_owned()));
        }
        let mut database = None;
        if guide.services {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let made = runtime.block_on(Database::new(None));
            let kafka = SharedKafka::get().expect("a Kafka that all tests share");
            variables.push(("DATABASE_URL".to_owned(), made.url().to_owned()));
            variables.push(("KAFKA_BROKERS".to_owned(), kafka.bootstrap().to_owned()));
            database = Some(made);
        }
        std::fs::create_dir(folder.path().join("work")).expect("a folder can be made");
        Self { folder, repository, variables, _database: database }
    }

    /// The folder in which commands are typed.
    fn folder(&self) -> PathBuf {
        self.repository.clone().unwrap_or_else(|| self.folder.path().join("work"))
    }

    fn shell(&self) -> Shell {
        Shell::new(&self.folder(), &self.variables)
    }
}

#[test]
#[should_panic(expected = "and this was seen")]
fn a_guide_that_shows_something_else_is_found_out() {
    let text = "```console\n$ echo one\ntwo\n```\n".to_owned();
    Guide { name: "planted", text, services: false, in_the_repository: false }.follow();
}

#[test]
#[should_panic(expected = "failed and printed")]
fn a_guide_whose_command_fails_is_found_out() {
    let text = "```console\n$ x=1\n$ test $x = 2\n```\n".to_owned();
    Guide { name: "planted", text, services: false, in_the_repository: false }.follow();
}

#[test]
fn what_is_typed_in_one_block_is_there_in_the_next() {
    let text = "```json file=a.json\n{\"b\": 1}\n```\n```console\n$ x=$(jq .b a.json)\n```\n```console\n$ echo \"x is $x\"\nx is 1\n```\n";
    Guide { name: "planted", text: text.to_owned(), services: false, in_the_repository: false }.follow();
}
