//! Becoming the active relay, making sure of the log, and handing over.

use std::sync::Arc;

use es_core::{Diverged, Error, Head, Owner, Position, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Publisher, RelayState,
    persist::{End, Flow},
    worker::{Term, Worker},
};

/// The owner of a checkpoint that was left in good order.
fn nobody() -> Owner {
    Owner::new("")
}

/// How many places behind a relay may begin without making history of them.
const BACKLOG: u64 = 1_000;

/// Up to where events are history, of a relay that begins at `from`: what was there before
/// it, and a long way behind. A few events that came while none was active are not.
fn history_until(from: Position, head: Position) -> Position {
    let is_far = head.get().saturating_sub(from.get()) > BACKLOG;
    if from == Position::START || is_far { head } else { Position::START }
}

impl Worker {
    /// Claims the checkpoint, so that whoever owned it before is fenced, and opens the
    /// transports, which fences it there, too.
    pub(super) async fn claim(&mut self) -> Flow<Term> {
        self.state(RelayState::Starting);
        self.refuse_commands();
        self.stand_by().await?;
        let (store, progress) = (self.store.clone(), Arc::clone(&self.progress));
        let (name, mark, owner) = (self.name.clone(), self.mark.clone(), self.owner.clone());

        let head = self.persist("looking at the log", || store.head()).await?;
        let claim = || progress.claim(&name, head.log, &owner);
        let checkpoint = self.persist("claiming the checkpoint", claim).await?;
        let claim = || progress.claim(&mark, head.log, &owner);
        let mark = self.persist("claiming the mark of what was consumed", claim).await?;
        // The former owner may have moved it since the first look.
        let head = self.persist("looking at the log", || store.head()).await?;
        checkpoint.check(head).map_err(End::Failed)?;
        if let Some(expected) = checkpoint.event {
            let found = self.persist("looking at the log", || store.find(expected)).await?;
            let position = checkpoint.position;
            if found.is_none_or(|event| event.position != position) {
                return Err(End::Failed(Diverged::Rewritten { position, expected }.into()));
            }
        }
        let list = || progress.parked_streams(&name);
        let parked = self.persist("listing what is parked", list).await?;
        let publisher = Publisher {
            relay: name.clone(),
            log: head.log,
            epoch: checkpoint.epoch,
            published: checkpoint.position,
            consumed: mark.position,
        };
        self.status.send_modify(|status| {
            status.epoch = checkpoint.epoch;
            status.position = checkpoint.position;
            status.consumed = mark.position;
            status.head = head.position;
            status.parked_streams = parked.len();
        });
        let now = Instant::now();
        let parked = parked.into_iter().collect();
        let history = history_until(checkpoint.position, head.position);
        Ok(Term { checkpoint, mark, publisher, parked, history, saved_at: now, asked_at: now })
    }

    /// Opens the transports, and says from where they must be given events.
    pub(super) async fn open(&mut self, term: &Term) -> Flow<Position> {
        let routes = Arc::clone(&self.routes);
        let mut from = term.publisher.published;
        for route in &*routes {
            let open = || route.transport.open(&term.publisher);
            let has = self.persist("opening a transport", open).await?;
            if has < term.publisher.published {
                warn!(relay = %self.name, transport = %route.transport, %has,
                    published = %term.publisher.published, "the transport has lost events");
                self.status.send_modify(|status| status.rewinds += 1);
            }
            from = from.min(has);
        }
        Ok(from)
    }

    /// Answers those who have asked for something in the moment in which this relay was replaced.
    fn refuse_commands(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            command.refuse(&self.name);
        }
    }

    /// With leases, waits while another owner shows signs of life.
    ///
    /// The clocks of two machines decide how soon a dead owner is replaced, and never
    /// whether two relays publish: that is up to the epoch.
    async fn stand_by(&mut self) -> Flow<()> {
        let Some(lease) = self.timing.lease else {
            return Ok(());
        };
        let (progress, name) = (Arc::clone(&self.progress), self.name.clone());
        loop {
            let look = || progress.checkpoint(&name);
            let Some(known) = self.persist("looking at the checkpoint", look).await? else {
                return Ok(());
            };
            let still = Timestamp::now().since(known.updated_at);
            if known.owner == self.owner || known.owner == nobody() || still >= lease {
                return Ok(());
            }
            self.state(RelayState::Standby);
            self.refuse_commands();
            self.rest((lease - still).min(lease / 4)).await?;
        }
    }

    /// Whether to claim again after it was fenced.
    ///
    /// *Hazard.* A server that has lost what it answered for (a failover, a power cut) fences the
    /// relay that it forgot, as it fences one that was replaced. Without a lease that would end
    /// it, and nobody would publish any more.
    /// *Mechanism.* The checkpoint says whether another has claimed it since.
    pub(super) async fn after_a_fence(&mut self, error: &Error, times: u32) -> Flow<bool> {
        let (progress, name) = (Arc::clone(&self.progress), self.name.clone());
        let look = || progress.checkpoint(&name);
        let known = self.persist("looking at the checkpoint", look).await?;
        let epoch = self.status.borrow().epoch;
        let is_overtaken = known.is_some_and(|known| {
            known.epoch > epoch || (known.epoch == epoch && known.owner != self.owner)
        });
        if is_overtaken {
            info!(relay = %self.name, %error, "another relay has taken over");
            return Ok(self.timing.lease.is_some());
        }
        warn!(relay = %self.name, %error, "fenced, and by no other relay: its claim was lost");
        self.rest(self.timing.pause(times)).await?;
        Ok(true)
    }

    /// With leases, says that it is gone, so that nobody has to wait for that to show. It is
    /// one attempt: who stops should not be kept by a store that is out of reach.
    pub(super) async fn hand_over(&self, head: Head, epoch: u64) {
        if self.timing.lease.is_none() {
            return;
        }
        let handing = async {
            let known = self.progress.checkpoint(&self.name).await?;
            if known.is_some_and(|known| known.epoch == epoch) {
                self.progress.claim(&self.name, head.log, &nobody()).await?;
            }
            es_core::Result::<()>::Ok(())
        };
        if let Err(error) = handing.await {
            warn!(relay = %self.name, %error, "not handed over; the lease will lapse");
        }
    }
}
