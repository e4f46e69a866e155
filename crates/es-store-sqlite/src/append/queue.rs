//! The way of an append to the writer: bounded, and with a reply of its own.

use std::time::{Duration, Instant};

use es_core::{AppendRequest, Error, ErrorKind, Receipt, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::ahead::Looked;
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
    /// What was found of its conditions already, in their order.
    pub(super) looked: Vec<Option<Looked>>,
    pub(super) begun: Instant,
    reply: oneshot::Sender<Answer>,
    /// Its place in the queue, which it leaves when the writer is done with it.
    place: OwnedSemaphorePermit,
}

/// What the caller is told.
pub(crate) struct Answer {
    pub(crate) result: Result<Receipt>,
    /// Goes back to who made it: events that one thread frees while the other makes its next ones
    /// have both wait for the allocator.
    _request: AppendRequest,
}

impl Pending {
    pub(crate) fn new(
        request: AppendRequest,
        looked: Vec<Option<Looked>>,
        begun: Instant,
        place: OwnedSemaphorePermit,
    ) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        (Self { request, looked, begun, reply, place }, answer)
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
        if self.is_late() { Err(too_late()) } else { Ok(()) }
    }

    /// Whether its deadline is over.
    pub(super) fn is_late(&self) -> bool {
        self.time_left() == Some(Duration::ZERO)
    }

    pub(crate) fn answer(self, result: Result<Receipt>) {
        let Self { request, reply, place, .. } = self;
        // First of all, or a caller's next append finds its own place taken still.
        drop(place);
        // A caller that has gone finds out by appending the same events again.
        drop(reply.send(Answer { result, _request: request }));
    }
}

pub(crate) fn too_late() -> Error {
    Error::new(ErrorKind::Busy, "the deadline of the append is over: nothing was written")
}
