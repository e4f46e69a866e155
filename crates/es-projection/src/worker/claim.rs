//! Becoming the owner of a checkpoint, and making sure that it belongs to this log.

use std::sync::Arc;

use es_core::{Diverged, Head, Owner, Position, Timestamp};
use tokio::time::Instant;
use tracing::warn;

use super::{End, Flow, Worker};
use crate::State;

/// How many dead letters are listed at once.
const LETTERS: usize = 1_000;

/// How many places behind a worker may begin without making history of them.
const BACKLOG: u64 = 1_000;

impl Worker {
    /// Claims the checkpoint, so that whoever owned it before is fenced, and makes sure that
    /// the log is the one it was made in (P7). Says where the log ends.
    pub(super) async fn claim(&mut self) -> Flow<Head> {
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        let (store, progress) = (&around.store, job.engine.progress());
        job.board.state(State::Starting);
        self.stand_by().await?;

        let head = self.persist("looking at the log", || store.head()).await?;
        let claim = || progress.claim(&job.subscriber, head.log, &around.owner);
        self.checkpoint = self.persist("claiming its checkpoint", claim).await?;
        // The former owner may have moved it since the first look.
        let head = self.persist("looking at the log", || store.head()).await?;
        self.checkpoint.check(head).map_err(End::Failed)?;
        self.prove().await?;

        let mut parked = std::collections::HashMap::<_, std::collections::BTreeSet<_>>::new();
        let mut after = Position::START;
        loop {
            let list = || progress.dead_letters(&job.subscriber, after, LETTERS);
            let letters = self.persist("listing its dead letters", list).await?;
            let Some(last) = letters.last() else { break };
            after = last.position;
            for letter in letters {
                parked.entry(letter.stream).or_default().insert(letter.position);
            }
        }

        self.cursor = self.checkpoint.position;
        self.history = self.history_until(head.position);
        self.saved_at = Instant::now();
        let checkpoint = &self.checkpoint;
        job.board.change(|view| {
            view.log = Some(checkpoint.log);
            view.position = checkpoint.position;
            view.saved = checkpoint.position;
            view.epoch = checkpoint.epoch;
            view.owner = Some(checkpoint.owner.clone());
            view.parked = parked;
            view.moved_at = std::time::Instant::now();
        });
        Ok(head)
    }

    /// Up to where events are history: what a rebuild does, what was there before the
    /// subscriber, and a long way behind. A few events that came while nobody worked are not.
    fn history_until(&self, head: Position) -> Position {
        let from = self.checkpoint.position;
        let is_far = head.get().saturating_sub(from.get()) > BACKLOG;
        match self.around.is_rebuild {
            true => Position::new(u64::MAX),
            false if from == Position::START || is_far => head,
            false => Position::START,
        }
    }

    /// Makes sure that the log has the event at the checkpoint that was handled there.
    async fn prove(&mut self) -> Flow<()> {
        let Some(expected) = self.checkpoint.event else {
            return Ok(());
        };
        let (around, position) = (Arc::clone(&self.around), self.checkpoint.position);
        let found = self.persist("looking at the log", || around.store.find(expected)).await?;
        match found {
            Some(event) if event.position == position => Ok(()),
            _ => Err(End::Failed(Diverged::Rewritten { position, expected }.into())),
        }
    }

    /// With leases, waits while another owner shows signs of life.
    ///
    /// The clocks of two machines decide how soon a dead owner is replaced, and never
    /// whether two owners write: that is up to the epoch.
    async fn stand_by(&mut self) -> Flow<()> {
        let Some(lease) = self.around.timing.lease else {
            return Ok(());
        };
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        loop {
            let look = || job.engine.progress().checkpoint(&job.subscriber);
            let Some(known) = self.persist("looking at its checkpoint", look).await? else {
                return Ok(());
            };
            let still = Timestamp::now().since(known.updated_at);
            if known.owner == around.owner || known.owner == nobody() || still >= lease {
                return Ok(());
            }
            job.board.state(State::Standby);
            self.rest((lease - still).min(lease / 4)).await?;
        }
    }

    /// With leases, says that it is gone, so that nobody has to wait for that to show.
    ///
    /// It is one attempt: who stops should not be kept by a store that is out of reach. An
    /// owner that claims between the look and the claim is fenced, and stands by again.
    pub(super) async fn hand_over(&mut self) {
        if self.around.timing.lease.is_none() {
            return;
        }
        let (subscriber, progress) = (&self.job.subscriber, self.job.engine.progress());
        let handing = async {
            let known = progress.checkpoint(subscriber).await?;
            if known.is_some_and(|known| known.epoch == self.checkpoint.epoch) {
                progress.claim(subscriber, self.checkpoint.log, &nobody()).await?;
            }
            es_core::Result::<(), es_core::Error>::Ok(())
        };
        if let Err(error) = handing.await {
            warn!(%subscriber, %error, "its checkpoint is not handed over; its lease will lapse");
        }
    }
}

/// The owner of a checkpoint that was left in good order.
fn nobody() -> Owner {
    Owner::new("")
}
