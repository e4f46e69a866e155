//! Becoming the owner of a checkpoint, and making sure that it belongs to this log.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use es_core::{Checkpoint, Diverged, Envelope, Head, LogId, Position, StreamId, Timestamp};
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::{End, Flow, Worker, applied_inline, inline_owner};
use crate::{
    Slice, State,
    board::Order,
    feed::Broken,
    slices::{Layout, Settled, misfit, nobody},
};

/// How many dead letters are listed at once.
const LETTERS: usize = 1_000;

/// How late it is noticed, at most, that somebody has left a checkpoint in good order.
const LOOK: Duration = Duration::from_millis(500);

/// How many places behind a worker may begin without making history of them.
const BACKLOG: u64 = 1_000;

/// What was there for so long while somebody was at work is history.
const OLD: Duration = Duration::from_secs(10);

impl Worker {
    /// Claims the checkpoint, so that whoever owned it before is fenced, and makes sure that
    /// the log is the one it was made in (P7). Says where the log ends.
    pub(super) async fn claim(&mut self) -> Flow<Head> {
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        let (store, progress) = (&around.store, job.engine.progress());
        // Where it was is no answer to anybody until it is known where it is now.
        job.board.change(|view| (view.state, view.log) = (State::Starting, None));
        self.stand_by().await?;
        let look = || progress.checkpoint(&job.subscriber);
        let known = self.persist("looking at its checkpoint", look).await?;
        self.alive_at = known.as_ref().map(|known| known.updated_at);
        let mut all = Vec::from_iter(known);
        if job.slice.is_some() {
            let look = || progress.checkpoint(&job.whole);
            all.extend(self.persist("looking at the slices", look).await?);
        }
        let head = self.persist("looking at the log", || store.head()).await?;
        // Whoever may not work here must not fence who may.
        for known in &all {
            self.admit(known, head).await?;
        }
        let claim = || progress.claim(&job.subscriber, head.log, &around.owner);
        self.checkpoint = self.persist("claiming its checkpoint", claim).await?;
        self.fit(head.log).await?;
        // The former owner may have moved it since the first look.
        let head = self.persist("looking at the log", || store.head()).await?;
        self.checkpoint.check(head).map_err(End::Failed)?;
        let checkpoint = self.checkpoint.clone();
        self.prove(&checkpoint).await?;

        let parked = self.parked().await?;

        self.cursor = self.checkpoint.position;
        self.history = self.history_until(head.position);
        self.saved_at = Instant::now();
        // Claiming again and again without getting anywhere is no progress.
        let is_first = !std::mem::replace(&mut self.has_claimed, true);
        let checkpoint = &self.checkpoint;
        job.board.change(|view| {
            let is_news =
                checkpoint.position > view.position || checkpoint.position >= head.position;
            if is_first || is_news {
                view.gets_on(std::time::Instant::now());
            }
            view.log = Some(checkpoint.log);
            view.position = checkpoint.position;
            view.saved = checkpoint.position;
            view.saved_at = Some(checkpoint.updated_at);
            view.epoch = checkpoint.epoch;
            view.owner = Some(checkpoint.owner.clone());
            view.parked = parked;
        });
        Ok(head)
    }

    /// Makes sure that this worker may claim what `known` is of, where the log ends at `head`
    /// at the earliest.
    async fn admit(&mut self, known: &Checkpoint, head: Head) -> Flow<()> {
        if known.owner == inline_owner() {
            return Err(End::Failed(applied_inline(&self.job.whole)));
        }
        known.check(head).map_err(End::Failed)?;
        let count = self.job.slice.map_or(1, Slice::count);
        match Layout::of(known) {
            Some(layout) if layout.count != count => {
                Err(End::Failed(misfit(&self.job.whole, layout.count, count)))
            }
            Some(_) => Ok(()),
            None => self.prove(known).await,
        }
    }

    /// What is parked, by stream.
    async fn parked(&mut self) -> Flow<HashMap<StreamId, BTreeSet<Position>>> {
        let job = Arc::clone(&self.job);
        let mut parked = HashMap::<_, BTreeSet<_>>::new();
        let mut after = Position::START;
        loop {
            let list = || job.engine.progress().dead_letters(&job.subscriber, after, LETTERS);
            let letters = self.persist("listing its dead letters", list).await?;
            let Some(last) = letters.last() else { return Ok(parked) };
            after = last.position;
            for letter in letters {
                parked.entry(letter.stream).or_default().insert(letter.position);
            }
        }
    }

