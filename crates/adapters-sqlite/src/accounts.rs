//! API keys, people and revocations: their rows and reading them.

use async_trait::async_trait;
use domain::{
    Timestamp,
    access::{AccountName, ApiKey, KeyDigest, PasswordHash, PreviousDigest, Role, Scope, User},
    ids::{ApiKeyId, UserId},
    page::{Page, PageRequest, SortOrder, Total},
    ports::{Accounts, LAST_ADMIN, StoreError},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params, params_from_iter};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    SqliteStore,
    codec::{all, count, first, maybe_time, micros, parsed, signed, small, sound, text, time, uuid},
    failure::{Failure, Outcome},
    lists::{Conditions, Id},
    units::refused,
};

/// The time of the last use is the last, because changes leave it alone.
const KEY: &str = "key_id, name, keyed_by, digest, previous_keyed_by, previous_digest, previous_until, role, workflows,
    agents, networks, hides_payloads, expires_at, revoked_at, created_at, created_by, revision, last_used_at";

const KEY_CHANGED: &str =
    "key_id, name, keyed_by, digest, previous_keyed_by, previous_digest, previous_until, role, workflows,
    agents, networks, hides_payloads, expires_at, revoked_at, created_at, created_by, revision";

const KEY_VALUES: &str =
    ":key_id, :name, :keyed_by, :digest, :previous_keyed_by, :previous_digest, :previous_until, :role, :workflows,
    :agents, :networks, :hides_payloads, :expires_at, :revoked_at, :created_at, :created_by, :revision";

const USER: &str = "user_id, name, password, role, hides_payloads, active, epoch, failed_logins, locked_until,
    created_at, updated_at, revision";

const USER_VALUES: &str =
    ":user_id, :name, :password, :role, :hides_payloads, :active, :epoch, :failed_logins, :locked_until,
    :created_at, :updated_at, :revision";

#[async_trait]
impl Accounts for SqliteStore {
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {KEY} FROM access_keys WHERE key_id = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], key)
        };
        self.readers().read(read).await
    }

    async fn has_api_keys(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM access_keys)";
        let read = |connection: &Connection| Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?);
        self.readers().read(read).await
    }

    async fn api_keys(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let read = move |connection: &Connection| {
            let order = SortOrder::Descending;
            let following = Conditions::default().after(&page, ["created_at", "key_id"], order, Id::Uuid)?;
            let sql = format!(
                "SELECT {KEY} FROM access_keys{} ORDER BY created_at DESC, key_id DESC LIMIT ? OFFSET ?",
                following.sql()
            );
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, key)?;
            Ok(Page::of(found, &page, rows(connection, &page, "access_keys")?, ApiKey::cursor))
        };
        self.readers().read(read).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {USER} FROM access_users WHERE user_id = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [id.uuid().as_bytes()], user)
        };
        self.readers().read(read).await
    }

    async fn user_named(&self, name: &str) -> Result<Option<User>, StoreError> {
        let name = name.to_owned();
        let read = move |connection: &Connection| {
            let sql = format!("SELECT {USER} FROM access_users WHERE name = ?1");
            first(&mut *connection.prepare_cached(&sql)?, [name], user)
        };
        self.readers().read(read).await
    }

    async fn users(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        let read = move |connection: &Connection| {
            let following = Conditions::default().after(&page, ["name", "user_id"], SortOrder::Ascending, Id::Uuid)?;
            let sql =
                format!("SELECT {USER} FROM access_users{} ORDER BY name, user_id LIMIT ? OFFSET ?", following.sql());
            let values = params_from_iter(following.paged(&page)?);
            let found = all(&mut *connection.prepare_cached(&sql)?, values, user)?;
            Ok(Page::of(found, &page, rows(connection, &page, "access_users")?, User::cursor))
        };
        self.readers().read(read).await
    }

    async fn revoked(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let ids = ids.to_vec();
        let read = move |connection: &Connection| {
            let sql = "SELECT revocation_id FROM access_revocations
                       WHERE revocation_id IN (SELECT value FROM json_each(?1))";
            all(&mut *connection.prepare_cached(sql)?, [json(&ids)?], |row| Ok(row.get(0)?))
        };
        self.readers().read(read).await
    }

    async fn used(&self, uses: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        let write = move |connection: &Connection| {
            let sql = "UPDATE access_keys SET last_used_at = max(?2, coalesce(last_used_at, ?2)) WHERE key_id = ?1";
            let mut update = connection.prepare_cached(sql)?;
            for (id, at) in &uses {
                update.execute(params![id.uuid().as_bytes(), micros(*at)])?;
            }
            Ok(())
        };
        self.writer().work(move |session| session.transaction(write)).await
    }

    async fn forget_revocations(&self, before: Timestamp) -> Result<u64, StoreError> {
        let forget = move |connection: &Connection| {
            let mut delete = connection.prepare_cached("DELETE FROM access_revocations WHERE until < ?1")?;
            Ok(delete.execute([micros(before)])? as u64)
        };
        self.writer().work(move |session| session.transaction(forget)).await
    }
}

