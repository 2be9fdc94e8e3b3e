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
const TOOLS: [&str; 3] = ["curl", "jq", "python3"];

/// Programs that guides name; they are in the folder in which a guide is followed.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples");

/// A guide that is to be followed.
pub(crate) struct Guide {
    name: String,
    text: String,
    services: Services,
    in_the_repository: bool,
}

/// What is at hand beside the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Services {
    None,
    Database,
    DatabaseAndKafka,
}

impl Guide {
    /// The guide of a name.
    pub(crate) fn named(name: &str) -> Self {
        let text = std::fs::read_to_string(Path::new(GUIDES).join(format!("{name}.md"))).expect("the guide is there");
        Self { name: name.to_owned(), text, services: Services::None, in_the_repository: false }
    }

    /// With a PostgreSQL at hand, which the variable of the guide names.
    pub(crate) fn with_database(self) -> Self {
        Self { services: Services::Database, ..self }
    }

    /// With a PostgreSQL and a Kafka at hand, which the variables of the guide name.
    pub(crate) fn with_services(self) -> Self {
        Self { services: Services::DatabaseAndKafka, ..self }
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
                Block::GoesOn { terminal, line, shown } => {
                    let at = format!("{}.md:{line}: what goes on in the terminal '{terminal}'", self.name);
                    let shell = shells.get_mut(&Some(terminal)).unwrap_or_else(|| panic!("{at}: nothing does"));
                    shell.wait(&at, |seen| pattern::has_begun(&shown, seen));
                }
                Block::File { name, text } => {
                    let path = place.folder().join(name);
                    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
                    written.and_then(|()| std::fs::write(path, text)).expect("it can be written");
                }
                Block::Shown => {}
            }
        }
        // All at once: each takes a moment.
        for shell in shells.values() {
            shell.signal("TERM");
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
        if guide.services != Services::None {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let made = runtime.block_on(Database::new(None));
            variables.push(("DATABASE_URL".to_owned(), made.url().to_owned()));
            database = Some(made);
        }
        if guide.services == Services::DatabaseAndKafka {
            let kafka = SharedKafka::get().expect("a Kafka that all tests share");
            variables.push(("KAFKA_BROKERS".to_owned(), kafka.bootstrap().to_owned()));
        }
        let work = folder.path().join("work");
        std::fs::create_dir(&work).expect("a folder can be made");
        for example in std::fs::read_dir(EXAMPLES).expect("the folder of examples") {
            let example = example.expect("an entry");
            std::fs::copy(example.path(), work.join(example.file_name())).expect("it can be copied");
        }
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

fn planted(text: &str) -> Guide {
    Guide { name: "planted".to_owned(), text: text.to_owned(), services: Services::None, in_the_repository: false }
}

#[test]
#[should_panic(expected = "and this was seen")]
fn a_guide_that_shows_something_else_is_found_out() {
    let text = "```console\n$ echo one\ntwo\n```\n";
    planted(text).follow();
}

#[test]
#[should_panic(expected = "failed and printed")]
fn a_guide_whose_command_fails_is_found_out() {
    let text = "```console\n$ x=1\n$ test $x = 2\n```\n";
    planted(text).follow();
}

#[test]
fn what_is_typed_in_one_block_is_there_in_the_next() {
    let text = "```json file=a.json\n{\"b\": 1}\n```\n```console\n$ x=$(jq .b a.json)\n```\n```console\n$ echo \"x is $x\"\nx is 1\n```\n";
    planted(text).follow();
}

#[test]
fn what_goes_on_in_a_terminal_may_show_more_later() {
    let text = "```console writer\n$ echo begun; until [ -e go ]; do sleep 0.05; done; echo gone on; sleep 9\nbegun\n```\n\
                ```console\n$ touch go\n```\n```console writer\ngone …\n```\n";
    planted(text).follow();
}
