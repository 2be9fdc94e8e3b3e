//! Has a request done once, however often it is sent: who does it now, and what it was answered.
//!
//! What an answer looks like is not its business; it is a text that is kept sealed, because answers may hold secrets.

use std::{sync::Arc, time::Duration};

use domain::{
    Timestamp,
    agents::Secret,
    idempotency::{Fingerprint, IdempotencyKey, Seed},
    ids::AttemptId,
    ports::{AuditLog, Claim, Clock, IdGenerator, IdempotencyKeys, Standing, StoreError, Vault},
};

/// For how long an attempt has a key without saying that it is still there. Half of a second less than anybody waits for an
/// answer: whoever waits for an attempt that has died goes on with its request.
pub const LEASE: Duration = Duration::from_millis(4_500);

/// For how long keys and answers are kept unless somebody says otherwise.
pub const KEEP_ANSWERS: Duration = Duration::from_hours(24);

/// What is needed to have requests done once.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct OncePorts {
    pub keys: Arc<dyn IdempotencyKeys>,
    pub audit: Arc<dyn AuditLog>,
    pub vault: Arc<dyn Vault>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
}

/// One's turn to do a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    key: IdempotencyKey,
    attempt: AttemptId,
    seed: Seed,
}

impl Turn {
    /// What the ids of all that is made are taken from.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Whether others have tried before, and nobody knows how far they came.
    pub fn again(&self) -> bool {
        self.seed.first() != self.attempt
    }
}

/// How it stands with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is to be done.
    Do(Turn),
    /// Somebody else is doing it.
    Wait,
    /// It was answered so.
    Answered(Secret),
    /// It was done, and what it was answered cannot be read: the server has lost the key under which it was sealed.
    Unreadable,
    /// The key stands for another request.
    Taken,
}

/// Has requests done once.
pub struct Once {
    ports: OncePorts,
    keep_for: Duration,
}

impl Once {
    /// Wires it to its ports; keys and answers are kept for so long.
    pub fn new(ports: OncePorts, keep_for: Duration) -> Self {
        Self { ports, keep_for }
    }

    /// Asks for one's turn.
    pub async fn ask(&self, key: &IdempotencyKey, fingerprint: Fingerprint) -> Result<Asked, StoreError> {
        let at = self.ports.clock.now();
        let attempt = AttemptId::new(self.ports.ids.unique());
        let oldest = at - self.keep_for;
        let claim = Claim { key: key.clone(), fingerprint, attempt, at, until: at + LEASE, oldest };
        Ok(match self.ports.keys.claim(&claim).await? {
            Standing::Mine(seed) => Asked::Do(Turn { key: claim.key, attempt, seed }),
            Standing::Theirs => Asked::Wait,
            Standing::Taken => Asked::Taken,
            Standing::Answered(sealed) => match self.ports.vault.open(&key.place(), &sealed) {
                Ok(answer) => Asked::Answered(answer),
                Err(error) => {
                    tracing::error!(%error, "the answer to a request that was sent again cannot be read");
                    Asked::Unreadable
                }
            },
        })
    }

    /// Says that the attempt is still at it.
    pub async fn hold(&self, turn: &Turn) -> Result<(), StoreError> {
        self.ports.keys.hold(&turn.key, turn.attempt, self.ports.clock.now() + LEASE).await
    }

    /// Keeps the answer. `false` if the turn is somebody else's by now.
    pub async fn keep(&self, turn: &Turn, answer: &Secret) -> Result<bool, StoreError> {
        let sealed = self.ports.vault.seal(&turn.key.place(), answer);
        self.ports.keys.answer(&turn.key, turn.attempt, &sealed).await
    }

    /// Nothing was done, and the key may be used anew; unless somebody has tried before, who may have done something.
    pub async fn release(&self, turn: &Turn) -> Result<(), StoreError> {
        if turn.again() {
            return self.let_go(turn).await;
        }
        self.ports.keys.release(&turn.key, turn.attempt).await
    }

    /// Nobody knows what was done: the next who asks goes on with it.
    pub async fn let_go(&self, turn: &Turn) -> Result<(), StoreError> {
        self.ports.keys.let_go(&turn.key, turn.attempt, self.ports.clock.now()).await
    }

    /// Whether the request was carried out, at least in part, by an attempt that could not answer.
    pub async fn was_done(&self, turn: &Turn) -> Result<bool, StoreError> {
        if turn.again() { self.ports.audit.holds(&turn.seed.entries()).await } else { Ok(false) }
    }

    /// Removes keys and answers that are old enough, at most so many; answers how many.
    pub async fn forget(&self, limit: usize) -> Result<u64, StoreError> {
        let oldest: Timestamp = self.ports.clock.now() - self.keep_for;
        self.ports.keys.forget(oldest, limit).await
    }
}
