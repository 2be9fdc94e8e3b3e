//! The table of agents.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agents")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) description: Option<String>,
    pub(crate) auth_type: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) auth_config: Option<Json>,
    pub(crate) timeout_ms: i32,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) retry_config: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) retry_strategy: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) circuit_breaker_config: Option<Json>,
    pub(crate) max_concurrent_calls: Option<i32>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) input_schema: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) output_schema: Option<Json>,
    pub(crate) status: String,
    pub(crate) revision: i64,
    pub(crate) created_by: Option<String>,
    pub(crate) updated_by: Option<String>,
    pub(crate) created_at: DateTime,
    pub(crate) updated_at: DateTime,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
