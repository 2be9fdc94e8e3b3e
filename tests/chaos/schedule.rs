//! Which faults happen when: it follows from the seed and the length alone, so that a run can be repeated as far as real
//! processes let it.

use std::time::Duration;

use fastrand::Rng;

/// How many processes of each role there are.
pub(crate) const EXECUTORS: usize = 3;
/// See [`EXECUTORS`].
pub(crate) const APIS: usize = 2;
/// See [`EXECUTORS`].
pub(crate) const RELAYS: usize = 2;

/// What happens to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// SIGKILL, and a new process after a while.
    Kill(Victim),
    /// SIGTERM, and a new process after its end.
    Stop(Victim),
    /// SIGSTOP, and SIGCONT after a while.
    Freeze(Victim),
}

/// To whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    Executor(usize),
    Api(usize),
    Relay(usize),
    Broker,
    Database,
}

/// A fault with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Since the beginning.
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    /// How long the victim is away or stands still.
    pub(crate) lasts: Duration,
}

/// The most that passes between two faults.
pub(crate) const AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// The faults of so much time, for executors whose lease is as long as this.
pub(crate) fn schedule(seed: u64, length: Duration, lease: Duration) -> Vec<Planned> {
    let mut rng = Rng::with_seed(seed);
    let mut planned = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        at += between(&mut rng, Duration::from_secs(1), AT_LEAST_EVERY);
        if at >= length {
            return planned;
        }
        let fault = choose(&mut rng);
        let lasts = duration(fault, lease, &mut rng);
        planned.push(Planned { at, fault, lasts });
    }
}

/// Executors suffer most: they do the work. Services are everybody's, and everything else stands still without them.
fn choose(rng: &mut Rng) -> Fault {
    let (executor, api, relay) = (rng.usize(..EXECUTORS), rng.usize(..APIS), rng.usize(..RELAYS));
    match rng.u32(..100) {
        0..28 => Fault::Kill(Victim::Executor(executor)),
        28..32 => Fault::Stop(Victim::Executor(executor)),
        32..45 => Fault::Freeze(Victim::Executor(executor)),
        45..55 => Fault::Kill(Victim::Api(api)),
        55..58 => Fault::Stop(Victim::Api(api)),
        58..62 => Fault::Freeze(Victim::Api(api)),
        62..70 => Fault::Kill(Victim::Relay(relay)),
        70..75 => Fault::Freeze(Victim::Relay(relay)),
        75..80 => Fault::Kill(Victim::Broker),
        80..83 => Fault::Stop(Victim::Broker),
        83..86 => Fault::Freeze(Victim::Broker),
        86..91 => Fault::Kill(Victim::Database),
        91..95 => Fault::Stop(Victim::Database),
        _ => Fault::Freeze(Victim::Database),
    }
}

fn duration(fault: Fault, lease: Duration, rng: &mut Rng) -> Duration {
    let (shortest, longest) = match fault {
        // The others must have taken over when it comes back, and sometimes not.
        Fault::Freeze(Victim::Executor(_) | Victim::Relay(_)) => (lease / 2, lease * 5 / 2),
        Fault::Freeze(Victim::Api(_)) => (Duration::from_secs(1), Duration::from_secs(5)),
        // Longer than a lease now and then: no run may change hands because of that.
        Fault::Freeze(Victim::Database) => (Duration::from_secs(1), lease * 5 / 4),
        Fault::Kill(Victim::Database) | Fault::Stop(Victim::Database) => (Duration::ZERO, Duration::from_secs(3)),
        // Longer than a relay waits for an acknowledgement (20 s) now and then.
        Fault::Freeze(Victim::Broker) | Fault::Kill(Victim::Broker) | Fault::Stop(Victim::Broker) => {
            (Duration::from_secs(1), Duration::from_secs(30))
        }
        Fault::Kill(_) | Fault::Stop(_) => (Duration::ZERO, Duration::from_secs(4)),
    };
    between(rng, shortest, longest)
}

fn between(rng: &mut Rng, least: Duration, most: Duration) -> Duration {
    least + most.saturating_sub(least).mul_f64(rng.f64())
}

impl Fault {
    /// Its kind, for people.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Kill(victim) => format!("{} killed", victim.role()),
            Self::Stop(victim) => format!("{} stopped", victim.role()),
            Self::Freeze(victim) => format!("{} frozen", victim.role()),
        }
    }

    /// Whom it strikes.
    pub(crate) fn victim(self) -> Victim {
        match self {
            Self::Kill(victim) | Self::Stop(victim) | Self::Freeze(victim) => victim,
        }
    }
}

impl Victim {
    fn role(self) -> &'static str {
        match self {
            Self::Executor(_) => "executor",
            Self::Api(_) => "api",
            Self::Relay(_) => "relay",
            Self::Broker => "broker",
            Self::Database => "PostgreSQL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: Duration = Duration::from_mins(10);
    const LEASE: Duration = Duration::from_secs(6);

    #[test]
    fn the_same_seed_plans_the_same_faults_and_another_seed_others() {
        assert_eq!(schedule(7, MINUTES, LEASE), schedule(7, MINUTES, LEASE));
        assert_ne!(schedule(7, MINUTES, LEASE), schedule(8, MINUTES, LEASE));
    }

    #[test]
    fn there_is_a_fault_every_few_seconds_until_the_time_is_over() {
        let planned = schedule(1, MINUTES, LEASE);
        let ends = planned.iter().map(|fault| fault.at).chain([MINUTES]);
        let mut before = Duration::ZERO;
        for at in ends {
            assert!(at > before && at <= before + AT_LEAST_EVERY, "{before:?}, then {at:?}");
            before = at;
        }
    }

    #[test]
    fn ten_minutes_have_every_kind_of_fault_and_freezes_longer_and_shorter_than_a_lease() {
        let planned = schedule(1, MINUTES, LEASE);
        let mut kinds: Vec<_> = planned.iter().map(|planned| planned.fault.name()).collect();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), 14, "{kinds:?}");
        let frozen = planned.iter().filter(|planned| matches!(planned.fault, Fault::Freeze(Victim::Executor(_))));
        let frozen: Vec<_> = frozen.map(|planned| planned.lasts > LEASE).collect();
        let longer = frozen.iter().filter(|longer| **longer).count();
        assert!(longer * 2 > frozen.len() && longer < frozen.len(), "{longer} of {} are longer", frozen.len());
    }
}
