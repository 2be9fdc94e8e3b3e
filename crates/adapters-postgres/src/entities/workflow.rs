//! The table of workflow definitions.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_definitions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) head_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) version: i32,
    pub(crate) description: Option<String>,
    pub(crate) change_summary: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) workflow_data: Json,
    pub(crate) workflow_text: Option<String>,
    pub(crate) plan_hash: Option<Vec<u8>>,
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
