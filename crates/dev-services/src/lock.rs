//! One process at a time.

use std::{fs::File, path::Path};

use crate::ServiceError;

/// Holds a folder until this is dropped, or until the process ends, however it does.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for whoever holds the folder. It exists afterwards.
    pub(crate) fn of(folder: &Path) -> Result<Self, ServiceError> {
        let path = folder.join("lock");
        let cannot = || ServiceError::io(format!("lock {}", path.display()));
        std::fs::create_dir_all(folder).map_err(cannot())?;
        let file = File::create(&path).map_err(cannot())?;
        file.lock().map_err(cannot())?;
        Ok(Self { _file: file })
    }
}
