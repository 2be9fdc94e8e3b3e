//! The contracts of [`AuditSealing`](domain::ports::AuditSealing) and [`AuditChain`](domain::ports::AuditChain), for the stores
//! that keep a chain.

use std::{any::Any, ops::Deref, sync::Arc};

use chrono::TimeDelta;
use domain::{
    Timestamp,
    audit::{AuditEntry, Mac, MarkKind, Place, check_block, check_mark},
    ids::AuditId,
    ports::{AuditChain, AuditSeal, AuditSealing, Sealed, StoreError},
};

use crate::{
    Change, Stores,
    audit::{entry, told},
    samples::{at, uuid},
};

/// The ports of a store that keeps a chain.
#[derive(Clone)]
pub struct ChainStores {
    /// Those that every store has.
    pub stores: Stores,
    /// See [`AuditSealing`].
    pub sealing: Arc<dyn AuditSealing>,
    /// See [`AuditChain`].
    pub chain: Arc<dyn AuditChain>,
}

impl Deref for ChainStores {
    type Target = Stores;
    fn deref(&self) -> &Stores {
        &self.stores
    }
}

impl ChainStores {
    /// The same, dropping something only after the store.
    pub fn guarded(self, guard: impl Any + Send + Sync) -> Self {
        Self { stores: self.stores.guarded(guard), ..self }
    }

    /// Seals what there is.
    pub(crate) async fn seal(&self, seen: u64, now: Timestamp) -> Result<Sealed, StoreError> {
        let sealed = self.sealing.seal(Arc::new(WeakSeal), seen, now, 100).await?;
        Ok(sealed.expect("nobody else seals"))
    }

    async fn write(&self, ids: impl IntoIterator<Item = u64>) {
        let entries: Vec<Change> = ids.into_iter().map(|id| Change::Record(entry(id))).collect();
        self.changed(&entries).await;
    }

    /// The ids of the rows in the order of their seals, and whether the chain is sound.
    async fn sealed(&self) -> Vec<u64> {
        let state = self.chain.state().await.expect("the store works");
        let (mut seals, mut mac) = state.checkpoint.as_ref().map_or((0, Mac::default()), |mark| (mark.seals, mark.mac));
        let after = state.checkpoint.map_or(0, |mark| mark.block);
        let mut rows = Vec::new();
        for block in self.chain.blocks(after, 100).await.expect("the store works") {
            let found = self.chain.rows(&block.places).await.expect("the store works");
            mac = check_block(&WeakSeal, &block, (seals, mac), &found).expect("the chain is sound");
            seals += block.places.len() as u64;
            for place in &block.places {
                let row = found.iter().find(|row| row.place == *place).expect("it was checked");
                rows.push(number_of(&row.name));
            }
        }
        let head = state.head.expect("something was sealed");
        assert_eq!((head.seals, head.mac), (seals, mac));
        assert_eq!(check_mark(MarkKind::Head, &head, &WeakSeal), Ok(()));
        rows
    }
}

/// The samples' ids are small numbers.
fn number_of(name: &str) -> u64 {
    let id: uuid::Uuid = name.split(' ').next().and_then(|id| id.parse().ok()).expect("a row is called by its id");
    u64::try_from(id.as_u128()).expect("a small id")
}

/// A hash for tests: it mixes, and is no secret.
#[derive(Debug)]
pub struct WeakSeal;

impl AuditSeal for WeakSeal {
    fn key(&self) -> &'static str {
        "weak"
    }

    fn link(&self, key: &str, before: &Mac, bytes: &[u8]) -> Option<Mac> {
        let low = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &[&before.bytes()[..], bytes].concat());
        let high = uuid::Uuid::new_v5(&low, bytes);
        let mac = [*low.as_bytes(), *high.as_bytes()].concat();
        mac.try_into().ok().filter(|_| key == "weak").map(Mac::new)
    }
}

pub async fn rows_are_sealed_in_the_order_in_which_they_were_written(stores: &ChainStores) {
    stores.write([3, 1]).await;
    assert_eq!(stores.seal(0, at(1)).await.expect("the chain is sound").rows, 2);
    stores.write([2]).await;
    assert_eq!(stores.seal(2, at(2)).await.expect("the chain is sound").rows, 1);
    assert_eq!(stores.seal(3, at(3)).await.expect("the chain is sound").rows, 0);
    assert_eq!(stores.sealed().await, [3, 1, 2]);
}

