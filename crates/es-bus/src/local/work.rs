//! The task of a lane: one item after the other.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use es_core::panic_text;
use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tracing::error;

use super::{
    lane::Item,
    outcome::{Pending, Settled},
    seat::Seat,
};
use crate::Replayed;

/// How many items are taken from the queue at once.
const AT_ONCE: usize = 128;

/// What the task of a lane has.
///
/// *Hazard.* The task may end anywhere, and what it has not handled is to be counted. And a
/// panic that gets past the guards around a handler, as in the drop of what it returned, would
/// end the deliveries to everyone whom this lane serves.
/// *Mechanism.* An item stays where it is until it is done with, so whatever is there when this
/// is dropped was not handled. After a panic the event is given up, and the next one comes.
pub(super) struct Work {
    items: mpsc::Receiver<Item>,
    /// What was taken from the queue, the next one last.
    taken: Vec<Item>,
    /// The one seat that it serves. It is kept here and not with each event, whose publisher
    /// and handler would pass its counter to and fro.
    owner: Option<Arc<Seat>>,
    /// It stands last, so that it is dropped last.
    _life: watch::Sender<()>,
}

/// What has been done with an item.
enum Done {
    Event(Settled),
    Replay(Replayed),
    Other,
}

impl Work {
    pub(super) fn new(
        life: watch::Sender<()>,
        items: mpsc::Receiver<Item>,
        owner: Option<Arc<Seat>>,
    ) -> Self {
        Self { items, taken: Vec::with_capacity(AT_ONCE), owner, _life: life }
    }

    pub(super) async fn run(mut self) {
        while let Err(panic) = AssertUnwindSafe(self.all()).catch_unwind().await {
            self.broken(&*panic);
        }
    }

    async fn all(&mut self) {
        loop {
            while let Some(item) = self.taken.last() {
                let done = match item {
                    Item::Event(pending) => match pending.seat.as_ref().or(self.owner.as_ref()) {
                        Some(seat) => {
                            Done::Event(seat.deliver(&pending.event, pending.is_history).await)
                        }
                        None => Done::Other,
                    },
                    Item::Replay(seat, _) => Done::Replay(seat.replay().await),
                    Item::Mark(_) => Done::Other,
                    Item::Close => {
                        self.items.close();
                        Done::Other
                    }
                };
                // Nobody waits for an answer when the caller was dropped.
                match (self.taken.pop(), done) {
                    (Some(Item::Event(pending)), Done::Event(settled)) => pending.settled(settled),
                    (Some(Item::Replay(_, reply)), Done::Replay(done)) => drop(reply.send(done)),
                    (Some(Item::Mark(reached)), _) => drop(reached.send(())),
                    _ => {}
                }
            }
            if self.items.recv_many(&mut self.taken, AT_ONCE).await == 0 {
                return;
            }
            self.taken.reverse();
        }
    }

    /// Gives up the event in hand.
    fn broken(&mut self, panic: &(dyn Any + Send)) {
        let cause = panic_text(panic).to_owned();
        error!(cause, "a panic outside of the call of a handler");
        let Some(Item::Event(pending)) = self.taken.pop() else { return };
        let Some(seat) = pending.seat.clone().or_else(|| self.owner.clone()) else { return };
        let giving_up = AssertUnwindSafe(|| seat.give_up_broken(&pending.event, &cause));
        match catch_unwind(giving_up) {
            Ok(settled) => pending.settled(settled),
            Err(_) => self.undelivered(pending),
        }
    }

    fn undelivered(&self, pending: Pending) {
        if let Some(seat) = pending.seat.as_ref().or(self.owner.as_ref()) {
            seat.counts.undelivered();
        }
        pending.settled(Settled::Undelivered);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.items.close();
        while let Some(item) = self.taken.pop().or_else(|| self.items.try_recv().ok()) {
            if let Item::Event(pending) = item {
                self.undelivered(pending);
            }
        }
    }
}
