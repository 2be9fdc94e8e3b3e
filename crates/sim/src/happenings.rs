//! What may happen next, and how often: the seeded scheduler's choice.

use fastrand::Rng;

use crate::world::World;

/// Something that may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// An executor's shell does or tells something that it has to.
    Deliver,
    /// An executor looks for runs to claim.
    Claim,
    /// Time passes.
    PassTime,
    /// An executor looks for runs that have been cancelled.
    FindEnded,
    /// An executor looks into the inboxes of its runs.
    FetchMail,
    /// An executor asks which runs are its own.
    Audit,
    /// The bus delivers something.
    DeliverParcel,
    /// A commit arrives that was on the wire.
    Haunt,
    /// People do something.
    Act,
    /// One more run is wanted.
    Start,
    /// A process is killed.
    Crash,
    /// A process stands still.
    Freeze,
    /// A process does not reach the store.
    Cut,
    /// Nobody reaches the store.
    LoseStore,
    /// The bus is away.
    LoseBus,
    /// A process is asked to end.
    Drain,
    /// An executor is told something twice.
    Duplicate,
    /// A clock jumps.
    Jump,
}

/// How often each happens, among all of them, while things go wrong and when they do not any more.
const WEIGHTS: [(Happening, u32, u32); 18] = [
    (Happening::Deliver, 680, 680),
    (Happening::Claim, 80, 80),
    (Happening::PassTime, 90, 90),
    (Happening::FindEnded, 10, 10),
    (Happening::FetchMail, 12, 12),
    (Happening::Audit, 5, 5),
    (Happening::DeliverParcel, 20, 20),
    (Happening::Haunt, 15, 10),
    (Happening::Act, 25, 45),
    (Happening::Start, 12, 0),
    (Happening::Crash, 10, 0),
    (Happening::Freeze, 8, 0),
    (Happening::Cut, 5, 0),
    (Happening::LoseStore, 4, 0),
    (Happening::LoseBus, 3, 0),
    (Happening::Drain, 8, 0),
    (Happening::Duplicate, 14, 0),
    (Happening::Jump, 4, 0),
];

/// The sums of the weights.
const SUMS: (u32, u32) = {
    let (mut sums, mut at) = ((0, 0), 0);
    while at < WEIGHTS.len() {
        sums = (sums.0 + WEIGHTS[at].1, sums.1 + WEIGHTS[at].2);
        at += 1;
    }
    sums
};

impl Happening {
    pub(crate) fn choose(rng: &mut Rng, faults: bool) -> Self {
        let mut left = rng.u32(0..if faults { SUMS.0 } else { SUMS.1 });
        for (happening, faulty, calm) in WEIGHTS {
            let weight = if faults { faulty } else { calm };
            if left < weight {
                return happening;
            }
            left -= weight;
        }
        unreachable!("the number is below the sum of the weights")
    }
}

impl World {
    pub(crate) fn happen(&mut self, what: Happening) -> Result<(), String> {
        match what {
            Happening::Deliver => return self.deliver(),
            Happening::Claim => return self.claim(),
            Happening::PassTime => self.pass_time(),
            Happening::FindEnded => self.find_ended(),
            Happening::FetchMail => self.fetch_mail(),
            Happening::Audit => self.audit(),
            Happening::DeliverParcel => return self.deliver_parcel(),
            Happening::Haunt => return self.haunt(),
            Happening::Act => return self.act(),
            Happening::Start => return self.start_one_more(),
            Happening::Crash => self.crash(),
            Happening::Freeze => self.freeze(),
            Happening::Cut => self.cut(),
            Happening::LoseStore => self.lose_store(),
            Happening::LoseBus => self.lose_bus(),
            Happening::Drain => self.drain(),
            Happening::Duplicate => self.duplicate(),
            Happening::Jump => self.jump(),
        }
        Ok(())
    }
}
