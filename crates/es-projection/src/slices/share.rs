//! How many slices of a projection this process works on, while others work on the rest.
//!
//! *Hazard.* Processes come and go, and nobody leads them. One that keeps all slices leaves
//! newcomers idle; two that both take a slice fence each other for ever.
//! *Mechanism.* Beside the checkpoints of the slices there are as many places for processes
//! (`orders-v2.member-1` and so on), claimed and kept alive as checkpoints are. Everybody looks
//! at all places, counts who is alive, and takes its part: slices by processes, the rest of the
//! division to those with the lowest places. Who holds more gives up the highest, saved and in
//! good order; who holds less takes what is free or silent. Nobody takes from the living.
//! *Why it is sound.* That decides who should work. Who may is up to the epochs of the slices:
//! two who disagree about the living hold too few or too many for a while, and a slice that
//! two take at once has one owner, the later.
//! *What it costs.* As many small reads as there are slices, four times in a lease.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use es_core::{Checkpoint, ErrorKind, Owner, Position, Progress, Result, Store, SubscriberName};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::{debug, warn};

use super::{Signs, member, nobody};
use crate::engine::Engine;

/// What this process holds of the slices of one projection, and may.
#[derive(Debug)]
pub(crate) struct Share(watch::Sender<Part>);

#[derive(Debug, Default)]
struct Part {
    /// How many slices this process should hold.
    quota: usize,
    /// Which it holds.
    held: BTreeSet<u16>,
}

impl Part {
    fn has_too_much(&self, slice: u16) -> bool {
        let above = self.held.range(slice..).count();
        self.held.contains(&slice) && above <= self.held.len().saturating_sub(self.quota)
    }
}

impl Share {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Part::default())))
    }

    /// Takes a slice, if there is room for one more.
    pub(crate) fn take(&self, slice: u16) -> bool {
        let mut is_taken = false;
        self.0.send_if_modified(|part| {
            is_taken = part.held.len() < part.quota && part.held.insert(slice);
            is_taken
        });
        is_taken
    }

    /// Gives a slice back; nothing if it was not held.
    pub(crate) fn give_back(&self, slice: u16) {
        self.0.send_if_modified(|part| part.held.remove(&slice));
    }

    /// Returns when the slice is to be given up.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub(crate) async fn is_too_much(&self, slice: u16) {
        // It does not end before `self` does.
        let _ = self.0.subscribe().wait_for(|part| part.has_too_much(slice)).await;
    }

    /// Whether the slice is to be given up.
    pub(crate) fn has_too_much(&self, slice: u16) -> bool {
        self.0.borrow().has_too_much(slice)
    }

    /// Returns when the slice can be taken: when there is room for one more, and a worker of this
    /// process that had it before has left it.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub(crate) async fn has_room(&self, slice: u16) {
        let has_room = |part: &Part| part.held.len() < part.quota && !part.held.contains(&slice);
        // It does not end before `self` does.
        let _ = self.0.subscribe().wait_for(has_room).await;
    }

    fn set_quota(&self, quota: usize) {
        self.0.send_if_modified(|part| std::mem::replace(&mut part.quota, quota) != quota);
    }
}

/// Who keeps a place among the processes, and knows by it how much is its part.
pub(crate) struct Member {
    pub(crate) share: Arc<Share>,
    pub(crate) store: Store,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) whole: SubscriberName,
    pub(crate) count: u16,
    pub(crate) owner: Owner,
    pub(crate) lease: Duration,
    pub(crate) place: Option<Checkpoint>,
    pub(crate) signs: Signs,
}

impl Member {
    /// Keeps the place until `stop` says so, and then leaves it in good order.
    pub(crate) async fn keep(mut self, mut stop: watch::Receiver<bool>) {
        let mut next = Instant::now();
        loop {
            match self.look().await {
                Ok(quota) => self.share.set_quota(quota),
                // What it holds it keeps: the epochs tell whether that is still so.
                Err(error) => {
                    warn!(whole = %self.whole, %error, "the other processes are not known")
                }
            }
            next = Instant::now().max(next) + self.lease / 4;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = sleep_until(next) => {}
            }
        }
        if let Some(place) = self.place.take()
            && let Err(error) = self.leave(&place).await
        {
            warn!(whole = %self.whole, %error, "its place is not given up; it will lapse");
        }
    }

    async fn leave(&self, place: &Checkpoint) -> Result<()> {
        let known = self.engine.progress().checkpoint(&place.subscriber).await?;
        if known.is_some_and(|known| known.epoch == place.epoch) {
            self.engine.progress().claim(&place.subscriber, place.log, &nobody()).await?;
        }
        Ok(())
    }

    /// Shows a sign of life, looks who else is alive, and says how many slices are its part.
    async fn look(&mut self) -> Result<usize> {
        let engine = Arc::clone(&self.engine);
        let store = engine.progress();
        if let Some(place) = &self.place {
            match store.advance(&Progress::from(place, Position::START)).await {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Fenced | ErrorKind::NotFound) => {
                    self.place = None;
                }
                Err(error) => return Err(error),
            }
        }
        let (mut members, mut free) = (Vec::new(), None);
        for number in 1..=self.count {
            let name = member(&self.whole, number)?;
            let known = store.checkpoint(&name).await?;
            let now = Instant::now();
            // Its own place has just been kept: no clock needs to be asked whether it lives.
            let is_own = self.place.as_ref().is_some_and(|place| place.subscriber == name);
            let alive = known.filter(|known| {
                self.signs.show_life(known, self.lease, now)
                    || (is_own && known.owner == self.owner)
            });
            match alive {
                Some(known) => members.push(known.owner),
                None => free = free.or(Some((members.len(), name))),
            }
        }
        if self.place.is_none()
            && let Some((at, name)) = free
        {
            let log = self.store.head().await?.log;
            self.place = Some(store.claim(&name, log, &self.owner).await?);
            members.insert(at, self.owner.clone());
        }
        let mut seen = BTreeSet::new();
        members.retain(|owner| seen.insert(owner.as_str().to_owned()));
        let Some(rank) = members.iter().position(|owner| *owner == self.owner) else {
            return Ok(0);
        };
        let (each, rest) =
            (usize::from(self.count) / members.len(), usize::from(self.count) % members.len());
        let quota = each + usize::from(rank < rest);
        debug!(whole = %self.whole, members = members.len(), quota, "the processes at work");
        Ok(quota)
    }
}
