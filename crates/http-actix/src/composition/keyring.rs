//! The server's own keys: from a file or a variable, or, where one process has a folder to itself, made at the first start.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use adapters_auth::{Biscuits, Keyring};
use anyhow::{Context, bail, ensure};
use domain::ports::IdGenerator;

use super::system::SystemIds;
use crate::cli::{SecretKeys, SecretsPlace};

/// The file in a folder.
pub(super) const FILE: &str = "secret.keys";

/// Where a server keeps things.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In a folder of its own.
    Folder(&'a Path),
    /// In a database that others share.
    Database,
}

/// The keys that are given, or those of the folder. A database has no place for keys that would be worth anything.
pub(crate) fn load(given: &SecretKeys, place: Place<'_>) -> anyhow::Result<Keyring> {
    match (&given.file, &given.keys, place) {
        (Some(path), _, _) => read(path),
        (None, Some(text), _) => Keyring::parse(text.trim()).context("ORRERY_SECRET_KEYS holds no keys of a server"),
        (None, None, Place::Folder(folder)) => of_folder(folder),
        (None, None, Place::Database) => bail!(
            "on a database the server needs keys that all its processes share: give --secret-keys-file or set ORRERY_SECRET_KEYS \
             ('orrery secrets new-key k1' makes one)"
        ),
    }
}

/// Whether the keys that are given, or must be, are there and are keys. It makes none.
pub(super) fn check(given: &SecretKeys, on_database: bool) -> anyhow::Result<()> {
    if !given.are_given() && !on_database {
        return Ok(());
    }
    load(given, Place::Database).map(drop)
}

/// Whether a file holds keys.
pub(super) fn check_file(path: &Path) -> anyhow::Result<()> {
    read(path).map(drop)
}

/// The keys that a server would have, as far as they are there and are keys. It makes none.
pub(super) fn present(given: &SecretKeys, place: Place<'_>) -> Option<Keyring> {
    match place {
        Place::Folder(folder) if !given.are_given() => read(&folder.join(FILE)).ok(),
        Place::Folder(_) | Place::Database => load(given, Place::Database).ok(),
    }
}

/// A fresh line for a file of keys.
pub(crate) fn new_key(id: &str) -> anyhow::Result<String> {
    let line = Keyring::fresh_line(id);
    Keyring::parse(&line).context("the id of a key is 1 to 32 of a-z, 0-9 and '-'")?;
    Ok(line)
}

/// The public keys of tokens, one a line behind the id of the server's key.
pub(crate) fn public_keys(place: &SecretsPlace) -> anyhow::Result<String> {
    let keyring = of(place)?;
    let lines = Biscuits::public_keys(&keyring).into_iter().map(|(id, key)| format!("{id} {key}"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// The keys of a place that a command is given. It makes none: what is there was made with others.
pub(super) fn of(place: &SecretsPlace) -> anyhow::Result<Keyring> {
    if place.database_url.is_some() || place.keys.are_given() {
        return load(&place.keys, Place::Database);
    }
    let path = place.data.join(FILE);
    let lacks = "the server's keys are needed: give --secret-keys-file or set ORRERY_SECRET_KEYS";
    ensure!(path.exists(), "there is no {}; {lacks}", path.display());
    read(&path)
}

fn read(path: &Path) -> anyhow::Result<Keyring> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("the keys in {shown} cannot be read"))?;
    let others = fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o007).unwrap_or_default();
    if others != 0 {
        tracing::warn!(file = %shown, "every user of this machine may read or change the server's keys in {shown}");
    }
    Keyring::parse(&text).with_context(|| format!("{shown} holds no keys of a server"))
}

