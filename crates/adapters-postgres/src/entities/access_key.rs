//! The table of API keys.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "access_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key_id: Uuid,
    pub(crate) name: String,
    pub(crate) keyed_by: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) previous_keyed_by: Option<String>,
    pub(crate) previous_digest: Option<Vec<u8>>,
    pub(crate) previous_until: Option<DateTimeUtc>,
    pub(crate) role: String,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) workflows: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) agents: Option<Json>,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) networks: Json,
    pub(crate) hides_payloads: bool,
    pub(crate) expires_at: Option<DateTimeUtc>,
    pub(crate) revoked_at: Option<DateTimeUtc>,
    pub(crate) last_used_at: Option<DateTimeUtc>,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) created_by: String,
    pub(crate) revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
