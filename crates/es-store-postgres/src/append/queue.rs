//! The way of an append to the task that sends: bounded, with a deadline and a reply.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use es_core::{AppendRequest, Error, ErrorKind, Position, Receipt, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// An append that waits to be sent, or for its reply.
pub(crate) struct Pending {
    pub(crate) request: AppendRequest,
    /// By condition: what a look before the append has found, and how many connections had
    /// been made by then.
    looked: (u64, Vec<Looked>),
    pub(super) begun: Instant,
    until: Instant,
    stage: Arc<AtomicU8>,
    reply: oneshot::Sender<Result<Receipt>>,
    /// Its place in the queue, which it leaves when it is answered.
    place: OwnedSemaphorePermit,
}

/// What a look before an append has found of what a condition excludes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Looked {
    /// Nobody looked.
    Not,
    /// Such an event is here.
    Found(Position),
    /// There is none up to here, and never will be: the log cannot skip.
    NothingUpTo(Position),
}

/// The caller's end of it.
pub(crate) struct Submitted {
    until: Instant,
    stage: Arc<AtomicU8>,
    answer: oneshot::Receiver<Result<Receipt>>,
}

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const ABANDONED: u8 = 2;

impl Pending {
    pub(crate) fn new(
        request: AppendRequest,
        looked: (u64, Vec<Looked>),
        (begun, until): (Instant, Instant),
        place: OwnedSemaphorePermit,
    ) -> (Self, Submitted) {
        let (reply, answer) = oneshot::channel();
        let stage = Arc::new(AtomicU8::new(QUEUED));
        let submitted = Submitted { until, stage: Arc::clone(&stage), answer };
        (Self { request, looked, begun, until, stage, reply, place }, submitted)
    }

    /// Takes it from the queue; `false` when its caller has gone, and nothing is written.
    pub(crate) fn take(&self) -> bool {
        !self.reply.is_closed()
            && self
                .stage
                .compare_exchange(QUEUED, SENT, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    /// What a look has found. It says nothing once another connection was `made`: that may
    /// lead to another server, which was promoted and lacks the end of the log, and what the
    /// look has passed by is written anew there.
    pub(super) fn looked(&self, made: u64) -> &[Looked] {
        if self.looked.0 == made { &self.looked.1 } else { &[] }
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    pub(crate) fn time_left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    pub(crate) fn answer(self, result: Result<Receipt>) {
        let Self { reply, place, .. } = self;
        // First of all, or a caller's next append finds its own place taken still.
        drop(place);
        // A caller that has gone finds out by appending the same events again.
        drop(reply.send(result));
    }
}

impl Submitted {
    /// Waits for the answer until the deadline.
    pub(crate) async fn answer(self) -> Result<Receipt> {
        let mut answer = self.answer;
        let until = tokio::time::Instant::from_std(self.until);
        match tokio::time::timeout_at(until, &mut answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(ended())),
            // Whoever is first decides: an append that was not sent by now never will be.
            Err(_) => match self.stage.compare_exchange(
                QUEUED,
                ABANDONED,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => Err(too_late()),
                Err(_) => answer.try_recv().unwrap_or_else(|_| Err(unknown())),
            },
        }
    }
}

pub(crate) fn too_late() -> Error {
    Error::new(ErrorKind::Busy, "the deadline of the append is over: nothing was written")
}

fn unknown() -> Error {
    let message = "the deadline of the append passed before PostgreSQL answered: append the same \
                   events again to settle it";
    Error::new(ErrorKind::OutcomeUnknown, message)
}

fn ended() -> Error {
    let message = "the task that sends appends has ended with its runtime: append the same \
                   events again, on a store that is opened anew, to settle it";
    Error::new(ErrorKind::OutcomeUnknown, message)
}
