//! The way of an append to the writer: bounded, and with a reply of its own.

use std::time::{Duration, Instant};

use es_core::{AppendRequest, Error, ErrorKind, Receipt, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::readers::Job;

/// What the writer is asked to do.
pub(crate) enum Command {
    Append(Box<Pending>),
    /// For a log in memory, whose one connection reads as well.
    Job(Job),
}

/// An append that waits for the writer.
pub(crate) struct Pending {
    pub(crate) request: AppendRequest,
    pub(super) begun: Instant,
    reply: oneshot::Sender<Result<Receipt>>,
    /// Its place in the queue, which it leaves when the writer is done with it.
    place: OwnedSemaphorePermit,
}

impl Pending {
    pub(crate) fn new(
        request: AppendRequest,
        begun: Instant,
        place: OwnedSemaphorePermit,
    ) -> (Self, oneshot::Receiver<Result<Receipt>>) {
        let (reply, answer) = oneshot::channel();
        (Self { request, begun, reply, place }, answer)
    }

    /// Whether its caller has gone, and nothing need be written.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// How long its caller goes on waiting, if there is a limit.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        Some(self.request.deadline()?.saturating_sub(self.begun.elapsed()))
    }

    pub(crate) fn check_deadline(&self) -> Result<()> {
        match self.time_left() {
            Some(Duration::ZERO) => Err(too_late()),
            _ => Ok(()),
        }
    }

    pub(crate) fn answer(self, result: Result<Receipt>) {
        let Self { reply, place, .. } = self;
        // First of all, or a caller's next append finds its own place taken still.
        drop(place);
        // A caller that has gone finds out by appending the same events again.
        drop(reply.send(result));
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::Busy, "the deadline of the append is over: nothing was written")
}
