//! What can go wrong with a read.

use std::{future::ready, time::Duration};

use es_core::{Backend, ErrorKind, PageStream, Read, Recorded, Result};
use futures_util::{StreamExt, stream};

use super::{plan::Due, planned};

/// What can go wrong with a read.
#[derive(Clone, Debug)]
pub struct ReadFault(Fault);

#[derive(Clone, Debug)]
enum Fault {
    FailAfter(usize, ErrorKind),
    HangAfter(usize),
    Delay(Duration),
}

impl ReadFault {
    /// Its first item is an error.
    #[must_use]
    pub const fn fail(kind: ErrorKind) -> Self {
        Self::fail_after(0, kind)
    }

    /// It yields so many events, or all if there are fewer, and then an error.
    #[must_use]
    pub const fn fail_after(events: usize, kind: ErrorKind) -> Self {
        Self(Fault::FailAfter(events, kind))
    }

    /// It never yields anything.
    #[must_use]
    pub const fn hang() -> Self {
        Self::hang_after(0)
    }

    /// It yields so many events, or all if there are fewer, and then nothing, not even its
    /// end.
    #[must_use]
    pub const fn hang_after(events: usize) -> Self {
        Self(Fault::HangAfter(events))
    }

    /// It is handed on after this time.
    #[must_use]
    pub const fn delay(time: Duration) -> Self {
        Self(Fault::Delay(time))
    }
}

/// Nothing happens, and nothing is told, before the stream is polled.
pub(super) fn spoilt(inner: &Backend, read: Read, due: Due<ReadFault>) -> PageStream {
    let pages = inner.read(read);
    match due.fault.0 {
        Fault::FailAfter(events, kind) => {
            let failure = async move {
                due.tell();
                Err(planned(kind))
            };
            first(pages, events).chain(stream::once(failure)).boxed()
        }
        Fault::HangAfter(events) => {
            let nothing = async move { due.hang().await };
            first(pages, events).chain(stream::once(nothing)).boxed()
        }
        Fault::Delay(time) => {
            let delayed = async move {
                due.tell();
                tokio::time::sleep(time).await;
                pages
            };
            stream::once(delayed).flatten().boxed()
        }
    }
}

/// The first so many events. It asks for no page of which it needs nothing.
fn first(pages: PageStream, events: usize) -> PageStream {
    if events == 0 {
        return stream::empty().boxed();
    }
    // Whether the page before was the last one that is needed.
    let pages = pages.scan(events, |left, page| {
        let page = page.map(|mut page: Vec<Recorded>| {
            page.truncate(*left);
            *left -= page.len();
            page
        });
        ready(Some((*left == 0, page)))
    });
    until_done(pages.boxed()).boxed()
}

/// The pages up to and with the one that is marked as the last.
fn until_done(
    pages: stream::BoxStream<'static, (bool, Result<Vec<Recorded>>)>,
) -> impl stream::Stream<Item = Result<Vec<Recorded>>> + Send + 'static {
    stream::unfold(Some(pages), |pages| async move {
        let mut pages = pages?;
        let (is_last, page) = pages.next().await?;
        Some((page, (!is_last).then_some(pages)))
    })
}