pub async fn no_more_rows_are_sealed_than_asked_for(stores: &ChainStores) {
    stores.write(1..=5).await;
    for (left, rows) in [(5, 2), (3, 2), (1, 1), (0, 0)] {
        let sealed = stores.sealing.seal(Arc::new(WeakSeal), 5 - left, at(1), 2).await.expect("the chain is sound");
        assert_eq!(sealed.expect("nobody else seals").rows, rows);
    }
    assert_eq!(stores.sealed().await, [1, 2, 3, 4, 5]);
}

pub async fn the_head_is_signed_anew_once_it_is_a_minute_old(stores: &ChainStores) {
    let head = async || stores.chain.state().await.expect("the store works").head.expect("it was signed").at;
    stores.seal(0, at(0)).await.expect("the chain is sound");
    stores.seal(0, at(59)).await.expect("the chain is sound");
    assert_eq!(head().await, at(0));
    stores.seal(0, at(60)).await.expect("the chain is sound");
    assert_eq!(head().await, at(60));
}

pub async fn the_head_is_to_be_noted_every_hour_and_by_one(stores: &ChainStores) {
    stores.write([1]).await;
    assert!(stores.seal(0, at(0)).await.expect("the chain is sound").to_be_noted);
    assert!(!stores.seal(1, at(3599)).await.expect("the chain is sound").to_be_noted);
    assert!(stores.seal(1, at(3600)).await.expect("the chain is sound").to_be_noted);
    assert!(!stores.seal(1, at(3601)).await.expect("the chain is sound").to_be_noted);
}

pub async fn a_chain_that_is_shorter_than_it_was_is_not_continued(stores: &ChainStores) {
    stores.write([1]).await;
    stores.seal(0, at(0)).await.expect("the chain is sound");
    let before = stores.chain.state().await.expect("the store works");
    stores.write([2]).await;
    assert!(matches!(stores.seal(2, at(1)).await, Err(StoreError::Corrupt(_))));
    assert_eq!(stores.chain.state().await.expect("the store works"), before);
}

pub async fn old_blocks_are_removed_and_the_chain_goes_on_from_a_checkpoint(stores: &ChainStores) {
    for (id, day) in [(1, 0), (2, 1), (3, 100)] {
        stores.write([id]).await;
        stores.seal(0, at(0) + TimeDelta::days(day)).await.expect("the chain is sound");
    }
    let forget = async |day: i64, blocks: usize| {
        let (before, now) = (at(0) + TimeDelta::days(day), at(0) + TimeDelta::days(200));
        stores.sealing.forget(Arc::new(WeakSeal), before, now, blocks).await.expect("the chain is sound")
    };
    assert_eq!(forget(0, 9).await, 0);
    assert_eq!(forget(50, 1).await, 1);
    assert_eq!(stores.sealed().await, [2, 3]);
    assert_eq!(forget(50, 9).await, 1);
    assert_eq!(forget(150, 9).await, 0, "the last block stays");
    assert_eq!(stores.sealed().await, [3]);
    assert_eq!(told(stores).await, [AuditId::new(uuid(3))]);
    let checkpoint = stores.chain.state().await.expect("the store works").checkpoint.expect("rows were removed");
    assert_eq!((checkpoint.block, checkpoint.seals), (2, 2));
    assert_eq!(check_mark(MarkKind::Checkpoint, &checkpoint, &WeakSeal), Ok(()));
    stores.write([4]).await;
    stores.seal(3, at(0) + TimeDelta::days(201)).await.expect("the chain is sound");
    assert_eq!(stores.sealed().await, [3, 4]);
}

pub async fn places_are_told_with_the_times_of_their_rows(stores: &ChainStores) {
    let late = AuditEntry { at: at(9), ..entry(2) };
    stores.changed(&[Change::Record(entry(1)), Change::Record(late)]).await;
    let places = stores.chain.places(Place::MIN, 9).await.expect("the store works");
    assert_eq!(places.iter().map(|(_, at)| *at).collect::<Vec<_>>(), [at(0), at(9)]);
    assert!(places[0].0 < places[1].0);
    assert_eq!(stores.chain.places(places[0].0, 9).await.expect("the store works"), places[1..]);
    assert_eq!(stores.chain.places(Place::MIN, 1).await.expect("the store works"), places[..1]);
}
