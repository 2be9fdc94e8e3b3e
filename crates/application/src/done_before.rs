//! What an attempt that could not answer has done already.
//!
//! A use case that is asked again for the same request has the same ids. What it has done is told in the audit log, by the
//! transaction that did it, under one of them.

use std::sync::Arc;

use domain::{
    access::Actor,
    audit::{AuditFilter, EntityId},
    ids::{AuditId, BulkId},
    ports::{AuditLog, IdGenerator, StoreError},
};

use crate::Ports;

/// How many rows of the log are read at a time.
const PAGE: u32 = 500;

/// Looks up what was done before. Costs nothing where nothing can have been.
#[derive(Clone)]
pub(crate) struct DoneBefore {
    audit: Arc<dyn AuditLog>,
    ids: Arc<dyn IdGenerator>,
}

impl DoneBefore {
    pub(crate) fn new(ports: &Ports) -> Self {
        Self { audit: ports.audit.clone(), ids: ports.ids.clone() }
    }

    /// Whether an attempt before has written this entry.
    pub(crate) async fn told(&self, entry: AuditId) -> Result<bool, StoreError> {
        if self.ids.again() { self.audit.holds(&[entry]).await } else { Ok(false) }
    }

    /// To which things an attempt before has done what was asked for many, the earliest first.
    pub(crate) async fn among(&self, bulk: BulkId, by: &Actor) -> Result<Vec<EntityId>, StoreError> {
        if !self.ids.again() {
            return Ok(Vec::new());
        }
        // The id is of the time at which the request was first tried.
        let since = bulk.uuid().get_timestamp().and_then(|time| {
            let (seconds, nanos) = time.to_unix();
            domain::Timestamp::from_timestamp(i64::try_from(seconds).ok()?, nanos)
        });
        let filter = AuditFilter { user: Some(by.name.clone()), since, ..AuditFilter::default() };
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = self.audit.list(&filter, before, PAGE).await?;
            found.extend(page.rows.into_iter().filter(|row| row.bulk == Some(bulk)).map(|row| row.entity_id));
            before = page.next;
            if before.is_none() {
                found.reverse();
                return Ok(found);
            }
        }
    }
}