/// A change of a unit of work.
pub(crate) enum AccountChange {
    AddKey(ApiKey),
    ReplaceKey(ApiKey),
    AddUser(User),
    ReplaceUser(User),
    RemoveUser(User),
    Revoke(Vec<String>, Timestamp),
    KeepAnAdmin,
}

impl AccountChange {
    pub(crate) fn make(&self, connection: &Connection) -> Outcome<()> {
        match self {
            Self::AddKey(key) => refused("API key", insert_key(connection, key)),
            Self::ReplaceKey(key) => refused("API key", update_key(connection, key)),
            Self::AddUser(user) => refused("user", insert_user(connection, user)),
            Self::ReplaceUser(user) => refused("user", update_user(connection, user)),
            Self::RemoveUser(user) => refused("user", delete_user(connection, user)),
            Self::Revoke(ids, until) => revoke(connection, ids, *until),
            Self::KeepAnAdmin => keep_an_admin(connection),
        }
    }
}

/// Adds a row; a taken id or name violates a constraint.
fn insert_key(connection: &Connection, key: &ApiKey) -> Outcome<usize> {
    write_key(connection, &format!("INSERT INTO access_keys ({KEY_CHANGED}) VALUES ({KEY_VALUES})"), key)
}

/// Replaces the row of the revision before, if it is there.
fn update_key(connection: &Connection, key: &ApiKey) -> Outcome<usize> {
    let sql = format!(
        "UPDATE access_keys SET ({KEY_CHANGED}) = ({KEY_VALUES}) WHERE key_id = :key_id AND revision = :revision - 1"
    );
    write_key(connection, &sql, key)
}

fn insert_user(connection: &Connection, user: &User) -> Outcome<usize> {
    write_user(connection, &format!("INSERT INTO access_users ({USER}) VALUES ({USER_VALUES})"), user)
}

fn update_user(connection: &Connection, user: &User) -> Outcome<usize> {
    let sql = format!(
        "UPDATE access_users SET ({USER}) = ({USER_VALUES}) WHERE user_id = :user_id AND revision = :revision - 1"
    );
    write_user(connection, &sql, user)
}

fn delete_user(connection: &Connection, user: &User) -> Outcome<usize> {
    let mut delete = connection.prepare_cached("DELETE FROM access_users WHERE user_id = ?1 AND revision = ?2")?;
    Ok(delete.execute(params![user.id.uuid().as_bytes(), signed(user.revision)?])?)
}

fn revoke(connection: &Connection, ids: &[String], until: Timestamp) -> Outcome<()> {
    let sql = "INSERT INTO access_revocations (revocation_id, until) VALUES (?1, ?2)
               ON CONFLICT (revocation_id) DO UPDATE SET until = max(until, excluded.until)";
    let mut insert = connection.prepare_cached(sql)?;
    for id in ids {
        insert.execute(params![id, micros(until)])?;
    }
    Ok(())
}

/// The translation of [`ApiKey::is_keeper`] and [`User::is_keeper`].
fn keep_an_admin(connection: &Connection) -> Outcome<()> {
    let sql = "SELECT 1 FROM access_keys WHERE role = ?1 AND workflows IS NULL AND agents IS NULL
                                           AND revoked_at IS NULL AND expires_at IS NULL AND networks = '[]'
               UNION ALL SELECT 1 FROM access_users WHERE role = ?1 AND active LIMIT 1";
    let keeper = connection.prepare_cached(sql)?.query_row([Role::Admin.as_str()], |_| Ok(())).optional()?;
    keeper.ok_or(Failure::Conflict(LAST_ADMIN))
}

