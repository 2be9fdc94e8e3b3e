//! The table of webhooks.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhooks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) webhook_id: Uuid,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) description: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) statuses: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) workflows: Json,
    pub(crate) secret: String,
    pub(crate) previous_secret: Option<String>,
    pub(crate) previous_until: Option<DateTimeUtc>,
    pub(crate) disabled_why: Option<String>,
    pub(crate) disabled_at: Option<DateTimeUtc>,
    pub(crate) since: DateTimeUtc,
    pub(crate) failing_since: Option<DateTimeUtc>,
    pub(crate) revision: i64,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) created_by: String,
    pub(crate) updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
