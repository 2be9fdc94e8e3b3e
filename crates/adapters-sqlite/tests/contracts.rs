//! The contracts of the storage ports over SQLite.

use adapters_sqlite::SqliteStore;
use port_contracts::Stores;

port_contracts::port_contracts!(fresh());

fn fresh() -> Stores {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path()).expect("a store");
    Stores::new(store).guarded(folder)
}
