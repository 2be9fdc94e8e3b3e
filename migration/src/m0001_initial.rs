//! The first schema: the tables of the old system, made or adopted, with what Orrery adds to them, and its own tables.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{ConnectionTrait, DbErr, Statement},
};

/// The revision of the old system that is adopted.
const OLD_REVISION: &str = "002_ai_chat_sessions";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_initial"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        check_old_revision(connection).await?;
        connection.execute_unprepared(include_str!("sql/m0001_old_tables.sql")).await?;
        connection.execute_unprepared(include_str!("sql/m0001_additions.sql")).await?;
        connection.execute_unprepared(include_str!("sql/m0001_own_tables.sql")).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(include_str!("sql/m0001_down.sql")).await?;
        Ok(())
    }
}

/// Another revision has other columns; adopting it would fail somewhere in the middle, or worse, not fail.
async fn check_old_revision<C: ConnectionTrait>(connection: &C) -> Result<(), DbErr> {
    let ask = |sql: &str| Statement::from_string(connection.get_database_backend(), sql.to_owned());
    let table = connection.query_one_raw(ask("SELECT to_regclass('alembic_version')::text")).await?;
    if table.map(|row| row.try_get_by_index::<Option<String>>(0)).transpose()?.flatten().is_none() {
        return Ok(());
    }
    let row = connection.query_one_raw(ask("SELECT version_num::text FROM alembic_version")).await?;
    match row.map(|row| row.try_get_by_index::<String>(0)).transpose()? {
        Some(revision) if revision == OLD_REVISION => Ok(()),
        found => Err(DbErr::Migration(format!(
            "the database of the old system is at revision {}; upgrade it to {OLD_REVISION} with the old system first",
            found.as_deref().unwrap_or("nothing")
        ))),
    }
}
