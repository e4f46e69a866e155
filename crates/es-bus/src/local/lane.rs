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

use super::{outcome::Pending, seat::Seat, work::Work};
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

/// A queue and its task. When the queue is dropped, the task ends by itself, so that a handler
/// that has begun goes on to its end.
pub(super) struct Lane {
    queue: mpsc::Sender<Item>,
    /// Its sender goes when everything that the task held is gone.
    alive: watch::Receiver<()>,
    task: AbortHandle,
}

/// The queue is closed, because its task has ended.
pub(super) struct Ended;

impl Lane {
    /// A lane of `owner`; without one, of the seats that its events name.
    pub(super) fn start(
        runtime: &Handle,
        bus: u64,
        capacity: usize,
        owner: Option<Arc<Seat>>,
    ) -> Self {
        let (queue, items) = mpsc::channel(capacity);
        let (life, alive) = watch::channel(());
        let work = Work::new(life, items, owner);
        let task = runtime.spawn(HANDLING.scope(bus, work.run())).abort_handle();
        Self { queue, alive, task }
    }

    /// Waits for room.
    pub(super) async fn send(&self, item: Item) -> std::result::Result<(), Ended> {
        // There is room nearly always, and then no place in a row of waiters is needed.
        let refused = match self.queue.try_send(item) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(item)) => item,
            Err(TrySendError::Full(item)) => match self.queue.send(item).await {
                Ok(()) => return Ok(()),
                Err(refused) => refused.0,
            },
        };
        withdrawn(refused);
        Err(Ended)
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

/// Room in a queue.
pub(super) struct Permits<'a>(mpsc::PermitIterator<'a, Item>);

impl Permits<'_> {
    pub(super) fn send(&mut self, item: Item) {
        match self.0.next() {
            Some(permit) => permit.send(item),
            None => withdrawn(item),
        }
    }
}

/// What was not sent was not promised, so it does not count as undelivered.
fn withdrawn(item: Item) {
    if let Item::Event(pending) = item {
        pending.withdrawn();
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the bus is shut down")
}

/// A handler that is still subscribed, and whose task is gone.
pub(super) fn orphaned(seat: &Seat) -> Error {
    let message = format!(
        "nobody delivers to {} any more: the runtime on which it was subscribed has ended",
        seat.name
    );
    Error::new(ErrorKind::Closed, message)
}
