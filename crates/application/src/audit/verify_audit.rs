//! Walks the chain of the audit log and tells the first thing that is wrong with it. A server may be running meanwhile.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    audit::{Block, Finding, Mac, Mark, MarkKind, Places, Witness, check_block, check_mark},
    ports::{AuditChain, AuditSeal, ChainState, StoreError},
};

/// How many blocks are read at a time.
const BLOCKS: usize = 16;

/// How many places are read at a time.
const PLACES: usize = 10_000;

/// How much older than the head a row may be that is not sealed.
const SEALED_WITHIN: Duration = Duration::from_mins(2);

/// How often everything is read again because a server has removed old rows meanwhile.
const TRIES: usize = 3;

/// What must be true of the chain beyond what it tells of itself. Whoever may write to the store can put an older state back,
/// and only somebody who knows more than the store can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expectations {
    /// How old the head's signature may be; servers sign at least once a minute.
    pub max_age: Option<Duration>,
    /// What was noted of it.
    pub witness: Option<Witness>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many rows were looked at and are as they were sealed.
    pub rows: u64,
    /// Where the chain begins; none if nothing was ever removed.
    pub from: Option<Mark>,
    /// Where it ends; none if nothing was ever sealed.
    pub head: Option<Mark>,
    /// How many rows wait for the next seal.
    pub unsealed: u64,
    /// The first thing that is wrong.
    pub finding: Option<Finding>,
}

/// Walks the chain.
pub struct VerifyAudit {
    chain: Arc<dyn AuditChain>,
    seal: Arc<dyn AuditSeal>,
}

/// A walk along the chain.
struct Walk {
    block: u64,
    seals: u64,
    mac: Mac,
    places: Places,
    verified: u64,
    unsealed: u64,
}

impl VerifyAudit {
    /// Wires the use case to its ports; it needs no others.
    pub fn new(chain: Arc<dyn AuditChain>, seal: Arc<dyn AuditSeal>) -> Self {
        Self { chain, seal }
    }

    /// Looks at everything that is sealed.
    pub async fn execute(&self, expected: Expectations, now: Timestamp) -> Result<Verified, StoreError> {
        let mut tries = 0;
        loop {
            let state = self.chain.state().await?;
            let from = state.checkpoint.clone();
            let start = from.as_ref().map_or((0, 0, Mac::default()), |mark| (mark.block, mark.seals, mark.mac));
            let (block, seals, mac) = start;
            let mut walk = Walk { block, seals, mac, places: Places::default(), verified: 0, unsealed: 0 };
            let finding = self.look(&state, &mut walk, expected, now).await?.err();
            tries += 1;
            // Rows that are too old are no rows that somebody has removed.
            if finding.is_some() && tries < TRIES && self.chain.state().await?.checkpoint != from {
                continue;
            }
            let Walk { verified: rows, unsealed, .. } = walk;
            return Ok(Verified { rows, from, head: state.head, unsealed, finding });
        }
    }

    async fn look(
        &self,
        state: &ChainState,
        walk: &mut Walk,
        expected: Expectations,
        now: Timestamp,
    ) -> Result<Result<(), Finding>, StoreError> {
        let seal = &*self.seal;
        if let Some(Err(forged)) = state.checkpoint.as_ref().map(|mark| check_mark(MarkKind::Checkpoint, mark, seal)) {
            return Ok(Err(forged));
        }
        let Some(head) = &state.head else { return self.without_head(state, expected, now).await };
        if let Err(forged) = check_mark(MarkKind::Head, head, seal) {
            return Ok(Err(forged));
        }
        if let Err(finding) = self.walk_to(head, walk, expected.witness).await? {
            return Ok(Err(finding));
        }
        if let Err(finding) = self.look_for_strays(state, head, walk).await? {
            return Ok(Err(finding));
        }
        let is_old = expected.max_age.is_some_and(|age| is_longer(head.at, now, age));
        Ok(if is_old { Err(Finding::Old { at: head.at, seals: head.seals }) } else { Ok(()) })
    }

