//! What the unit tests write, and how they read it back.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use es_core::{
    Append, AppendRequest, Envelope, EventStore, EventType, ExpectedVersion, NewEvent, PageStream,
    Payload, Read, Receipt, Recorded, Result, Schema, StreamId, Tag, Tenant,
};

use crate::{MemoryStore, shared::Shared};

pub(crate) fn stream(name: &str) -> StreamId {
    name.parse().unwrap()
}

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn event_type(name: &str) -> EventType {
    EventType::new(name).unwrap()
}

pub(crate) fn event(name: &str, content: u64) -> NewEvent {
    let schema = Schema::new(event_type(name), 1);
    NewEvent::raw(schema, Payload::json(&content).unwrap())
}

/// An append of these events to one stream, whatever is there.
pub(crate) fn append_to(name: &str, events: impl IntoIterator<Item = NewEvent>) -> AppendRequest {
    let append = Append::to(stream(name), ExpectedVersion::Any);
    append.events(events).build().unwrap()
}

pub(crate) async fn add(
    store: &MemoryStore,
    name: &str,
    events: impl IntoIterator<Item = NewEvent>,
) -> Receipt {
    store.append(append_to(name, events)).await.unwrap()
}

/// All that a read yields. It goes to the port itself, which takes reads that the handle
/// refuses.
pub(crate) async fn collect(store: &MemoryStore, read: Read) -> Result<Vec<Recorded>> {
    let mut pages = store.read(read);
    let mut events = Vec::new();
    while let Some(page) = next_page(&mut pages).await {
        events.extend(page?);
    }
    Ok(events)
}

pub(crate) async fn next_page(pages: &mut PageStream) -> Option<Result<Vec<Recorded>>> {
    poll_fn(|cx| pages.as_mut().poll_next(cx)).await
}

/// Every event of the log, by position.
pub(crate) fn whole_log(shared: &Shared) -> Vec<Arc<Envelope>> {
    let head = shared.published.head();
    let events = (1..=head).map(|position| shared.log.get(position).unwrap());
    events.map(Arc::clone).collect()
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    pub(crate) fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Polls `future` once, to be woken by this bell.
    pub(crate) fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        std::pin::Pin::new(future).poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
