//! A bounded queue and the task that works it off, in order.

use std::sync::Arc;

use es_core::{Error, ErrorKind, Result};
use tokio::{
    runtime::Handle,
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot, watch,
    },
    task::AbortHandle,
};

use super::{outcome::Pending, seat::Seat};
use crate::Replayed;

tokio::task_local! {
    /// The bus whose handler is running. A handler that waited for room in a queue of its own
    /// bus could wait for itself.
    static HANDLING: u64;
}

/// Whether the caller is a handler of the bus with this number.
pub(super) fn is_in_handler_of(bus: u64) -> bool {
    HANDLING.try_with(|handling| *handling == bus).unwrap_or(false)
}

pub(super) enum Item {
    Event(Pending),
    /// Try the dead letters of this seat again.
    Replay(Arc<Seat>, oneshot::Sender<Replayed>),
    /// Everything before this has been worked off.
    Mark(oneshot::Sender<()>),
    /// Take nothing more, work off what is there, end.
    Close,
}

/// A queue and its task. Dropping it ends the task at once.
pub(super) struct Lane {
    queue: mpsc::Sender<Item>,
    /// Its sender goes when everything that the task held is gone.
    alive: watch::Receiver<()>,
    task: AbortHandle,
}

impl Lane {
    pub(super) fn start(runtime: &Handle, bus: u64, capacity: usize) -> Self {
        let (queue, items) = mpsc::channel(capacity);
        let (life, alive) = watch::channel(());
        let task = runtime.spawn(HANDLING.scope(bus, work(life, items))).abort_handle();
        Self { queue, alive, task }
    }

    /// Waits for room.
    pub(super) async fn send(&self, item: Item) -> Result<()> {
        match self.queue.send(item).await {
            Ok(()) => Ok(()),
            Err(refused) => Err(withdrawn(refused.0)),
        }
    }

    /// Room for so many, or `Busy`.
    pub(super) fn try_reserve(&self, items: usize) -> Result<Permits<'_>> {
        match self.queue.try_reserve_many(items) {
            Ok(permits) => Ok(Permits(permits)),
            Err(TrySendError::Closed(())) => Err(closed()),
            Err(TrySendError::Full(())) => {
                Err(Error::new(ErrorKind::Busy, "a queue of the bus is full"))
            }
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.queue.max_capacity()
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Waits until the task has ended, which [`Item::Close`] or [`Lane::abort`] makes it do.
    pub(super) async fn ended(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Room in a queue.
pub(super) struct Permits<'a>(mpsc::PermitIterator<'a, Item>);

impl Permits<'_> {
    pub(super) fn send(&mut self, item: Item) {
        match self.0.next() {
            Some(permit) => permit.send(item),
            None => drop(withdrawn(item)),
        }
    }
}

/// What was not sent was not promised, so it does not count as undelivered.
fn withdrawn(item: Item) -> Error {
    if let Item::Event(pending) = item {
        pending.withdrawn();
    }
    closed()
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the bus is shut down")
}

/// `_life` stands first, so that it is dropped last.
async fn work(_life: watch::Sender<()>, mut items: mpsc::Receiver<Item>) {
    const AT_ONCE: usize = 64;
    let mut taken = Vec::with_capacity(AT_ONCE);
    while items.recv_many(&mut taken, AT_ONCE).await > 0 {
        for item in taken.drain(..) {
            match item {
                Item::Event(pending) => Seat::deliver(pending).await,
                // Nobody waits for it when the caller was dropped.
                Item::Replay(seat, reply) => drop(reply.send(seat.replay().await)),
                Item::Mark(reached) => drop(reached.send(())),
                Item::Close => items.close(),
            }
        }
    }
}
