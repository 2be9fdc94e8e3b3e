//! The folder of a server without a database: whether it can be written to, and whether somebody has it.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::Finding;

const CHECK: &str = "folder";

pub(super) fn examine(folder: &Path) -> Vec<Finding> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let shown = absolute.display();
    if absolute.exists() && !absolute.is_dir() {
        let hint = "name another folder with --data (ORRERY_DATA), or take the file away";
        return vec![Finding::error(CHECK, format!("{shown} is no folder"), hint)];
    }
    let (place, is_there) = nearest(&absolute);
    if let Err(error) = try_to_write(&place) {
        let mends = if is_there { "sudo chown -R \"$(id -un)\"" } else { "sudo install -d -m 700 -o \"$(id -un)\"" };
        let hint = format!(
            "give it to the server's user ({mends} {shown}), look whether the file system is full or mounted for reading only \
             (df -h {0}; findmnt -T {0}), or name another folder with --data (ORRERY_DATA)",
            place.display()
        );
        let what = if is_there { "cannot be written to" } else { "cannot be made" };
        return vec![Finding::error(CHECK, format!("{shown} {what}: {error}"), hint)];
    }
    let found =
        if is_there { format!("{shown} can be written to") } else { format!("{shown} is made by the first start") };
    vec![Finding::good(CHECK, found)]
}

/// The folder, or the nearest one above it that is there.
fn nearest(folder: &Path) -> (PathBuf, bool) {
    let there = folder.ancestors().find(|place| place.is_dir());
    (there.map_or_else(|| folder.to_owned(), Path::to_owned), there == Some(folder))
}

/// Modes tell little: a file system may be full, or there for reading only, and some users may do everything.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".orrery-doctor-{}", std::process::id()));
    let made = OpenOptions::new().write(true).create_new(true).open(&probe);
    let written = made.and_then(|mut file| {
        io::Write::write_all(&mut file, b"x")?;
        file.sync_all()
    });
    // It may not be there.
    let _gone = fs::remove_file(&probe);
    written
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    #[test]
    fn a_folder_is_written_to_and_nothing_is_left_in_it() {
        let parent = tempfile::tempdir().expect("a folder");
        for folder in [parent.path().to_owned(), parent.path().join("not/yet")] {
            assert_eq!(examine(&folder)[0].severity, Severity::Good, "{folder:?}");
        }
        assert_eq!(fs::read_dir(parent.path()).expect("it can be listed").count(), 0);
    }

    #[test]
    fn what_cannot_be_written_to_is_told_with_what_mends_it() {
        let parent = tempfile::tempdir().expect("a folder");
        let file = parent.path().join("file");
        fs::write(&file, "x").expect("it is written");
        assert_eq!(examine(&file)[0].severity, Severity::Error);
        // Nobody makes folders there, whoever they are.
        let found = examine(Path::new("/proc/orrery/data"));
        assert_eq!(found[0].severity, Severity::Error, "{found:?}");
        assert!(found[0].hint.as_deref().is_some_and(|hint| hint.contains("--data")), "{found:?}");
    }
}
