//! The table of dead letters.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dlq_entries")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) dlq_id: Uuid,
    pub(crate) run_id: String,
    pub(crate) workflow_id: String,
    pub(crate) workflow_name: String,
    pub(crate) workflow_version: Option<i32>,
    pub(crate) last_run_id: String,
    pub(crate) step_id: String,
    pub(crate) path: String,
    pub(crate) agent_name: String,
    pub(crate) execution: i64,
    pub(crate) generation: i32,
    pub(crate) round: i32,
    pub(crate) attempts: i32,
    pub(crate) failure_reason: String,
    pub(crate) first_failed_at: DateTimeUtc,
    pub(crate) last_failed_at: DateTimeUtc,
    pub(crate) failure_count: i32,
    pub(crate) status: String,
    pub(crate) replayed_run_id: Option<String>,
    pub(crate) replayed_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
