//! Who is alive, and what time it is.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Timestamp,
    ids::ExecutorId,
    ports::{Duties, Fleet, LifeSign, StoreError, StoreTime},
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

use crate::{
    PgStore,
    codec::{count, signed},
    failure::{Failure, Outcome},
};

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
    async fn join(&self, member: ExecutorId, duties: Duties) -> Result<(), StoreError> {
        // Sent again after a lost connection, it finds itself there.
        let join = "INSERT INTO fleet (id, executes, relays) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
        let join = sqlx::query(join).bind(member.uuid()).bind(duties.executes).bind(duties.relays);
        join.execute(self.pool()).await.map_err(Failure::from)?;
        Ok(())
    }

    async fn beat(&self, member: ExecutorId) -> Result<bool, StoreError> {
        Ok(self.heart().beat(member).await?)
    }

    async fn life_signs(&self) -> Result<Vec<LifeSign>, StoreError> {
        let members = sqlx::query_as("SELECT id, executes, relays, beat FROM fleet").fetch_all(self.pool()).await;
        let members: Vec<(Uuid, bool, bool, i64)> = members.map_err(Failure::from)?;
        let sign = |(id, executes, relays, beat)| {
            let duties = Duties { executes, relays };
            Ok(LifeSign { member: ExecutorId::new(id), duties, beat: count(beat)? })
        };
        Ok(members.into_iter().map(sign).collect::<Outcome<_>>()?)
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

#[async_trait]
impl StoreTime for PgStore {
    async fn read(&self) -> Result<Timestamp, StoreError> {
        Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(self.pool()).await.map_err(Failure::from)?)
    }
}
