//! The table of ticks.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule_ticks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) tick_id: Uuid,
    pub(crate) schedule_id: Uuid,
    pub(crate) tick_at: DateTimeUtc,
    pub(crate) tick_until: DateTimeUtc,
    pub(crate) ticks: i32,
    pub(crate) manual: bool,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) cancels: Option<String>,
    pub(crate) decided_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
