//! Reads the server's own keys, and makes them for a folder that has none.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use adapters_auth::Keyring;
use anyhow::Context;

use crate::cli::Keys;

/// The file in a folder that holds its keys.
const FILE: &str = "secret.keys";

/// The keys that were given; none if there were none.
pub(super) fn given(keys: &Keys) -> anyhow::Result<Option<Keyring>> {
    match (&keys.secret_keys, &keys.secret_keys_file) {
        (Some(text), _) => Ok(Some(Keyring::parse(text).context("ORRERY_SECRET_KEYS cannot be used")?)),
        (None, Some(file)) => read(file).map(Some),
        (None, None) => Ok(None),
    }
}

/// The keys that were given, or those of a folder; none if it has none.
pub(super) fn of_folder(keys: &Keys, folder: &Path) -> anyhow::Result<Option<Keyring>> {
    let file = folder.join(FILE);
    match given(keys)? {
        Some(given) => Ok(Some(given)),
        None if file.exists() => read(&file).map(Some),
        None => Ok(None),
    }
}

/// The same; a folder that has no keys gets one.
pub(super) fn of_folder_or_new(keys: &Keys, folder: &Path) -> anyhow::Result<Keyring> {
    if let Some(known) = of_folder(keys, folder)? {
        return Ok(known);
    }
    let file = folder.join(FILE);
    let line = Keyring::fresh_line("first");
    let shown = file.display();
    // Never over another one, whatever happens at the same time; and nobody else can read it for a moment.
    let mut made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    made.as_mut()
        .map_err(|error| std::io::Error::new(error.kind(), error.to_string()))
        .and_then(|made| writeln!(made, "{line}").and_then(|()| made.sync_all()))
        .with_context(|| format!("cannot write the server's keys to {shown}"))?;
    tracing::info!(file = %shown, "made the server's own keys; without them nothing that was made with them can be checked or read");
    read(&file)
}

fn read(file: &Path) -> anyhow::Result<Keyring> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the server's keys from {shown}"))?;
    Keyring::parse(&text).with_context(|| format!("the server's keys in {shown} cannot be used"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new folder; what stays behind does no harm.
    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("orrery-keys-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        folder
    }

    #[test]
    fn a_folder_gets_keys_once_and_nobody_else_can_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder("made");
        assert!(of_folder(&Keys::default(), &folder).expect("nothing is wrong").is_none());
        let made = of_folder_or_new(&Keys::default(), &folder).expect("it can be made");
        let again = of_folder_or_new(&Keys::default(), &folder).expect("it is there");
        assert_eq!(made.current().derive("audit"), again.current().derive("audit"));
        let permissions = fs::metadata(folder.join(FILE)).expect("it is there").permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
    }

    #[test]
    fn keys_that_were_given_come_first_and_mistakes_do_not_repeat_them() {
        let folder = folder("given");
        let line = Keyring::fresh_line("given");
        let sound = Keys { secret_keys: Some(line), ..Keys::default() };
        assert_eq!(of_folder_or_new(&sound, &folder).expect("it is a key").current().id(), "given");
        let short = Keys { secret_keys: Some("given:c2VjcmV0".to_owned()), ..Keys::default() };
        let refused = format!("{:#}", given(&short).expect_err("it is too short"));
        assert!(refused.contains("line 1") && !refused.contains("c2VjcmV0"), "{refused}");
    }
}
