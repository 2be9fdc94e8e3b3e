//! The table of step executions.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "step_executions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) run_id: String,
    pub(crate) execution: Option<i64>,
    pub(crate) step_id: String,
    pub(crate) path: Option<String>,
    pub(crate) agent_name: String,
    pub(crate) status: String,
    pub(crate) attempt: Option<i32>,
    pub(crate) generation: Option<i32>,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) input_data: Json,
    pub(crate) input_text: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) output_data: Option<Json>,
    pub(crate) output_text: Option<String>,
    pub(crate) started_at: DateTime,
    pub(crate) completed_at: Option<DateTime>,
    pub(crate) error_message: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
