//! The queue of the messages to webhooks.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) delivery_id: Uuid,
    pub(crate) webhook_id: Uuid,
    pub(crate) place: i64,
    pub(crate) run_id: String,
    pub(crate) workflow_id: String,
    pub(crate) workflow_name: String,
    pub(crate) status: String,
    pub(crate) at: DateTimeUtc,
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) due_at: Option<DateTimeUtc>,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) settled_at: Option<DateTimeUtc>,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) log: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
