//! The contracts of the storage ports over PostgreSQL, each test in a database of its own.

use crate::stores;

port_contracts::port_contracts!(stores::fresh().await);

port_contracts::shared_port_contracts!(stores::fresh_shared().await);

port_contracts::chain_contracts!(stores::fresh_chain().await);
