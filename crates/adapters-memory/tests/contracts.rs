//! The contracts of the storage ports over the memory store.

use adapters_memory::MemoryStore;
use port_contracts::Stores;

port_contracts::port_contracts!(Stores::new(MemoryStore::new()));
