//! The contracts of the storage ports over the memory store.

use adapters_memory::MemoryStore;
use domain::{ids::ExecutorId, ports::Outbox};
use port_contracts::{
    SharedStores, Stores,
    samples::{cancel, start, uuid},
};

port_contracts::port_contracts!(Stores::new(MemoryStore::new()));
port_contracts::shared_port_contracts!(SharedStores::new(MemoryStore::announcing()));

#[tokio::test]
async fn a_store_that_was_not_opened_to_announce_has_nothing_to_tell() {
    let store = MemoryStore::new();
    let stores = Stores::new(store.clone());
    stores.committed(start("r")).await;
    stores.committed(cancel("r")).await;
    assert_eq!(store.backlog().await.expect("memory works").waiting, 0);
    assert_eq!(store.hold(ExecutorId::new(uuid(1)), 1, true).await.expect("memory works").len(), 1);
}
