//! What a read yields to callers: events one by one, decoded if they wish.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use futures_core::Stream;

use super::PageStream;
use crate::{Event, Recorded, Result};

/// The events of a read, one by one, in bounded memory.
///
/// It ends early only with an error, which is its last item. A typed one passes over events
/// that an upcaster dropped; an untyped one of one stream or one event hands them out as
/// [`Part::Dropped`](crate::Part::Dropped). It is a [`Stream`]; [`EventStream::next`] and
/// [`EventStream::into_vec`] serve those who do not want to name that trait.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};
/// use es_store_memory::MemoryStore;
///
/// # let note = |text: &str| Ok::<_, es_core::Error>(NewEvent::raw(
/// #     Schema::from_static("noted", 1),
/// #     Payload::json(text)?,
/// # ));
/// let store = Store::new(MemoryStore::new());
/// for text in ["milk", "bread"] {
///     store.append(Append::to(StreamId::new("list", 1)?, ExpectedVersion::Any).event(note(text)?)).await?;
/// }
/// let mut read = store.read(Read::all());
/// let mut seen = 0;
/// while let Some(event) = read.next().await {
///     seen += 1;
///     assert_eq!(event?.version.get(), seen);
/// }
/// assert_eq!(seen, 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "a read does nothing until it is polled"]
pub struct EventStream<T = ()> {
    pages: Option<PageStream>,
    page: vec::IntoIter<Recorded>,
    decode: Decode<T>,
}

/// How an event is handed out; `None` for one that is passed over.
pub(super) type Decode<T> = fn(Recorded) -> Option<Result<Recorded<T>>>;

/// As it is.
#[expect(clippy::unnecessary_wraps, reason = "it is a `Decode`")]
pub(super) fn untyped(recorded: Recorded) -> Option<Result<Recorded>> {
    Some(Ok(recorded))
}

/// Decoded. Dropping an event was the decision of whoever wrote the upcaster, so nothing is
/// lost by passing over it.
pub(super) fn decoded<E: Event>(recorded: Recorded) -> Option<Result<Recorded<E>>> {
    (!recorded.part.is_dropped()).then(|| recorded.into_decoded())
}

impl EventStream {
    pub(crate) fn new(pages: PageStream) -> Self {
        Self { pages: Some(pages), page: Vec::new().into_iter(), decode: untyped }
    }

    pub(crate) fn decoded<E: Event>(self) -> EventStream<E> {
        let Self { pages, page, .. } = self;
        EventStream { pages, page, decode: decoded }
    }
}

impl EventStream {
    /// The next events, as many as the store gave at once; `None` at the end. Cheaper than
    /// one by one, for those who fold them all.
    ///
    /// # Errors
    /// Whatever ended the read early.
    ///
    /// # Cancel safety
    /// Safe: events that were not returned are returned by the next call.
    pub async fn next_page(&mut self) -> Option<Result<Vec<Recorded>>> {
        poll_fn(|cx| {
            if self.page.len() > 0 {
                let rest = std::mem::take(&mut self.page);
                return Poll::Ready(Some(Ok(rest.collect())));
            }
            let Some(pages) = &mut self.pages else {
                return Poll::Ready(None);
            };
            let page = ready!(pages.as_mut().poll_next(cx));
            if !matches!(page, Some(Ok(_))) {
                self.end();
            }
            Poll::Ready(page)
        })
        .await
    }
}

impl<T> EventStream<T> {
    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// An event that does not decode, with its position, or whatever ended the read early.
    ///
    /// # Cancel safety
    /// Safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Recorded<T>>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// All events at once. Only for reads that are known to be short.
    ///
    /// # Errors
    /// Whatever ended the read early; then none of it is returned.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn into_vec(mut self) -> Result<Vec<Recorded<T>>> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event?);
        }
        Ok(events)
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Recorded<T>>>> {
        loop {
            if let Some(recorded) = self.page.next() {
                let Some(decoded) = (self.decode)(recorded) else {
                    continue;
                };
                if decoded.is_err() {
                    self.end();
                }
                return Poll::Ready(Some(decoded));
            }
            let Some(pages) = &mut self.pages else {
                return Poll::Ready(None);
            };
            match ready!(pages.as_mut().poll_next(cx)) {
                Some(Ok(page)) => self.page = page.into_iter(),
                Some(Err(error)) => {
                    self.end();
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.end(),
            }
        }
    }

    fn end(&mut self) {
        self.pages = None;
        self.page = Vec::new().into_iter();
    }
}

impl<T> Stream for EventStream<T> {
    type Item = Result<Recorded<T>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("ended", &self.pages.is_none()).finish_non_exhaustive()
    }
}
