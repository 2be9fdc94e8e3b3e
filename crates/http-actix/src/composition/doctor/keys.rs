//! The server's own keys: whether they are there, whether they are keys, who else may read them, and whether they are those that
//! the store was used with.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use adapters_auth::{ChainSeal, Keyring};
use domain::audit::{Mark, MarkKind};

use super::Finding;
use crate::{
    cli::Serve,
    composition::keyring::{self, FILE, Place},
};

const CHECK: &str = "keys";

/// What group and others must not be able to do with a file of keys.
const OTHERS: u32 = 0o007;

pub(super) fn examine(serve: &Serve) -> Vec<Finding> {
    let (given, on_database) = (&serve.secret_keys, serve.database_url.is_some());
    if given.are_given() || on_database {
        return match (keyring::check(given, on_database), &given.file) {
            (Ok(()), Some(file)) => vec![mode(file)],
            (Ok(()), None) => vec![Finding::good(CHECK, "they are given by a variable")],
            (Err(error), file) => vec![unusable(&error, file.as_deref())],
        };
    }
    in_folder(&serve.data)
}

/// A fresh key beside a store that was made with others opens nothing of it, so none is advised while there may be another one.
fn unusable(error: &anyhow::Error, file: Option<&Path>) -> Finding {
    let unread = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let make = "make a file of keys once (orrery secrets new-key k1 > secret.keys; chmod 600 secret.keys) and give the same one to all \
                processes: --secret-keys-file, or ORRERY_SECRET_KEYS";
    let hint = match (file.map(Path::display), unread) {
        (None, _) | (Some(_), Some(ErrorKind::NotFound)) => make.to_owned(),
        (Some(file), Some(ErrorKind::PermissionDenied)) => format!(
            "let the server's user read it, and nobody else: sudo chown \"$(id -un)\" {file} && chmod 600 {file} (namei -l {file} tells \
             who may enter the folders on the way)"
        ),
        (Some(file), _) => format!("put {file} back from its copy; only where no server has had keys yet: {make}"),
    };
    Finding::error(CHECK, format!("{error:#}"), hint)
}

/// Whether these keys are those that the end of the store's audit chain was signed with; none where there are no keys at all, which
/// is told already.
pub(super) fn fit(serve: &Serve, head: &Mark) -> Option<Finding> {
    let place = if serve.database_url.is_some() { Place::Database } else { Place::Folder(&serve.data) };
    keyring::present(&serve.secret_keys, place).map(|keyring| compared(&keyring, head))
}

fn compared(keyring: &Keyring, head: &Mark) -> Finding {
    let key = &head.key;
    let found = match head.is_genuine(MarkKind::Head, &ChainSeal::new(keyring)) {
        Some(true) => return Finding::good(CHECK, "they are those that the store was used with"),
        Some(false) => format!(
            "the key '{key}' is another one than the '{key}' that the store's audit log was sealed with last, or somebody has changed \
             the end of the log"
        ),
        None => format!("the store's audit log was sealed last with the key '{key}', which is not among these"),
    };
    let hint = format!(
        "put the file of keys back that this store was used with, from its copy: with others its API keys, tokens and encrypted \
         credentials are worth nothing, and nothing is sealed. Where '{key}' was taken out of the file, put its line back"
    );
    Finding::error(CHECK, found, hint)
}

fn in_folder(folder: &Path) -> Vec<Finding> {
    let file = folder.join(FILE);
    let shown = file.display();
    if file.exists() {
        return match keyring::check_file(&file) {
            Ok(()) => vec![mode(&file)],
            Err(error) => vec![unusable(&error, Some(&file))],
        };
    }
    match adapters_sqlite::keyed(folder) {
        Ok(keyed) if keyed.is_empty() => {
            vec![Finding::good(CHECK, format!("{shown} is made by the first start"))]
        }
        Ok(keyed) => vec![Finding::error(
            CHECK,
            format!("{shown} is gone, and the store holds {} that were made with it", keyed.join(", ")),
            "put the file back from its copy, or give the keys with --secret-keys-file or ORRERY_SECRET_KEYS",
        )],
        Err(error) => vec![Finding::error(
            CHECK,
            format!("it cannot be told whether the store in {} needs keys: {error}", folder.display()),
            "look whether this user may read the folder, and whether its orrery.db is whole (sqlite3 orrery.db 'PRAGMA quick_check')",
        )],
    }
}

fn mode(file: &Path) -> Finding {
    let shown = file.display();
    let mode = fs::metadata(file).map(|found| found.permissions().mode() & 0o777).unwrap_or_default();
    if mode & OTHERS == 0 {
        return Finding::good(CHECK, format!("{shown} holds keys, and only who must can read it"));
    }
    Finding::error(
        CHECK,
        format!("every user of this machine may read or change {shown} (mode {mode:o})"),
        format!("chmod 600 {shown}"),
    )
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    #[test]
    fn a_file_that_others_may_read_is_wrong_until_its_mode_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        assert_eq!(in_folder(folder.path())[0].severity, Severity::Good, "it is made by the first start");
        fs::write(&file, adapters_auth::Keyring::fresh_line("k1")).expect("it is written");
        for (mode, severity) in [(0o644, Severity::Error), (0o640, Severity::Good), (0o600, Severity::Good)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("the mode is set");
            let found = in_folder(folder.path());
            assert_eq!(found[0].severity, severity, "{mode:o}: {found:?}");
        }
        fs::write(&file, "no key").expect("it is written");
        assert_eq!(in_folder(folder.path())[0].severity, Severity::Error);
    }

    #[test]
    fn a_new_key_is_advised_only_where_there_is_no_file_of_keys() {
        let hint = |kind: ErrorKind| {
            let error = anyhow::Error::from(io::Error::from(kind)).context("the keys in k cannot be read");
            unusable(&error, Some(Path::new("k"))).hint.unwrap_or_default()
        };
        assert!(hint(ErrorKind::NotFound).contains("make a file of keys once"));
        let denied = hint(ErrorKind::PermissionDenied);
        assert!(denied.contains("chmod 600 k") && !denied.contains("new-key"), "{denied}");
        assert!(hint(ErrorKind::IsADirectory).starts_with("put k back from its copy"));
    }

    #[test]
    fn keys_that_the_store_was_not_used_with_are_told_by_their_ids() {
        let keyring = |id: &str| Keyring::parse(&Keyring::fresh_line(id)).expect("a key");
        let right = keyring("k1");
        let head = Mark::sign(
            MarkKind::Head,
            &ChainSeal::new(&right),
            3,
            9,
            domain::audit::Mac::default(),
            domain::Timestamp::UNIX_EPOCH,
        );
        assert_eq!(compared(&right, &head).severity, Severity::Good);
        let same_name = compared(&keyring("k1"), &head);
        assert!(same_name.severity == Severity::Error && same_name.found.contains("another one"), "{same_name:?}");
        let missing = compared(&keyring("k2"), &head);
        assert!(missing.severity == Severity::Error && missing.found.contains("not among these"), "{missing:?}");
        assert!(missing.hint.is_some_and(|hint| hint.contains("'k1'")));
    }
}
