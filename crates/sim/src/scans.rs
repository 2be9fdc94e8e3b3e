//! What executors look for by themselves: runs to claim, mail, cancellations, and whether what is theirs is with them.

use domain::ports::{Clock, RunLeases};

use crate::{
    node::{Pending, Told},
    now,
    world::World,
};

impl World {
    /// Between the claim and its hand-over, a crash may hit, and the answer may get lost.
    pub(crate) fn claim(&mut self) -> Result<(), String> {
        let instant = self.instant();
        let Some(at) = self.awake() else { return Ok(()) };
        let node = &self.nodes[at];
        if node.retiring || !node.membership.holds_at(instant) {
            return Ok(());
        }
        let (me, limit) = (node.membership.me(), self.rng.usize(1..=3));
        let Ok(claimed) = now(node.line.claim(me, limit, node.clock.now())) else { return Ok(()) };
        if self.faults && self.rng.u8(0..8) == 0 {
            self.log(|| format!("the answer to a claim of node {at} is lost"));
            return Ok(());
        }
        for run in claimed {
            self.log(|| format!("node {at} claims {} at epoch {}", run.run, run.epoch));
            let loaded =
                now(self.wiring.loader.prepare(&run.run, &run.history, run.input)).map_err(|e| e.to_string())?;
            let (loaded, inbox) = (Box::new(loaded), run.inbox);
            let told = Told::Claimed { by: me, run: run.run, epoch: run.epoch, loaded, inbox };
            self.nodes[at].pending.push(Pending::Tell(told));
        }
        Ok(())
    }

    pub(crate) fn find_ended(&mut self) {
        let Some(at) = self.awake() else { return };
        let node = &mut self.nodes[at];
        let Ok(ended) = now(node.line.take_ended(node.membership.me())) else { return };
        node.pending.extend(ended.into_iter().map(|(run, epoch)| Pending::Tell(Told::Cancelled(run, epoch))));
    }

    pub(crate) fn audit(&mut self) {
        let Some(at) = self.awake() else { return };
        let node = &mut self.nodes[at];
        let by = node.membership.me();
        if let Ok(runs) = now(node.line.owned(by)) {
            node.pending.push(Pending::Tell(Told::Owned { by, runs }));
        }
    }

    pub(crate) fn fetch_mail(&mut self) {
        let Some(at) = self.awake().filter(|at| !self.nodes[*at].line.is_cut()) else { return };
        let node = &mut self.nodes[at];
        let mail = self.wiring.store.mail_now(node.membership.me(), 10);
        node.pending.extend(mail.into_iter().map(|mail| Pending::Tell(Told::Mail(mail))));
    }
}