fn write_key(connection: &Connection, sql: &str, key: &ApiKey) -> Outcome<usize> {
    let previous = key.previous.as_ref();
    let values = named_params! {
        ":key_id": key.id.uuid().into_bytes(),
        ":name": key.name.as_str(),
        ":keyed_by": key.digest.keyed_by,
        ":digest": key.digest.bytes,
        ":previous_keyed_by": previous.map(|previous| &previous.digest.keyed_by),
        ":previous_digest": previous.map(|previous| previous.digest.bytes),
        ":previous_until": previous.map(|previous| micros(previous.until)),
        ":role": key.role.as_str(),
        ":workflows": key.scope.workflows.as_ref().map(json).transpose()?,
        ":agents": key.scope.agents.as_ref().map(json).transpose()?,
        ":networks": json(&key.networks)?,
        ":hides_payloads": key.hides_payloads,
        ":expires_at": key.expires_at.map(micros),
        ":revoked_at": key.revoked_at.map(micros),
        ":created_at": micros(key.created_at),
        ":created_by": key.created_by,
        ":revision": signed(key.revision)?,
    };
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

fn write_user(connection: &Connection, sql: &str, user: &User) -> Outcome<usize> {
    let values = named_params! {
        ":user_id": user.id.uuid().into_bytes(),
        ":name": user.name.as_str(),
        ":password": user.password.0,
        ":role": user.role.as_str(),
        ":hides_payloads": user.hides_payloads,
        ":active": user.active,
        ":epoch": signed(user.epoch)?,
        ":failed_logins": user.failed_logins,
        ":locked_until": user.locked_until.map(micros),
        ":created_at": micros(user.created_at),
        ":updated_at": micros(user.updated_at),
        ":revision": signed(user.revision)?,
    };
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

fn key(row: &Row<'_>) -> Outcome<ApiKey> {
    Ok(ApiKey {
        id: ApiKeyId::new(uuid(row, 0)?),
        name: parsed("name of a key", AccountName::parse(text(row, 1)?))?,
        digest: KeyDigest { keyed_by: row.get(2)?, bytes: digest(row, 3)? },
        previous: previous(row)?,
        role: sound("role", Role::parse(text(row, 7)?))?,
        scope: Scope { workflows: maybe_json(row, 8)?, agents: maybe_json(row, 9)? },
        networks: sound("list of networks", maybe_json(row, 10)?)?,
        hides_payloads: row.get(11)?,
        expires_at: maybe_time(row, 12)?,
        revoked_at: maybe_time(row, 13)?,
        created_at: time(row, 14)?,
        created_by: row.get(15)?,
        revision: count(row, 16)?,
        last_used_at: maybe_time(row, 17)?,
    })
}

fn previous(row: &Row<'_>) -> Outcome<Option<PreviousDigest>> {
    let (keyed_by, until): (Option<String>, _) = (row.get(4)?, maybe_time(row, 6)?);
    let Some((keyed_by, until)) = keyed_by.zip(until) else { return Ok(None) };
    Ok(Some(PreviousDigest { digest: KeyDigest { keyed_by, bytes: digest(row, 5)? }, until }))
}

fn user(row: &Row<'_>) -> Outcome<User> {
    Ok(User {
        id: UserId::new(uuid(row, 0)?),
        name: parsed("name of a user", AccountName::parse(text(row, 1)?))?,
        password: PasswordHash(row.get(2)?),
        role: sound("role", Role::parse(text(row, 3)?))?,
        hides_payloads: row.get(4)?,
        active: row.get(5)?,
        epoch: count(row, 6)?,
        failed_logins: small(row, 7)?,
        locked_until: maybe_time(row, 8)?,
        created_at: time(row, 9)?,
        updated_at: time(row, 10)?,
        revision: count(row, 11)?,
    })
}

/// Keys and people are few enough to be counted.
fn rows(connection: &Connection, page: &PageRequest, table: &str) -> Outcome<Option<Total>> {
    if !page.is_counted() {
        return Ok(None);
    }
    let sql = format!("SELECT count(*) FROM {table}");
    let rows = first(&mut *connection.prepare_cached(&sql)?, [], |row| count(row, 0))?;
    Ok(Some(Total::Exact(rows.unwrap_or_default())))
}

fn digest(row: &Row<'_>, column: usize) -> Outcome<[u8; 32]> {
    let bytes = parsed("digest", row.get_ref(column)?.as_blob())?;
    parsed("digest", bytes.try_into())
}

fn json(value: &impl Serialize) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| Failure::Unstorable(error.to_string()))
}

fn maybe_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Outcome<Option<T>> {
    let stored: Option<String> = row.get(column)?;
    stored.map(|text| parsed("JSON text", serde_json::from_str(&text))).transpose()
}
