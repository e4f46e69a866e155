//! The stream of pages that a read yields.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use es_core::{Diverged, FoldPage, Read, Recorded, Result};
use futures_core::Stream;

use super::scan::{Scan, Step};
use crate::shared::Shared;

/// The pages of a read: as of its first poll, without a lock, each made when it is asked
/// for.
pub(crate) struct Pages {
    shared: Arc<Shared>,
    state: State,
}

enum State {
    Asked(Read),
    Reading(Scan),
    Ended,
}

impl Pages {
    pub(crate) const fn new(shared: Arc<Shared>, read: Read) -> Self {
        Self { shared, state: State::Asked(read) }
    }

    fn step(&mut self) -> Result<Step> {
        if matches!(self.state, State::Asked(_))
            && let State::Asked(read) = mem::replace(&mut self.state, State::Ended)
        {
            self.state = State::Reading(begin(&self.shared, read)?);
        }
        let State::Reading(scan) = &mut self.state else {
            return Ok(Step::End);
        };
        let step = scan.step(&self.shared.log);
        if step.is_err() || scan.is_at_end() {
            self.state = State::Ended;
        }
        step
    }
}

fn begin(shared: &Shared, read: Read) -> Result<Scan> {
    let head = shared.published.head();
    if let Some(expected) = read.log {
        let head = shared.head_at(head);
        if expected != head.log {
            let found = head.log;
            return Err(Diverged::Replaced { expected, found }.into());
        }
        if let Some(reader) = read.after.filter(|after| *after > head.position) {
            return Err(Diverged::RolledBack { reader, head }.into());
        }
    }
    Ok(Scan::new(shared, read, head))
}

impl Stream for Pages {
    type Item = Result<Vec<Recorded>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.step() {
            Ok(Step::Page(page)) => Poll::Ready(Some(Ok(page))),
            // Not an empty page: whoever loops over pages would not let others run.
            Ok(Step::Nothing) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(Step::End) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}

/// The same for a fold: the envelopes are there already.
pub(crate) struct FoldPages(pub(crate) Pages);

impl Stream for FoldPages {
    type Item = Result<FoldPage>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map_ok(FoldPage::Recorded)
    }
}

/// Lets other tasks run once, on whatever executor.
pub(crate) fn yield_now() -> impl Future<Output = ()> + Send {
    let mut yielded = false;
    poll_fn(move |cx| {
        if mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
