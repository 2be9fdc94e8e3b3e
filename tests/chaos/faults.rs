//! Does what the schedule says, and undoes it.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use dev_services::{Kafka, Postgres, Shutdown, Signal};
use sqlx::{Connection, PgConnection};
use tokio::{
    sync::OwnedMutexGuard,
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    ledger::Ledger,
    moment::Moment,
    recovery::{Kill, Orphan, Outage},
    schedule::{Fault, Planned, Victim},
    site::Site,
    slot::Slot,
};

/// How often it is looked whether servers have ended by themselves.
const ROUND: Duration = Duration::from_millis(200);

/// How long the database may take to say what an executor owned.
const ASKING: Duration = Duration::from_secs(2);

/// Lets all of it happen. Returns when the time is over and everybody is back.
pub(crate) async fn happen(
    site: &Arc<Site>,
    ledger: &Arc<Ledger>,
    planned: Vec<Planned>,
    length: Duration,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut happening = JoinSet::new();
    let mut planned = planned.into_iter().peekable();
    loop {
        let now = begin.elapsed();
        while let Some(fault) = planned.next_if(|planned| planned.at <= now) {
            let (site, ledger) = (Arc::clone(site), Arc::clone(ledger));
            happening.spawn(async move { strike(&site, &ledger, fault).await });
        }
        while let Some(done) = happening.try_join_next() {
            done??;
        }
        site.mend(ledger)?;
        if now >= length && happening.is_empty() {
            return Ok(());
        }
        sleep(ROUND).await;
    }
}

async fn strike(site: &Site, ledger: &Ledger, planned: Planned) -> anyhow::Result<()> {
    let Planned { fault, lasts, .. } = planned;
    let happened = match fault.victim() {
        Victim::Broker => match Arc::clone(&site.kafka).try_lock_owned() {
            Ok(kafka) => strike_broker(kafka, ledger, fault, lasts).await.map(|()| true),
            Err(_) => Ok(false),
        },
        Victim::Database => match Arc::clone(&site.postgres).try_lock_owned() {
            Ok(postgres) => strike_database(postgres, ledger, fault, lasts).await.map(|()| true),
            Err(_) => Ok(false),
        },
        Victim::Executor(_) | Victim::Api(_) | Victim::Relay(_) => {
            let slot = site.slot(fault.victim()).and_then(|slot| slot.try_lock_owned().ok());
            match slot {
                Some(slot) => strike_server(slot, site, ledger, fault, lasts).await.map(|()| true),
                None => Ok(false),
            }
        }
    };
    if !happened.with_context(|| format!("the fault '{}'", fault.name()))? {
        ledger.note(|entries| entries.left_out += 1);
    }
    Ok(())
}

async fn strike_server(
    mut slot: OwnedMutexGuard<Slot>,
    site: &Site,
    ledger: &Ledger,
    fault: Fault,
    lasts: Duration,
) -> anyhow::Result<()> {
    ledger.fault(fault);
    let until = Instant::now() + lasts;
    match fault {
        Fault::Kill(victim) => {
            let identity = slot.identity();
            slot.kill();
            let at = Moment::now();
            if let (Victim::Executor(_), Some(identity)) = (victim, identity)
                && let Ok(Ok(orphans)) = timeout(ASKING, orphans(&site.database_url, &identity)).await
            {
                ledger.note(|entries| entries.kills.push(Kill { at, orphans }));
            }
            sleep_until(until).await;
            slot.start()
        }
        Fault::Stop(_) => {
            slot.stop().await?;
            sleep(lasts).await;
            slot.start()
        }
        Fault::Freeze(victim) => {
            slot.signal(Signal::Stop);
            sleep_until(until).await;
            if let Victim::Executor(_) = victim {
                ledger.note(|entries| entries.thaws.push(Moment::now()));
            }
            slot.signal(Signal::Cont);
            Ok(())
        }
    }
}

/// What an executor owns that can be asked no more. Without a database nobody knows.
async fn orphans(database_url: &str, identity: &str) -> anyhow::Result<Vec<Orphan>> {
    let mut connection = PgConnection::connect(database_url).await?;
    let owned = "SELECT run_id::text, seq FROM run_heads WHERE owner = $1::uuid AND phase = 0";
    let rows: Vec<(String, i64)> = sqlx::query_as(owned).bind(identity).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(rows.into_iter().map(|(run, seq)| Orphan { run, seq: seq.unsigned_abs() }).collect())
}

async fn strike_broker(
    kafka: OwnedMutexGuard<Kafka>,
    ledger: &Ledger,
    fault: Fault,
    lasts: Duration,
) -> anyhow::Result<()> {
    ledger.fault(fault);
    let leave = move |kafka: &mut Kafka| match fault {
        Fault::Kill(_) => kafka.kill_broker(0),
        Fault::Stop(_) => kafka.stop_broker(0),
        Fault::Freeze(_) => kafka.pause_broker(0),
    };
    let come_back = move |kafka: &mut Kafka| match fault {
        Fault::Kill(_) | Fault::Stop(_) => kafka.start_broker(0),
        Fault::Freeze(_) => {
            kafka.resume_broker(0);
            Ok(())
        }
    };
    let (kafka, ()) = on(kafka, leave).await?;
    sleep(lasts).await;
    let (_kafka, back) = on(kafka, come_back).await?;
    Ok(back?)
}

async fn strike_database(
    postgres: OwnedMutexGuard<Postgres>,
    ledger: &Ledger,
    fault: Fault,
    lasts: Duration,
) -> anyhow::Result<()> {
    ledger.fault(fault);
    let leave = move |postgres: &mut Postgres| match fault {
        Fault::Kill(_) => {
            postgres.kill();
            Ok(())
        }
        Fault::Stop(_) => postgres.stop(Shutdown::Fast),
        Fault::Freeze(_) => {
            postgres.pause();
            Ok(())
        }
    };
    let come_back = move |postgres: &mut Postgres| match fault {
        Fault::Kill(_) | Fault::Stop(_) => postgres.start(),
        Fault::Freeze(_) => {
            postgres.resume();
            Ok(())
        }
    };
    let from = Moment::now();
    let (postgres, left) = on(postgres, leave).await?;
    left?;
    sleep(lasts).await;
    let (_postgres, back) = on(postgres, come_back).await?;
    ledger.note(|entries| entries.outages.push(Outage { from, to: Moment::now() }));
    Ok(back?)
}

/// Does something that waits, on a server that is held.
async fn on<S: Send + 'static, T: Send + 'static>(
    mut server: OwnedMutexGuard<S>,
    act: impl FnOnce(&mut S) -> T + Send + 'static,
) -> anyhow::Result<(OwnedMutexGuard<S>, T)> {
    let done = spawn_blocking(move || {
        let done = act(&mut server);
        (server, done)
    });
    Ok(done.await?)
}
