//! The settings that there are, as the flags of `serve` declare them.

use std::{any::TypeId, ffi::OsStr};

use clap::{Arg, ArgAction, Args, Command, error::ContextKind, error::ContextValue, error::ErrorKind};

use domain::trace::TraceRatio;

use crate::cli::Serve;

/// The flag that names the file; in the file it has no meaning.
pub(super) const CONFIG: &str = "config";

/// One setting.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// Its key in the file: the flag with `_` for `-`.
    pub(super) key: String,
    /// Its flag without the dashes.
    pub(super) long: String,
    /// Its variable.
    pub(super) variable: Option<String>,
    pub(super) kind: Kind,
    /// Whether it is a list.
    pub(super) many: bool,
    /// Whether it is never shown.
    pub(super) secret: bool,
    /// The heading under which it stands.
    pub(super) heading: Option<String>,
    /// What it is, as `--help` says it.
    pub(super) help: String,
    /// The values that there are, where they can be counted.
    pub(super) choices: Vec<String>,
    /// What it is where nobody says anything.
    pub(super) default: Vec<String>,
}

/// What a value looks like in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// True or false; the flag takes no value.
    Flag,
    /// True or false.
    Boolean,
    /// A whole number.
    Number,
    /// A number.
    Decimal,
    /// Anything else.
    Text,
}

impl Kind {
    /// What is expected, for people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Flag | Self::Boolean => "true or false",
            Self::Number => "a whole number",
            Self::Decimal => "a number",
            Self::Text => "a text in quotes",
        }
    }

    fn of(arg: &Arg) -> Self {
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            return Self::Flag;
        }
        let is = |types: &[TypeId]| types.iter().any(|id| arg.get_value_parser().type_id() == *id);
        if is(&[TypeId::of::<bool>()]) {
            Self::Boolean
        } else if is(&[TypeId::of::<u64>(), TypeId::of::<usize>(), TypeId::of::<u32>(), TypeId::of::<u16>()]) {
            Self::Number
        } else if is(&[TypeId::of::<f64>(), TypeId::of::<TraceRatio>()]) {
            Self::Decimal
        } else {
            Self::Text
        }
    }
}

impl Setting {
    fn of(arg: &Arg) -> Option<Self> {
        // `--help` is a flag and no setting.
        let is_setting = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append | ArgAction::SetTrue);
        let long = arg.get_long().filter(|long| is_setting && *long != CONFIG)?;
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let kind = Kind::of(arg);
        // A flag has the default "false", or none before the command is built.
        let default = if kind == Kind::Flag { vec!["false".to_owned()] } else { Vec::new() };
        let declared: Vec<String> = arg.get_default_values().iter().map(|value| text(value)).collect();
        let choices = if kind == Kind::Text { arg.get_possible_values() } else { Vec::new() };
        Some(Self {
            key: long.replace('-', "_"),
            long: long.to_owned(),
            variable: arg.get_env().map(text),
            kind,
            many: matches!(arg.get_action(), ArgAction::Append) || arg.get_value_delimiter().is_some(),
            secret: arg.is_hide_env_values_set(),
            heading: arg.get_help_heading().map(str::to_owned),
            help: arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default(),
            choices: choices.iter().map(|choice| choice.get_name().to_owned()).collect(),
            default: if declared.is_empty() { default } else { declared },
        })
    }

    /// The key under which a file names another file that holds this secret, where no setting of its own does that.
    pub(super) fn file_key(&self, all: &[Self]) -> Option<String> {
        let key = format!("{}_file", self.key);
        (self.secret && !self.many && all.iter().all(|other| other.key != key)).then_some(key)
    }
}

/// The flags of `serve`, as they are before anybody has said anything: variables count nothing here.
pub(super) fn command() -> Command {
    let command = Serve::augment_args(Command::new("serve").no_binary_name(true));
    command.mut_args(|arg| arg.env(None::<&'static str>))
}

/// All settings, in the order of their declaration.
pub(super) fn settings() -> Vec<Setting> {
    let mut command = Serve::augment_args(Command::new("serve"));
    command.build();
    command.get_arguments().filter_map(Setting::of).collect()
}

/// The arguments that say the same as an entry of a file.
pub(super) fn arguments(setting: &Setting, values: &[String]) -> Vec<String> {
    let long = &setting.long;
    match setting.kind {
        Kind::Flag if values.iter().any(|value| value == "true") => vec![format!("--{long}")],
        Kind::Flag => Vec::new(),
        _ => values.iter().map(|value| format!("--{long}={value}")).collect(),
    }
}

/// Whether the flag would take these values; if not, why. What goes with other settings is not looked at.
pub(super) fn check(setting: &Setting, values: &[String]) -> Result<(), String> {
    let Err(error) = command().try_get_matches_from(arguments(setting, values)) else { return Ok(()) };
    if matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict) {
        return Ok(());
    }
    if !setting.choices.is_empty() {
        return Err(format!("expected one of {}", setting.choices.join(", ")));
    }
    let told = std::error::Error::source(&error).map(ToString::to_string);
    let given = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(given)) if !setting.secret && !given.is_empty() => format!("'{given}': "),
        _ => String::new(),
    };
    Err(format!("{given}{}", told.unwrap_or_else(|| "it is no value of this setting".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(key: &str) -> Setting {
        settings().into_iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("there is no {key}"))
    }

    #[test]
    fn settings_are_the_flags_of_serve() {
        let listen = setting("listen");
        assert_eq!((listen.variable.as_deref(), listen.kind), (Some("ORRERY_LISTEN"), Kind::Text));
        assert_eq!(listen.default, ["127.0.0.1:8000"]);
        assert_eq!(setting("no_migrate").kind, Kind::Flag);
        assert_eq!(setting("accept_requests").kind, Kind::Boolean);
        for number in ["capacity", "drain_seconds", "kafka_partitions", "max_nesting", "max_body_bytes"] {
            assert_eq!(setting(number).kind, Kind::Number, "{number}");
        }
        assert_eq!(setting("role").choices, ["all", "api", "executor", "relay", "bridge"]);
        assert!(setting("cors_origin").many && setting("kafka_property").many && !listen.many);
        assert!(settings().iter().all(|setting| setting.key != CONFIG && !setting.help.is_empty()));
        assert!(settings().iter().all(|setting| setting.key != "help"), "what is no setting is none");
        let heading = |key| setting(key).heading;
        assert_eq!(heading("kafka_property").as_deref(), Some("Kafka"));
        assert_eq!(heading("engine"), None, "what follows a section is not part of it");
    }

    #[test]
    fn what_must_not_be_shown_is_known() {
        let secret: Vec<_> = settings().into_iter().filter(|s| s.secret).map(|s| s.key).collect();
        for key in
            ["database_url", "admin_key", "secret_keys", "kafka_key_password", "kafka_sasl_password", "kafka_property"]
        {
            assert!(secret.iter().any(|secret| secret == key), "{key} would be shown");
        }
        let all = settings();
        for setting in &all {
            let named = ["password", "secret", "token_", "admin_key"].iter().any(|word| setting.key.contains(word));
            let names_a_file = setting.key.ends_with("_file");
            assert!(
                setting.secret || names_a_file || !named,
                "{} sounds like a secret and would be shown",
                setting.key
            );
        }
        assert_eq!(setting("database_url").file_key(&all).as_deref(), Some("database_url_file"));
        assert_eq!(setting("secret_keys").file_key(&all), None, "there is a setting of its own");
    }
}
