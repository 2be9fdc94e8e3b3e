//! Stores in databases of their own, copied from one that is migrated once.

use adapters_postgres::PgStore;
use port_contracts::Stores;
use tokio::sync::OnceCell;

use crate::cluster::Database;

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

/// A store in a database.
pub(crate) async fn open(database: &Database) -> PgStore {
    PgStore::connect(database.url()).await.expect("a store")
}

/// The ports of a store in a database of its own.
pub(crate) async fn fresh() -> Stores {
    let database = migrated().await;
    Stores::new(open(&database).await).guarded(database)
}
