//! What of a folder is worth nothing without the server's keys, asked before there are any. Nothing is written for it.

use std::{fmt::Write, fs, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::OpenError;

/// Each kind of thing that is made with the server's keys: its table, which there are of it, and what people call it.
const KINDS: [(&str, &str, &str); 4] = [
    ("access_keys", "TRUE", "API keys"),
    ("agents", "auth_secret LIKE 'orrery-sealed:%'", "encrypted credentials of agents"),
    ("webhooks", "secret LIKE 'orrery-sealed:%'", "encrypted secrets of webhooks"),
    ("audit_blocks", "TRUE", "seals of the audit log"),
];

/// What there is in the folder's store that was made with keys; nothing where there is no store, or one of an older program.
pub fn keyed(folder: &Path) -> Result<Vec<&'static str>, OpenError> {
    let Some(connection) = opened(folder)? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (table, which, name) in KINDS {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        if connection.query_row(sql, [table], |_| Ok(())).optional()?.is_none() {
            continue;
        }
        let sql = format!("SELECT 1 FROM {table} WHERE {which} LIMIT 1");
        if connection.query_row(&sql, [], |_| Ok(())).optional()?.is_some() {
            found.push(name);
        }
    }
    Ok(found)
}

/// The store in a folder, opened so that it can only be read; none where there is none.
pub(crate) fn opened(folder: &Path) -> Result<Option<Connection>, OpenError> {
    let file = folder.join("orrery.db");
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    if bytes(&file) == 0 {
        return Ok(None);
    }
    // Without a log beside it the file is all there is; said so, SQLite leaves nothing beside it either.
    let is_all = bytes(&folder.join("orrery.db-wal")) == 0;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Some(Connection::open_with_flags(uri(&file, is_all), flags)?))
}

/// A file as SQLite wants it named (RFC 3986): whatever could mean something else is escaped.
fn uri(file: &Path, immutable: bool) -> String {
    let mut uri = "file:".to_owned();
    for byte in file.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    if immutable {
        uri.push_str("?immutable=1");
    }
    uri
}
