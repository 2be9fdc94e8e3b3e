//! What commits change beyond their runs: runs that they start, what other runs are told, and the events that steps wait for.

use domain::{
    Timestamp,
    ids::{RunId, StepPath},
    ports::InboxNote,
    runs::{AdvanceRun, CancelRun, EventWait},
};
use sqlx::{PgConnection, PgPool};

use super::{
    dead_letters, starts,
    wave::{At, Events, column},
};
use crate::{
    codec::parsed,
    doorbell,
    failure::{Failure, Outcome},
};

/// Does what accepted commits say; answers the runs that were told something. Most batches say nothing.
pub(super) async fn reach_out<'a>(
    connection: &mut PgConnection,
    accepted: &[&At<'a, AdvanceRun>],
    events: &mut Events<'a>,
) -> Outcome<Vec<String>> {
    let reaching: Vec<&'a AdvanceRun> = accepted.iter().map(|at| at.commit).filter(|c| !c.outward.is_empty()).collect();
    if reaching.is_empty() {
        return Ok(Vec::new());
    }
    let children: Vec<_> = reaching.iter().flat_map(|commit| &commit.outward.children).collect();
    starts::add(connection, &children, events).await?;
    let waits = reaching.iter().flat_map(|commit| commit.outward.waits.iter().map(|wait| (&commit.run, wait)));
    add_waits(connection, &waits.collect::<Vec<_>>()).await?;
    let settled = reaching.iter().flat_map(|commit| commit.outward.settled.iter().map(|path| (&commit.run, path)));
    settle(connection, &settled.collect::<Vec<_>>()).await?;
    dead_letters::change(connection, &reaching, events).await?;
    let notes: Vec<&InboxNote> = reaching.iter().flat_map(|commit| &commit.outward.notes).collect();
    tell(connection, &notes).await
}

/// Tells the relatives of cancelled runs; answers the runs that were told something.
pub(super) async fn cancelled(connection: &mut PgConnection, cancels: &[&CancelRun]) -> Outcome<Vec<String>> {
    let relatives: Vec<(String, String, Option<String>)> = sqlx::query_as(include_str!("../sql/relatives.sql"))
        .bind(column(cancels, |cancel| cancel.run.as_str()))
        .fetch_all(&mut *connection)
        .await?;
    let mut notes = Vec::with_capacity(relatives.len());
    for (run, relative, path) in relatives {
        let Some(cancel) = cancels.iter().find(|cancel| cancel.run.as_str() == run) else { continue };
        let relative = parsed("run id", RunId::parse(&relative))?;
        notes.push(match path {
            Some(path) => cancel.tells_parent(&relative, &parsed("step path", StepPath::parse(&path))?),
            None => cancel.tells_child(relative),
        });
    }
    tell(connection, &notes.iter().collect::<Vec<_>>()).await
}

pub(super) async fn tell(connection: &mut PgConnection, notes: &[&InboxNote]) -> Outcome<Vec<String>> {
    if notes.is_empty() {
        return Ok(Vec::new());
    }
    let body = |note: &&InboxNote| {
        serde_json::to_string(&note.message).map_err(|error| Failure::Unstorable(error.to_string()))
    };
    let told = sqlx::query_scalar(include_str!("../sql/tell.sql"))
        .bind(column(notes, |note| note.run.as_str()))
        .bind(column(notes, |note| note.dedupe.as_str()))
        .bind(notes.iter().map(body).collect::<Outcome<Vec<_>>>()?)
        .bind(column(notes, |note| note.at))
        .fetch_all(connection)
        .await?;
    Ok(told)
}

async fn add_waits(connection: &mut PgConnection, waits: &[(&RunId, &EventWait)]) -> Outcome<()> {
    if waits.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/await.sql"))
        .bind(column(waits, |(_, wait)| wait.event.as_str()))
        .bind(column(waits, |(_, wait)| wait.correlation.as_str()))
        .bind(column(waits, |(run, _)| run.as_str()))
        .bind(column(waits, |(_, wait)| wait.path.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn settle(connection: &mut PgConnection, settled: &[(&RunId, &StepPath)]) -> Outcome<()> {
    if settled.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("../sql/settle.sql"))
        .bind(column(settled, |(run, _)| run.as_str()))
        .bind(column(settled, |(_, path)| path.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

/// Wakes runs that were told something, after that is durable: a transaction that waited for the heads of other runs while it
/// holds those of its own would stand in the way of its like.
pub(super) async fn wake(pool: &PgPool, told: &[String], now: Timestamp) -> Outcome<()> {
    let mut transaction = pool.begin().await?;
    let _heads: Vec<(String, i64, i16)> =
        sqlx::query_as(include_str!("../sql/lock_heads.sql")).bind(told).fetch_all(&mut *transaction).await?;
    sqlx::query(include_str!("../sql/wake_told.sql")).bind(told).bind(now).execute(&mut *transaction).await?;
    doorbell::ring_now(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}
