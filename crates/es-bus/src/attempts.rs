//! One event and one handler: attempts with pauses, until it is done or given up.

use es_core::{DeadLetter, Recorded, SubscriberName, Timestamp, with_causes};
use tokio::sync::watch;
use tracing::warn;

use crate::{
    Retry,
    handler::{Begun, Call, begin},
    retry::Next,
};

/// What came of it.
pub(crate) enum Tried {
    Handled,
    /// The attempts are used up, or make no sense.
    Failed(Failure),
    /// It was to stop during a pause.
    Interrupted,
}

pub(crate) struct Failure {
    pub(crate) cause: String,
    pub(crate) attempts: u32,
    pub(crate) first_failed_at: Timestamp,
}

impl Failure {
    /// The dead letter of `event`.
    pub(crate) fn letter(&self, subscriber: &SubscriberName, event: &Recorded) -> DeadLetter {
        let mut letter = waiting(subscriber, event).failed(self.cause.as_str(), self.attempts);
        letter.first_failed_at = self.first_failed_at;
        letter
    }
}

/// The dead letter of an event that waits behind another of its stream.
pub(crate) fn waiting(subscriber: &SubscriberName, event: &Recorded) -> DeadLetter {
    DeadLetter::waiting(subscriber.clone(), event.position, event.id, event.stream.clone())
}

/// Who tries, and what is told of each attempt.
pub(crate) struct Attempts<'a> {
    pub(crate) subscriber: &'a SubscriberName,
    pub(crate) handler: &'a dyn Call,
    pub(crate) retry: &'a Retry,
    /// Whether outages are waited out.
    pub(crate) waits_out: bool,
    /// Told of each attempt that fails and is followed by another, and the cause where that was
    /// an outage.
    pub(crate) retried: &'a (dyn Fn(Option<&str>) + Sync),
}

impl Attempts<'_> {
    /// After the first call of the handler has been made: calls it until it succeeds, the
    /// attempts are used up, or `stop` becomes true during a pause.
    pub(crate) async fn go_on<'e>(
        &'e self,
        mut begun: Begun<'e>,
        event: &'e Recorded,
        stop: &watch::Sender<bool>,
    ) -> Tried {
        // Those that count, and all of them.
        let (mut made, mut calls) = (0_u32, 0_u32);
        let mut first = None;
        loop {
            let failed = match begun.done().await {
                Ok(()) => return Tried::Handled,
                Err(failed) => failed,
            };
            (made, calls) = (made.saturating_add(1), calls.saturating_add(1));
            let first_failed_at = *first.get_or_insert_with(Timestamp::now);
            let cause = with_causes(&*failed.error);
            let next = match failed.is_undecodable {
                true => Next::GiveUp,
                false => self.retry.next(&*failed.error, made, self.waits_out),
            };
            let subscriber = self.subscriber;
            match next {
                Next::GiveUp => {
                    return Tried::Failed(Failure { cause, attempts: made, first_failed_at });
                }
                Next::Again => {
                    warn!(%subscriber, event = %event.id, attempts = made, cause, "a handler failed; trying again");
                    (self.retried)(None);
                }
                Next::Outage => {
                    made -= 1;
                    warn!(%subscriber, event = %event.id, calls, cause, "what a handler needs is out of reach; trying again");
                    (self.retried)(Some(&cause));
                }
            }
            let mut stop = stop.subscribe();
            let pause = tokio::time::timeout(self.retry.pause(calls), stop.wait_for(|stop| *stop));
            // A sender that is gone has nothing more to say than that it is over.
            if pause.await.is_ok() {
                return Tried::Interrupted;
            }
            begun = begin(self.handler, event);
        }
    }
}
