//! API keys, people and revocations: their rows and reading them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{AccountName, ApiKey, KeyDigest, PasswordHash, PreviousDigest, Role, Scope, User},
    ids::{ApiKeyId, UserId},
    page::{Page, PageRequest, SortOrder},
    ports::{Accounts, LAST_ADMIN, StoreError},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use serde_json::{Value, json};

use crate::{
    PgStore,
    codec::{count, parsed, signed, signed_small, small, sound},
    entities::{access_key, access_user, revocation},
    failure::{Failure, Outcome},
    lists::{self, Ids, Sorting, Times},
};

/// The key of the advisory lock of those who may take the last administrator away: "admins" in ASCII.
const ADMINS: i64 = 0x6164_6d69_6e73;

#[async_trait]
impl Accounts for PgStore {
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let found = access_key::Entity::find_by_id(id.uuid()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode_key).transpose()?)
    }

    async fn has_api_keys(&self) -> Result<bool, StoreError> {
        let any = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM access_keys)").fetch_one(self.pool()).await;
        Ok(any.map_err(Failure::from)?)
    }

    async fn api_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let wanted = access_key::Entity::find();
        let sorting = sorting("created_at", "key_id", SortOrder::Descending);
        let rows = sorting.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(decode_key).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, &page).await?;
        Ok(Page::of(found, &page, total, ApiKey::cursor))
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let found = access_user::Entity::find_by_id(id.uuid()).one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode_user).transpose()?)
    }

    async fn user_named(&self, name: &str) -> Result<Option<User>, StoreError> {
        let named = access_user::Entity::find().filter(access_user::Column::Name.eq(name));
        let found = named.one(self.management()).await.map_err(Failure::from)?;
        Ok(found.map(decode_user).transpose()?)
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        let wanted = access_user::Entity::find();
        let sorting = sorting("name", "user_id", SortOrder::Ascending);
        let rows = sorting.page(self.management(), wanted.clone(), &page).await?;
        let found = rows.into_iter().map(decode_user).collect::<Outcome<_>>()?;
        let total = lists::total(self, wanted, &page).await?;
        Ok(Page::of(found, &page, total, User::cursor))
    }

    async fn revoked(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let found = revocation::Entity::find()
            .select_only()
            .column(revocation::Column::RevocationId)
            .filter(revocation::Column::RevocationId.is_in(ids));
        Ok(found.into_tuple().all(self.management()).await.map_err(Failure::from)?)
    }

    async fn used(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        // Always in the same order, so that two processes do not wait for each other in a circle.
        let mut uses = uses.to_vec();
        uses.sort_unstable();
        let (ids, times): (Vec<_>, Vec<_>) = uses.into_iter().map(|(id, at)| (id.uuid(), at)).unzip();
        let update = sqlx::query(include_str!("sql/used_keys.sql")).bind(ids).bind(times).execute(self.pool()).await;
        update.map_err(Failure::from)?;
        Ok(())
    }

    async fn forget_revocations(&self, before: Timestamp) -> Result<u64, StoreError> {
        let old = revocation::Entity::delete_many().filter(revocation::Column::Until.lt(before));
        Ok(old.exec(self.management()).await.map_err(Failure::from)?.rows_affected)
    }
}

fn sorting(value: &'static str, id: &'static str, order: SortOrder) -> Sorting {
    Sorting { value, id, times: Times::Zoned, ids: Ids::Uuid, order }
}

pub(crate) async fn insert_key(to: &DatabaseTransaction, key: &ApiKey) -> Outcome<u64> {
    Ok(access_key::Entity::insert(encode_key(key)?).exec_without_returning(to).await?)
}

pub(crate) async fn update_key(to: &DatabaseTransaction, key: &ApiKey) -> Outcome<u64> {
    let updated = access_key::Entity::update_many()
        .set(encode_key(key)?)
        .filter(access_key::Column::KeyId.eq(key.id.uuid()))
        .filter(access_key::Column::Revision.eq(signed(key.revision)? - 1))
        .exec(to)
        .await?;
    Ok(updated.rows_affected)
}

pub(crate) async fn insert_user(to: &DatabaseTransaction, user: &User) -> Outcome<u64> {
    Ok(access_user::Entity::insert(encode_user(user)?).exec_without_returning(to).await?)
}

pub(crate) async fn update_user(to: &DatabaseTransaction, user: &User) -> Outcome<u64> {
    let updated = access_user::Entity::update_many()
        .set(encode_user(user)?)
        .filter(access_user::Column::UserId.eq(user.id.uuid()))
        .filter(access_user::Column::Revision.eq(signed(user.revision)? - 1))
        .exec(to)
        .await?;
    Ok(updated.rows_affected)
}

pub(crate) async fn delete_user(to: &DatabaseTransaction, user: &User) -> Outcome<u64> {
    let deleted = access_user::Entity::delete_many()
        .filter(access_user::Column::UserId.eq(user.id.uuid()))
        .filter(access_user::Column::Revision.eq(signed(user.revision)?))
        .exec(to)
        .await?;
    Ok(deleted.rows_affected)
}

