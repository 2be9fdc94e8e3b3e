//! The table of schedules.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) schedule_id: Uuid,
    pub(crate) name: String,
    pub(crate) workflow_id: Uuid,
    pub(crate) version: Option<i32>,
    pub(crate) cron: String,
    pub(crate) time_zone: String,
    pub(crate) starts_at: Option<DateTimeUtc>,
    pub(crate) ends_at: Option<DateTimeUtc>,
    pub(crate) input: String,
    pub(crate) overlap: String,
    pub(crate) missed: String,
    pub(crate) missed_limit: i32,
    pub(crate) grace_seconds: i64,
    pub(crate) state: String,
    pub(crate) next_at: Option<DateTimeUtc>,
    pub(crate) queued_tick: Option<Uuid>,
    pub(crate) last_tick: Option<Uuid>,
    pub(crate) last_tick_at: Option<DateTimeUtc>,
    pub(crate) last_started: Option<Uuid>,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) created_by: String,
    pub(crate) updated_at: DateTimeUtc,
    pub(crate) updated_by: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
