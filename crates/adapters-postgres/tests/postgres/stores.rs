//! Stores in databases of their own, copied from one that is migrated once.

use std::sync::Arc;

use adapters_auth::{AeadVault, Keyring};
use adapters_postgres::{PgSettings, PgStore};
use dev_services::Database;
use port_contracts::{ChainStores, SharedStores, Stores};
use tokio::sync::OnceCell;

/// A database with the schema and nothing in it.
pub(crate) async fn migrated() -> Database {
    // A static has no end: the next test process drops it.
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(|| async {
        let template = Database::new(None).await;
        migration::up(template.url()).await.expect("the schema can be made");
        template
    });
    Database::new(Some(template.await)).await
}

/// The same key for all: some tests open a database twice.
pub(crate) fn vault() -> Arc<AeadVault> {
    AeadVault::new(&Keyring::parse("test:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=").expect("it is a key"))
}

/// A store in a database.
pub(crate) async fn open(database: &Database) -> PgStore {
    PgStore::connect(database.url(), vault()).await.expect("a store")
}

/// The ports of a store in a database of its own.
pub(crate) async fn fresh() -> Stores {
    let database = migrated().await;
    Stores::new(open(&database).await).guarded(database)
}

/// A store in a database that announces.
pub(crate) async fn open_announcing(database: &Database) -> PgStore {
    PgStore::connect_with(database.url(), PgSettings { announce: true, ..PgSettings::default() }, vault())
        .await
        .expect("a store")
}

/// The ports of a store that announces, in a database of its own.
pub(crate) async fn fresh_shared() -> SharedStores {
    let database = migrated().await;
    SharedStores::new(open_announcing(&database).await).guarded(database)
}

/// The ports of a store that keeps a chain, in a database of its own.
pub(crate) async fn fresh_chain() -> ChainStores {
    let database = migrated().await;
    let store = open(&database).await;
    let shared = Arc::new(store.clone());
    ChainStores { stores: Stores::new(store), sealing: shared.clone(), chain: shared }.guarded(database)
}