pub(crate) async fn revoke(to: &DatabaseTransaction, ids: &[String], until: Timestamp) -> Outcome<()> {
    if ids.is_empty() {
        return Ok(());
    }
    // Sorted against circles, and once each: one statement cannot change a row twice.
    let ids: BTreeSet<&String> = ids.iter().collect();
    let rows = ids.into_iter().map(|id| revocation::ActiveModel { revocation_id: Set(id.clone()), until: Set(until) });
    let later = sea_orm::sea_query::Expr::cust("greatest(access_revocations.until, excluded.until)");
    let known = OnConflict::column(revocation::Column::RevocationId).value(revocation::Column::Until, later).to_owned();
    revocation::Entity::insert_many(rows).on_conflict(known).exec_without_returning(to).await?;
    Ok(())
}

/// The translation of [`ApiKey::is_keeper`] and [`User::is_keeper`]. Whoever asks waits for the end of all who have asked before,
/// and the statement after the lock sees what they have changed.
pub(crate) async fn keep_an_admin(to: &DatabaseTransaction) -> Outcome<()> {
    to.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ADMINS})")).await?;
    let keys = access_key::Entity::find()
        .filter(access_key::Column::Role.eq(Role::Admin.as_str()))
        .filter(access_key::Column::Workflows.is_null())
        .filter(access_key::Column::Agents.is_null())
        .filter(access_key::Column::RevokedAt.is_null())
        .filter(access_key::Column::ExpiresAt.is_null())
        .filter(access_key::Column::Networks.eq(json!([])));
    if keys.one(to).await?.is_some() {
        return Ok(());
    }
    let people = access_user::Entity::find()
        .filter(access_user::Column::Role.eq(Role::Admin.as_str()))
        .filter(access_user::Column::Active.eq(true));
    people.one(to).await?.map(drop).ok_or(Failure::Conflict(LAST_ADMIN))
}

/// The row of a key, but for its last use.
fn encode_key(key: &ApiKey) -> Outcome<access_key::ActiveModel> {
    let previous = key.previous.as_ref();
    Ok(access_key::ActiveModel {
        key_id: Set(key.id.uuid()),
        name: Set(key.name.as_str().to_owned()),
        keyed_by: Set(key.digest.keyed_by.clone()),
        digest: Set(key.digest.bytes.to_vec()),
        previous_keyed_by: Set(previous.map(|previous| previous.digest.keyed_by.clone())),
        previous_digest: Set(previous.map(|previous| previous.digest.bytes.to_vec())),
        previous_until: Set(previous.map(|previous| previous.until)),
        role: Set(key.role.as_str().to_owned()),
        workflows: Set(key.scope.workflows.as_ref().map(|names| json!(names))),
        agents: Set(key.scope.agents.as_ref().map(|names| json!(names))),
        networks: Set(json!(key.networks)),
        hides_payloads: Set(key.hides_payloads),
        expires_at: Set(key.expires_at),
        revoked_at: Set(key.revoked_at),
        last_used_at: NotSet,
        created_at: Set(key.created_at),
        created_by: Set(key.created_by.clone()),
        revision: Set(signed(key.revision)?),
    })
}

fn encode_user(user: &User) -> Outcome<access_user::ActiveModel> {
    Ok(access_user::ActiveModel {
        user_id: Set(user.id.uuid()),
        name: Set(user.name.as_str().to_owned()),
        password: Set(user.password.0.clone()),
        role: Set(user.role.as_str().to_owned()),
        hides_payloads: Set(user.hides_payloads),
        active: Set(user.active),
        epoch: Set(signed(user.epoch)?),
        failed_logins: Set(signed_small(user.failed_logins)?),
        locked_until: Set(user.locked_until),
        created_at: Set(user.created_at),
        updated_at: Set(user.updated_at),
        revision: Set(signed(user.revision)?),
    })
}

fn decode_key(row: access_key::Model) -> Outcome<ApiKey> {
    let previous = match (row.previous_keyed_by, row.previous_digest, row.previous_until) {
        (Some(keyed_by), Some(bytes), Some(until)) => Some(PreviousDigest { digest: digest(keyed_by, &bytes)?, until }),
        _ => None,
    };
    Ok(ApiKey {
        id: ApiKeyId::new(row.key_id),
        name: parsed("name of a key", AccountName::parse(&row.name))?,
        digest: digest(row.keyed_by, &row.digest)?,
        previous,
        role: sound("role", Role::parse(&row.role))?,
        scope: Scope { workflows: names(row.workflows)?, agents: names(row.agents)? },
        networks: parsed("list of networks", serde_json::from_value(row.networks))?,
        hides_payloads: row.hides_payloads,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
        created_at: row.created_at,
        created_by: row.created_by,
        revision: count(row.revision)?,
    })
}

fn decode_user(row: access_user::Model) -> Outcome<User> {
    Ok(User {
        id: UserId::new(row.user_id),
        name: parsed("name of a user", AccountName::parse(&row.name))?,
        password: PasswordHash(row.password),
        role: sound("role", Role::parse(&row.role))?,
        hides_payloads: row.hides_payloads,
        active: row.active,
        epoch: count(row.epoch)?,
        failed_logins: small(row.failed_logins)?,
        locked_until: row.locked_until,
        created_at: row.created_at,
        updated_at: row.updated_at,
        revision: count(row.revision)?,
    })
}

fn digest(keyed_by: String, bytes: &[u8]) -> Outcome<KeyDigest> {
    Ok(KeyDigest { keyed_by, bytes: parsed("digest", bytes.try_into())? })
}

fn names(stored: Option<Value>) -> Outcome<Option<BTreeSet<String>>> {
    stored.map(|stored| parsed("list of names", serde_json::from_value(stored))).transpose()
}
