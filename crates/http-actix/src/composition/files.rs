//! How many files and connections this process may have open.

/// File descriptors kept for the store, for clients and for the rest of the process.
const RESERVED_FILES: u64 = 256;

/// As many runs as were asked for, as far as each can have a connection to its agent.
pub(super) fn capacity(wanted: usize) -> usize {
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is unknown; many runs at once may fail to reach their agents");
            return wanted;
        }
    };
    let possible = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX).max(1);
    if possible < wanted {
        tracing::warn!(
            files,
            wanted,
            possible,
            "the limit of open files allows fewer runs at once than were asked for"
        );
    }
    wanted.min(possible)
}
