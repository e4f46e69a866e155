//! What became of events whose publisher waits.

use std::sync::{Arc, Mutex, PoisonError};

use es_core::{DeadLetter, Recorded};
use tokio::sync::oneshot;

use super::seat::Seat;

/// What became of events that were published by
/// [`LocalBus::publish_and_wait`](crate::LocalBus::publish_and_wait).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Delivered {
    /// How often an event was handled: once per event and handler.
    pub handled: u64,
    /// What became a dead letter, with the name of the subscription, or waits behind one.
    pub failed: Vec<DeadLetter>,
    /// How often an event was not handled because the bus or the subscription ended first.
    pub undelivered: u64,
}

/// Gathers it. Whoever is to settle something holds a clone; when the last one is gone, the
/// waiting publisher is told. So nothing that ends a delivery, be it a panic or an abort, can
/// leave the publisher waiting.
pub(super) struct Outcome {
    so_far: Mutex<Delivered>,
    tell: Option<oneshot::Sender<Delivered>>,
}

impl Outcome {
    pub(super) fn new() -> (Arc<Self>, oneshot::Receiver<Delivered>) {
        let (tell, told) = oneshot::channel();
        (Arc::new(Self { so_far: Mutex::default(), tell: Some(tell) }), told)
    }

    fn note(&self, change: impl FnOnce(&mut Delivered)) {
        change(&mut self.so_far.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        let so_far = std::mem::take(self.so_far.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(tell) = self.tell.take() {
            // Nobody waits any more when the publisher was dropped.
            let _ = tell.send(so_far);
        }
    }
}

/// What became of an event and a handler.
pub(super) enum Settled {
    Handled,
    /// It is a dead letter, or waits behind one.
    Failed(Box<DeadLetter>),
    Undelivered,
}

/// One event on its way to one handler. Dropped before it is settled, it was not delivered.
pub(super) struct Pending {
    /// For whom it is, where the lane has several.
    pub(super) seat: Option<Arc<Seat>>,
    pub(super) event: Recorded,
    outcome: Option<Arc<Outcome>>,
    /// Whether what set it off is long over.
    pub(super) is_history: bool,
}

impl Pending {
    pub(super) const fn new(
        seat: Option<Arc<Seat>>,
        event: Recorded,
        outcome: Option<Arc<Outcome>>,
        is_history: bool,
    ) -> Self {
        Self { seat, event, outcome, is_history }
    }

    pub(super) fn settled(mut self, settled: Settled) {
        if let Some(outcome) = self.outcome.take() {
            outcome.note(|delivered| match settled {
                Settled::Handled => delivered.handled += 1,
                Settled::Failed(letter) => delivered.failed.push(*letter),
                Settled::Undelivered => delivered.undelivered += 1,
            });
        }
    }

    /// It was never sent, so nothing was promised.
    pub(super) fn withdrawn(mut self) {
        self.outcome = None;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome.take() {
            outcome.note(|delivered| delivered.undelivered += 1);
        }
    }
}