fn of_folder(folder: &Path) -> anyhow::Result<Keyring> {
    let path = folder.join(FILE);
    let shown = path.display();
    if !path.exists() {
        check_nothing_needs_others(folder)?;
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            // An id that no other key has: whoever loses the file is told which one is missing, instead of that it is wrong.
            let unique = SystemIds.unique().simple().to_string();
            let line = Keyring::fresh_line(&format!("k-{}", &unique[24..]));
            let text =
                format!("# The keys of this Orrery server. Without them, what it keeps encrypted is lost.\n{line}\n");
            let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
            written.with_context(|| format!("the server's keys cannot be written to {shown}"))?;
            tracing::info!(file = %shown, "made a key for this server in {shown}; keep a copy of it where no backup of the data is");
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("the server's keys cannot be written to {shown}")),
    }
    read(&path)
}

/// A fresh key beside a store that was made with others would open nothing of it, and hide that they are lost.
fn check_nothing_needs_others(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    let keyed = adapters_sqlite::keyed(folder);
    let keyed = keyed.with_context(|| format!("it cannot be told whether the store in {shown} needs keys"))?;
    ensure!(
        keyed.is_empty(),
        "the keys of this server are gone: {shown} holds {} that were made with them, and no {FILE}. Put the file back from its \
         copy, or give the keys with --secret-keys-file or ORRERY_SECRET_KEYS. Whoever has lost them for good begins anew in \
         another folder",
        keyed.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use adapters_auth::AeadVault;
    use adapters_sqlite::SqliteStore;
    use domain::{
        access::Actor,
        audit::{Action, AuditEntry, Changes, Entity},
        ids::{AuditId, DeadLetterId},
        ports::{AuditSealing, Transactions},
    };

    use super::*;

    /// The files in a folder, with their modes.
    fn files(folder: &Path) -> Vec<(String, u32)> {
        let file = |file: fs::DirEntry| {
            let mode = file.metadata().expect("it is there").permissions().mode() & 0o777;
            (file.file_name().to_string_lossy().into_owned(), mode)
        };
        let mut files: Vec<_> =
            fs::read_dir(folder).expect("it can be listed").map(|found| file(found.expect("a file"))).collect();
        files.sort();
        files
    }

    #[test]
    fn what_the_server_makes_is_its_owners_alone() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("made");
        let keyring = load(&SecretKeys::default(), Place::Folder(&folder)).expect("keys are made");
        let store = SqliteStore::open(&folder, AeadVault::new(&keyring)).expect("a store");
        assert_eq!(fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777, 0o700);
        for (file, mode) in files(&folder) {
            assert_eq!(mode, 0o600, "{file}");
        }
        drop(store);
    }

    #[tokio::test]
    async fn a_store_that_needs_other_keys_gets_no_new_ones() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("what? 100%#");
        let keyring = load(&SecretKeys::default(), Place::Folder(&folder)).expect("keys are made");
        let store = SqliteStore::open(&folder, AeadVault::new(&keyring)).expect("a store");
        drop(store);
        fs::remove_file(folder.join(FILE)).expect("it is there");
        let keyring = load(&SecretKeys::default(), Place::Folder(&folder)).expect("nothing needs others yet");
        let store = SqliteStore::open(&folder, AeadVault::new(&keyring)).expect("a store");
        let (id, letter) =
            (AuditId::new(SystemIds.unique()), Entity::dead_letter(DeadLetterId::new(SystemIds.unique())));
        let now = domain::Timestamp::UNIX_EPOCH;
        let entry = AuditEntry::new(id, now, &Actor::system(), Action::Delete, letter, Changes::none());
        let mut work = store.begin().await.expect("a unit of work");
        work.record(&entry).await.expect("it can be recorded");
        work.commit().await.expect("it can be committed");
        let seal = std::sync::Arc::new(adapters_auth::ChainSeal::new(&keyring));
        let _ = AuditSealing::seal(&store, seal, 0, now, 10).await.expect("it can be sealed");
        drop(store);
        fs::remove_file(folder.join(FILE)).expect("it is there");
        let before = files(&folder);
        let refused = load(&SecretKeys::default(), Place::Folder(&folder)).map(drop).expect_err("they are lost");
        assert!(refused.to_string().contains("seals of the audit log"), "{refused:#}");
        assert_eq!(files(&folder), before, "nothing new is left");
    }
}
