//! How what is said in several places becomes one command line: a flag counts more than a variable, a variable more than
//! the file, the file more than a default.
//!
//! Entries of the file that nobody overrides become arguments, and are then read as if somebody had typed them: so ranges,
//! and what settings mean for each other, are checked in one place.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, parser::ValueSource};

use super::{
    declared::{self, CONFIG, Setting},
    file::{self, Entry},
    shown::{Effective, Origin},
};
use crate::cli::Cli;

/// Why nothing is done.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The command line or a variable is wrong; or it asks for help.
    Usage(clap::Error),
    /// What is wrong with files, each with its place.
    Files(Vec<String>),
}

/// The command, with the file's entries in it, and where each setting comes from.
pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<(Cli, Vec<Effective>), Refused> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let mut command = Cli::command();
    command.build();
    // What is wrong with the arguments is told below, with the file's in place: they may need each other.
    let Ok(first) = command.clone().ignore_errors(true).try_get_matches_from(&args) else {
        return parsed(command, args).map(|(cli, _)| (cli, Vec::new()));
    };
    let (leaf, given) = leaf(&command, &first);
    if leaf.get_arguments().all(|arg| arg.get_long() != Some(CONFIG)) {
        return parsed(command, args).map(|(cli, _)| (cli, Vec::new()));
    }
    let settings = declared::settings();
    let added = Layers { leaf, given, settings: &settings }.added()?;
    // Behind a lone "--" there are no flags.
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    // What is the default anyhow is not said: it would need or exclude others, which the default does not.
    let said = added.iter().filter(|added| added.values != added.setting.default);
    let arguments = said.flat_map(|added| declared::arguments(added.setting, &added.values));
    args.splice(end..end, arguments.map(OsString::from));
    let origins: Vec<(Setting, Origin)> =
        settings.iter().filter_map(|setting| Some((setting.clone(), origin(setting, leaf, given, &added)?))).collect();
    let (cli, matches) = parsed(command.clone(), args)?;
    let (leaf, given) = self::leaf(&command, &matches);
    let effective = origins.into_iter().map(|(setting, origin)| {
        let values = argument(leaf, &setting).and_then(|arg| given.get_raw(arg.get_id().as_str()));
        let values = values.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>();
        Effective::new(&setting, &values, origin)
    });
    Ok((cli, effective.collect()))
}

fn parsed(command: Command, args: Vec<OsString>) -> Result<(Cli, ArgMatches), Refused> {
    let matches = command.try_get_matches_from(args).map_err(Refused::Usage)?;
    let cli = Cli::from_arg_matches(&matches).map_err(Refused::Usage)?;
    Ok((cli, matches))
}

/// The command that is meant, however deep, and what it is given.
fn leaf<'a>(mut command: &'a Command, mut matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    while let Some((name, inner)) = matches.subcommand()
        && let Some(found) = command.find_subcommand(name)
    {
        (command, matches) = (found, inner);
    }
    (command, matches)
}

fn argument<'a>(leaf: &'a Command, setting: &Setting) -> Option<&'a Arg> {
    leaf.get_arguments().find(|arg| arg.get_long() == Some(&setting.long))
}

/// Whether somebody has said it, by a flag or a variable.
fn said(arg: &Arg, given: &ArgMatches) -> Option<ValueSource> {
    let source = given.value_source(arg.get_id().as_str());
    source.filter(|source| matches!(source, ValueSource::CommandLine | ValueSource::EnvVariable))
}

fn origin(setting: &Setting, leaf: &Command, given: &ArgMatches, added: &[Added<'_>]) -> Option<Origin> {
    let arg = argument(leaf, setting)?;
    let variable = || setting.variable.clone().unwrap_or_default();
    Some(match said(arg, given) {
        Some(ValueSource::EnvVariable) => Origin::Variable(variable()),
        Some(_) => Origin::Flag(setting.long.clone()),
        None => match added.iter().find(|added| added.setting.key == setting.key) {
            Some(added) => added.origin.clone(),
            None => Origin::Default,
        },
    })
}

/// What a file adds to the arguments.
struct Added<'a> {
    setting: &'a Setting,
    values: Vec<String>,
    origin: Origin,
}

struct Layers<'a> {
    leaf: &'a Command,
    given: &'a ArgMatches,
    settings: &'a [Setting],
}

impl<'a> Layers<'a> {
    fn added(&self) -> Result<Vec<Added<'a>>, Refused> {
        let mut added = self.named_by_variables()?;
        let Some(path) = self.given.try_get_one::<PathBuf>(CONFIG).ok().flatten() else { return Ok(added) };
        for entry in entries(path, self.settings)? {
            let Some(setting) = self.settings.iter().find(|setting| setting.key == entry.key) else { continue };
            if added.iter().all(|other| other.setting.key != setting.key) && self.is_open(setting) {
                let origin = Origin::File(path.clone(), entry.line);
                added.push(Added { setting, values: entry.values, origin });
            }
        }
        Ok(added)
    }

    /// As images of databases do it: beside `DATABASE_URL` there is `DATABASE_URL_FILE`.
    fn named_by_variables(&self) -> Result<Vec<Added<'a>>, Refused> {
        let (mut added, mut wrong) = (Vec::new(), Vec::new());
        for setting in self.settings {
            let Some(variable) = setting.variable.as_ref().filter(|_| setting.file_key(self.settings).is_some()) else {
                continue;
            };
            let variable = format!("{variable}_FILE");
            let Some(path) = std::env::var_os(&variable).filter(|path| !path.is_empty()) else { continue };
            if !self.is_open(setting) {
                continue;
            }
            match file::secret_in(Path::new(&path)) {
                Ok(value) => added.push(Added { setting, values: vec![value], origin: Origin::Variable(variable) }),
                Err(what) => wrong.push(format!("{variable}: {what}")),
            }
        }
        if wrong.is_empty() { Ok(added) } else { Err(Refused::Files(wrong)) }
    }

    /// Whether the command knows the setting and nobody has said it, nor one that excludes it: that counts more, too.
    fn is_open(&self, setting: &Setting) -> bool {
        let Some(arg) = argument(self.leaf, setting) else { return false };
        let rules_out = |one: &Arg, other: &Arg| self.leaf.get_arg_conflicts_with(one).contains(&other);
        let excluded = self
            .leaf
            .get_arguments()
            .any(|other| said(other, self.given).is_some() && (rules_out(arg, other) || rules_out(other, arg)));
        said(arg, self.given).is_none() && !excluded
    }
}

fn entries(path: &Path, settings: &[Setting]) -> Result<Vec<Entry>, Refused> {
    let read = fs::read_to_string(path);
    let text = read.map_err(|e| Refused::Files(vec![format!("the file {} cannot be read: {e}", path.display())]))?;
    let at = |mistakes: Vec<super::mistake::Mistake>| mistakes.iter().map(|mistake| mistake.at(path)).collect();
    file::entries(&text, settings).map_err(|mistakes| Refused::Files(at(mistakes)))
}
