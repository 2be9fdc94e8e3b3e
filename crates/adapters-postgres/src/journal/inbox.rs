//! What commits leave in the inboxes of their runs.

use domain::runs::{AdvanceRun, Wake};
use sqlx::PgConnection;

use super::wave::{At, column};
use crate::{codec::signed, failure::Outcome};

/// Takes out what was drained, and wakes what was given back in spite of its mail. Most batches have neither.
pub(super) async fn settle(connection: &mut PgConnection, accepted: &[&At<'_, AdvanceRun>]) -> Outcome<()> {
    let drained = accepted.iter().flat_map(|at| at.commit.drained.iter().map(|id| (at.commit, id.get())));
    let drained: Vec<(&AdvanceRun, u64)> = drained.collect();
    if !drained.is_empty() {
        let ids = drained.iter().map(|(_, id)| signed(*id)).collect::<Outcome<Vec<_>>>()?;
        sqlx::query(include_str!("../sql/drain_inbox.sql"))
            .bind(column(&drained, |(advance, _)| advance.run.as_str()))
            .bind(ids)
            .execute(&mut *connection)
            .await?;
    }
    let given_back = accepted.iter().map(|at| at.commit).filter(|commit| match commit.wake {
        Wake::At(_) | Wake::Asleep => true,
        Wake::Owned | Wake::Never => false,
    });
    let given_back: Vec<&AdvanceRun> = given_back.collect();
    if !given_back.is_empty() {
        sqlx::query(include_str!("../sql/wake_mailed.sql"))
            .bind(column(&given_back, |advance| advance.run.as_str()))
            .bind(column(&given_back, |advance| advance.at))
            .execute(connection)
            .await?;
    }
    Ok(())
}