    /// Only a log in which nothing has happened yet has no head.
    async fn without_head(
        &self,
        state: &ChainState,
        expected: Expectations,
        now: Timestamp,
    ) -> Result<Result<(), Finding>, StoreError> {
        let blocks = self.chain.blocks(0, 1).await?;
        let oldest = self.chain.places(0, 1).await?;
        let is_late =
            oldest.first().is_some_and(|(_, at)| is_longer(*at, now, SEALED_WITHIN) && expected.max_age.is_some());
        let was_sealed = state.checkpoint.is_some() || state.settled > 0 || !blocks.is_empty();
        Ok(if was_sealed || is_late || expected.witness.is_some() { Err(Finding::NoHead) } else { Ok(()) })
    }

    async fn walk_to(
        &self,
        head: &Mark,
        walk: &mut Walk,
        witness: Option<Witness>,
    ) -> Result<Result<(), Finding>, StoreError> {
        let mut witness = witness.filter(|witness| witness.seals >= walk.seals && *witness != at(walk));
        while walk.block < head.block {
            let blocks = self.chain.blocks(walk.block, BLOCKS).await?;
            if blocks.is_empty() {
                return Ok(Err(Finding::CutOff { told: head.seals, found: walk.seals }));
            }
            for block in blocks.into_iter().filter(|block| block.number <= head.block) {
                if let Err(finding) = self.step(&block, walk).await? {
                    return Ok(Err(finding));
                }
                witness = witness.filter(|witness| !holds(&block, *witness));
            }
        }
        if walk.seals != head.seals || walk.mac != head.mac {
            return Ok(Err(Finding::CutOff { told: head.seals, found: walk.seals }));
        }
        Ok(witness.map_or(Ok(()), |witness| Err(Finding::Witness(witness))))
    }

    async fn step(&self, block: &Block, walk: &mut Walk) -> Result<Result<(), Finding>, StoreError> {
        if block.number != walk.block + 1 {
            return Ok(Err(Finding::Block { block: walk.block + 1, seal: walk.seals + 1 }));
        }
        let rows = self.chain.rows(&block.places).await?;
        match check_block(&*self.seal, block, (walk.seals, walk.mac), &rows) {
            Ok(mac) => {
                let rows = block.places.len() as u64;
                (walk.block, walk.seals, walk.mac) = (block.number, walk.seals + rows, mac);
                walk.verified += rows;
                block.places.iter().for_each(|place| walk.places.add(*place));
                Ok(Ok(()))
            }
            Err(finding) => Ok(Err(finding)),
        }
    }

    /// Looks for rows that no seal knows.
    async fn look_for_strays(
        &self,
        state: &ChainState,
        head: &Mark,
        walk: &mut Walk,
    ) -> Result<Result<(), Finding>, StoreError> {
        let is_open = |place: i64| state.open.iter().any(|(from, to)| (*from..=*to).contains(&place));
        let mut after = i64::MIN;
        loop {
            let places = self.chain.places(after, PLACES).await?;
            let Some((last, _)) = places.last().copied() else { return Ok(Ok(())) };
            for (place, at) in places {
                if walk.places.holds(place) {
                    continue;
                }
                if place <= state.settled && !is_open(place) {
                    return Ok(Err(Finding::Inserted(place)));
                }
                if place <= state.settled && is_longer(at, head.at, SEALED_WITHIN) {
                    return Ok(Err(Finding::Unsealed(place)));
                }
                walk.unsealed += 1;
            }
            after = last;
        }
    }
}

fn is_longer(from: Timestamp, to: Timestamp, than: Duration) -> bool {
    (to - from).to_std().is_ok_and(|passed| passed > than)
}

fn at(walk: &Walk) -> Witness {
    Witness { seals: walk.seals, mac: walk.mac }
}

/// Whether a block holds what was noted.
fn holds(block: &Block, witness: Witness) -> bool {
    let index = witness.seals.checked_sub(block.first).and_then(|index| usize::try_from(index).ok());
    index.and_then(|index| block.macs.get(index)) == Some(&witness.mac)
}