    /// Makes sure that all processes cut this projection alike. It comes behind the claim: from
    /// then on whoever changes how it is cut fences this worker.
    async fn fit(&mut self, log: LogId) -> Flow<()> {
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        let Some(slice) = job.slice else {
            return match Layout::of(&self.checkpoint) {
                Some(layout) => Err(End::Failed(misfit(&job.whole, layout.count, 1))),
                None => Ok(()),
            };
        };
        let (store, owner, count) = (job.engine.progress(), &around.owner, slice.count());
        let settle = || Layout::settle(store, &job.whole, log, owner, count);
        let what = "looking at the slices";
        let mut attempt = 0;
        let begin = loop {
            match self.persist(what, settle).await? {
                Settled::From(begin) => break begin,
                // Whoever is to reach an end tells that it cannot, and does not wait for what may
                // have broken off.
                Settled::Replayed(error) if self.until.is_some() => return Err(End::Failed(error)),
                Settled::Replayed(error) => {
                    attempt += 1;
                    self.wait_out(what, error, attempt).await?;
                }
            }
        };
        if self.checkpoint.position < begin {
            let progress = self.progress(begin, None);
            self.advance(&progress, 0).await?;
        }
        Ok(())
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

    /// Whether the event is one that nobody waits for: it is a part of the history that was there
    /// to begin with, or was there for long when somebody was at work, who has handled it or was
    /// far behind. It comes again after a replay.
    pub(super) fn is_history(&self, event: &Envelope) -> bool {
        let was_there = |at: Timestamp| at.since(event.recorded_at) > OLD;
        event.position <= self.history || self.alive_at.is_some_and(was_there)
    }

    /// Makes sure that the log has the event at the checkpoint that was handled there.
    async fn prove(&mut self, checkpoint: &Checkpoint) -> Flow<()> {
        let Some(expected) = checkpoint.event else {
            return Ok(());
        };
        let (around, position) = (Arc::clone(&self.around), checkpoint.position);
        let find = || async {
            match around.store.find(expected).await {
                Ok(found) => Ok(found.map(|event| event.position)),
                // It is there, whether or not it can be read.
                Err(error) => Broken::of(error).map(|broken| Some(broken.position)),
            }
        };
        match self.persist("looking at the log", find).await? {
            Some(found) if found == position => Ok(()),
            _ => Err(End::Failed(Diverged::Rewritten { position, expected }.into())),
        }
    }

    /// With leases, waits while another owner shows signs of life, and for a slice also while
    /// this process has its part already.
    ///
    /// The clocks of two machines decide how soon a dead owner is replaced, and never
    /// whether two owners write: that is up to the epoch.
    async fn stand_by(&mut self) -> Flow<()> {
        let Some(lease) = self.around.timing.lease.filter(|_| !self.around.takes_over) else {
            return Ok(());
        };
        let (job, around) = (Arc::clone(&self.job), Arc::clone(&self.around));
        loop {
            let look = || job.engine.progress().checkpoint(&job.subscriber);
            let known = self.persist("looking at its checkpoint", look).await?;
            // What was seen is kept for the next time: whoever has replaced this one has shown
            // life by that, whatever its clock says.
            let others = known.filter(|known| {
                self.signs.show_life(known, lease, Instant::now()) && known.owner != around.owner
            });
            // What is to be reached by somebody need not be reached by this one.
            if let (Some(until), Some(others)) = (self.until, &others)
                && others.position >= until
            {
                self.cursor = others.position;
                let parked = self.parked().await?;
                job.board.change(|view| (view.position, view.parked) = (others.position, parked));
                return Err(End::Reached);
            }
            let is_free = others.is_none();
            // One that would only pause keeps it from nobody who would work.
            let is_paused = *self.orders.borrow() == Order::Pause;
            if is_free && !is_paused && self.takes() {
                return Ok(());
            }
            job.board.state(State::Standby);
            let still = others.map(|known| Timestamp::now().since(known.updated_at));
            let left = still.map_or(lease, |still| lease.saturating_sub(still));
            // By a clock that is behind it has lapsed all the time.
            let left = if left.is_zero() { lease } else { left };
            self.idle(left.min(lease / 4).min(LOOK), is_free && !is_paused).await?;
        }
    }

    /// Waits for so long while it has nothing to work with, or until there is room for one
    /// more slice, if that is what it waits for. Whoever asks for something is told at once.
    async fn idle(&mut self, time: Duration, waits_for_room: bool) -> Flow<()> {
        let until = Instant::now() + time;
        let share = self.share.clone().filter(|_| waits_for_room).zip(self.job.slice);
        let room = async {
            match &share {
                Some((share, slice)) => share.has_room(slice.index()).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(room);
        loop {
            select! {
                biased;
                stop = self.orders.wait_for(|order| *order == Order::Stop) => {
                    let _ = stop; // dropped or asked, it ends
                    return Err(End::Asked);
                }
                command = self.commands.recv() => match command {
                    Some(command) => drop(command), // and with it the place for the answer
                    None => return Err(End::Asked),
                },
                () = &mut room => return Ok(()),
                () = sleep_until(until) => return Ok(()),
            }
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
            let is_mine = |known: &Checkpoint| {
                known.epoch == self.checkpoint.epoch && known.owner == self.around.owner
            };
            if known.as_ref().is_some_and(is_mine) {
                progress.claim(subscriber, self.checkpoint.log, &nobody()).await?;
            }
            es_core::Result::<(), es_core::Error>::Ok(())
        };
        if let Err(error) = handing.await {
            warn!(%subscriber, %error, "its checkpoint is not handed over; its lease will lapse");
        }
    }
}
