//! The table of runs.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_runs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) run_id: String,
    pub(crate) workflow_id: String,
    pub(crate) workflow_name: String,
    pub(crate) workflow_version: Option<i32>,
    pub(crate) plan_hash: Option<Vec<u8>>,
    pub(crate) engine: Option<String>,
    pub(crate) status: String,
    pub(crate) paused: bool,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) input_data: Option<Json>,
    pub(crate) input_text: Option<String>,
    pub(crate) triggered_by: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) labels: Option<Json>,
    pub(crate) created_at: DateTime,
    pub(crate) starts_at: Option<DateTimeUtc>,
    pub(crate) updated_at: DateTime,
    pub(crate) completed_at: Option<DateTime>,
    pub(crate) cancelled_at: Option<DateTime>,
    pub(crate) cancelled_by: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) parent_run_id: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) output_data: Option<Json>,
    pub(crate) output_text: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
