//! Folders that go with the value that owns them, and with the next process if this one is killed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{ServiceError, kafka, places, places::User, postgres, process};

/// Where servers that belong to one test keep their files, beside the shared one's.
pub(crate) const POSTGRES: &str = "postgres/own";
/// The same for Kafka.
pub(crate) const KAFKA: &str = "kafka/own";

/// A new folder, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Makes one, after removing what processes that are gone have left.
    pub(crate) fn new(kind: &str, user: Option<User>) -> Result<Self, ServiceError> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        sweep();
        let home = places::home(kind, user)?;
        let path = home.join(format!("{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir_all(&path).map_err(ServiceError::io(format!("make the folder {}", path.display())))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What stays is removed by the next process.
        let _removed = fs::remove_dir_all(&self.path);
    }
}

/// Ends the servers of tests whose process was killed, and removes their files.
pub fn sweep() {
    for (kind, end) in [(POSTGRES, postgres::kill_in as fn(&Path)), (KAFKA, kafka::kill_in)] {
        let folders =
            places::candidates(kind).into_iter().filter_map(|home| fs::read_dir(home).ok()).flatten().flatten();
        for folder in folders.map(|entry| entry.path()).filter(|folder| is_orphan(folder)) {
            end(&folder);
            let _removed = fs::remove_dir_all(&folder);
        }
    }
}

/// Whether the folder is named by a process that is gone.
fn is_orphan(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let owner = name.split('-').next().and_then(|number| number.parse().ok());
    owner.is_some_and(|owner: u32| !process::is_alive(owner))
}
