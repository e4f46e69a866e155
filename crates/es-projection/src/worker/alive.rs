//! Signs of life beside work that takes long.
//!
//! *Hazard.* With leases, whoever is silent for one is replaced. A batch, a reaction or a pause
//! between two attempts that takes longer would be done by one process after the other, and
//! none would ever come to its end.
//! *Mechanism.* While something is under way, the checkpoint is touched where it is, as between
//! two batches. After [`Timing::stuck_after`](super::Timing) that ends: a handler that hangs must
//! not keep its place for ever. Whoever is fenced over events in hand takes half as many next
//! time, and more again as they succeed: in the end a batch fits into a lease.
//! *Why it is sound.* A sign of life is a save of what is saved, under the epoch of the claim: it
//! moves nothing, whenever it arrives, and whoever was fenced writes nothing.
//! *Cost.* A small commit each heartbeat, for work that takes longer than that. A transaction that
//! has an SQLite file to itself keeps the sign back until it ends, and everybody else too.

use std::{sync::Arc, time::Duration};

use es_core::Progress;
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::Worker;
use crate::engine::Engine;

/// How a worker shows that it lives.
pub(super) struct Alive {
    engine: Arc<dyn Engine>,
    progress: Progress,
    next: Instant,
    every: Duration,
    /// From then on it is not shown any more.
    until: Instant,
}

impl Worker {
    /// How it shows that it lives while it does what begins now.
    pub(super) fn alive(&self) -> Alive {
        let timing = &self.around.timing;
        let now = Instant::now();
        Alive {
            engine: Arc::clone(&self.job.engine),
            progress: self.progress(self.checkpoint.position, None),
            next: now.max(self.saved_at + timing.heartbeat),
            every: timing.heartbeat,
            until: now + timing.stuck_after,
        }
    }

    /// Takes less at once after it was fenced over events in hand.
    pub(super) fn take_less(&mut self) {
        self.size = (self.size / 2).max(1);
    }

    /// Takes more at once after it has committed, up to what the policy says.
    pub(super) fn take_more(&mut self) {
        self.size = self.size.saturating_mul(2).min(self.job.batch).max(1);
    }
}

impl Alive {
    /// Does the work, and shows signs of life meanwhile.
    ///
    /// # Cancel safety
    /// That of the work.
    pub(super) async fn during<T>(mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            let sign = async {
                sleep_until(self.next).await;
                self.engine.progress().advance(&self.progress).await
            };
            let shown = select! {
                biased;
                done = &mut work => return done,
                shown = sign => shown,
            };
            if let Err(error) = shown {
                // Whether that matters shows when the work is committed.
                debug!(subscriber = %self.progress.subscriber, %error, "no sign of life");
            }
            self.next = Instant::now() + self.every;
            if self.next >= self.until {
                return work.await;
            }
        }
    }
}
