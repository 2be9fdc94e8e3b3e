//! Who is alive, and what time it is.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::ExecutorId,
    ports::{Duties, Fleet, LifeSign, Requests, StoreError, StoreTime},
};
use sqlx::{Connection, PgConnection, PgExecutor, postgres::PgConnectOptions};
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

use crate::{
    PgStore,
    codec::{count, signed},
    failure::{Failure, Outcome},
    journal::retried,
};

/// The key of the advisory lock of those who join: "fleet" in ASCII.
const JOINING: i64 = 0x66_6c65_6574;

/// A beat that hangs is worse than one that fails; a lease is several times as long.
const BEAT: Duration = Duration::from_secs(2);

/// The connection that nothing but beats uses: a process whose other connections are all busy is alive. Not from a pool, which
/// would ask a connection that has gone silent whether it still works, for as long as it takes.
pub(crate) struct Heart {
    options: PgConnectOptions,
    connection: Mutex<Option<PgConnection>>,
}

impl Heart {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: Mutex::new(None) }
    }

    async fn beat(&self, member: ExecutorId) -> Outcome<bool> {
        let mut kept = self.connection.lock().await;
        // Whatever goes wrong, the connection is not used again.
        let connection = kept.take();
        let beating = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => PgConnection::connect_with(&self.options).await?,
            };
            let beat = sqlx::query("UPDATE fleet SET beat = beat + 1, beat_at = clock_timestamp() WHERE id = $1");
            let beaten = beat.bind(member.uuid()).execute(&mut connection).await?;
            Ok::<_, sqlx::Error>((connection, beaten.rows_affected() == 1))
        };
        let beaten = timeout(BEAT, beating).await;
        let (connection, is_member) =
            beaten.map_err(|_| Failure::Lost("the database does not answer".to_owned()))??;
        *kept = Some(connection);
        Ok(is_member)
    }
}

#[async_trait]
impl Fleet for PgStore {
    async fn join(&self, member: ExecutorId, duties: Duties) -> Result<Vec<LifeSign>, StoreError> {
        Ok(retried(|| self.enter(member, duties)).await?)
    }

    async fn beat(&self, member: ExecutorId) -> Result<bool, StoreError> {
        Ok(self.heart().beat(member).await?)
    }

    async fn life_signs(&self) -> Result<Vec<LifeSign>, StoreError> {
        Ok(members(self.pool()).await?)
    }

    async fn bury(&self, sign: LifeSign) -> Result<bool, StoreError> {
        let bury = sqlx::query("DELETE FROM fleet WHERE id = $1 AND beat = $2").bind(sign.member.uuid());
        bury.bind(signed(sign.beat)?).execute(self.pool()).await.map_err(Failure::from)?;
        // A statement of its own: somebody else may have been first, and that counts too.
        let gone = sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM fleet WHERE id = $1)").bind(sign.member.uuid());
        Ok(gone.fetch_one(self.pool()).await.map_err(Failure::from)?)
    }

    async fn leave(&self, member: ExecutorId) -> Result<(), StoreError> {
        let leave = sqlx::query("DELETE FROM fleet WHERE id = $1").bind(member.uuid());
        leave.execute(self.pool()).await.map_err(Failure::from)?;
        Ok(())
    }
}

impl PgStore {
    async fn enter(&self, member: ExecutorId, duties: Duties) -> Outcome<Vec<LifeSign>> {
        let mut transaction = self.pool().begin().await?;
        // One after another, or two that exclude each other would not see each other. Beats do not wait for it.
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(JOINING).execute(&mut *transaction).await?;
        let mut rivals = members(&mut *transaction).await?;
        rivals.retain(|sign| sign.duties.exclude(duties));
        if rivals.is_empty() {
            // Sent again after a lost connection, it finds itself there.
            let enter = "INSERT INTO fleet (id, executes, relays, requests) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
            let enter = sqlx::query(enter).bind(member.uuid()).bind(duties.executes).bind(duties.relays);
            enter.bind(word(duties.requests)).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(rivals)
    }
}

async fn members(executor: impl PgExecutor<'_>) -> Outcome<Vec<LifeSign>> {
    let members = sqlx::query_as("SELECT id, executes, relays, requests::text, beat FROM fleet").fetch_all(executor);
    let members: Vec<(Uuid, bool, bool, Option<String>, i64)> = members.await?;
    let sign = |(id, executes, relays, requests, beat): (Uuid, bool, bool, Option<String>, i64)| {
        let all = [Requests::Takes, Requests::Makes];
        let requests = all.into_iter().find(|known| word(*known) == requests.as_deref());
        let duties = Duties { executes, relays, requests: requests.unwrap_or(Requests::Ignores) };
        Ok(LifeSign { member: ExecutorId::new(id), duties, beat: count(beat)? })
    };
    members.into_iter().map(sign).collect()
}

/// None is also what programs say that know nothing of it.
fn word(requests: Requests) -> Option<&'static str> {
    match requests {
        Requests::Ignores => None,
        Requests::Takes => Some("takes"),
        Requests::Makes => Some("makes"),
    }
}

#[async_trait]
impl StoreTime for PgStore {
    async fn read(&self) -> Result<Timestamp, StoreError> {
        Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(self.pool()).await.map_err(Failure::from)?)
    }
}
