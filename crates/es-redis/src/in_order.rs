//! Several futures that are begun together and give their results in order.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::{MaybeDone, maybe_done};
use tokio::task::coop::unconstrained;

/// Futures that are begun in their order, together, and give their results in that order.
///
/// *Hazard.* A command is queued when its future is first polled, so the first polls decide
/// the order at the server; and a task that has worked for long is asked to yield, when one
/// that is not queued yet would be passed by those behind it. *Mechanism.* Before anything
/// is awaited, each is polled once, and nobody is asked to yield. From then on only the one
/// whose turn it is is polled: replies come in order, so to look at all of them for each
/// reply would be work for nothing. *Cost.* An allocation for each.
pub(crate) struct InOrder<F: Future> {
    sent: Vec<MaybeDone<Pin<Box<F>>>>,
    is_begun: bool,
    next: usize,
}

impl<F: Future> InOrder<F> {
    pub(crate) fn new(futures: impl Iterator<Item = F>) -> Self {
        let sent = futures.map(|future| maybe_done(Box::pin(future))).collect();
        Self { sent, is_begun: false, next: 0 }
    }

    /// The next result; `None` behind the last one.
    pub(crate) async fn next(&mut self) -> Option<F::Output> {
        unconstrained(poll_fn(|cx| self.poll(cx))).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if !std::mem::replace(&mut self.is_begun, true) {
            for future in &mut self.sent {
                // Done or not, it is kept until its turn.
                let _ = Pin::new(future).poll(cx);
            }
        }
        let Some(future) = self.sent.get_mut(self.next) else { return Poll::Ready(None) };
        let mut future = Pin::new(future);
        if future.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.next += 1;
        Poll::Ready(future.take_output())
    }
}

#[cfg(test)]
mod tests;
