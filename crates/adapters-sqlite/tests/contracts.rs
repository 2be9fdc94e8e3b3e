//! The contracts of the storage ports over SQLite.

use std::sync::Arc;

use adapters_auth::{AeadVault, Keyring};
use adapters_sqlite::SqliteStore;
use port_contracts::{ChainStores, Stores};

port_contracts::port_contracts!(fresh());
port_contracts::chain_contracts!(fresh_chain());

fn fresh_chain() -> ChainStores {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path(), vault()).expect("a store");
    let (sealing, chain) = (Arc::new(store.clone()), Arc::new(store.chain()));
    ChainStores { stores: Stores::new(store), sealing, chain }.guarded(folder)
}

fn fresh() -> Stores {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(folder.path(), vault()).expect("a store");
    Stores::new(store).guarded(folder)
}

fn vault() -> Arc<AeadVault> {
    AeadVault::new(&Keyring::parse(&Keyring::fresh_line("test")).expect("it is a key"))
}
