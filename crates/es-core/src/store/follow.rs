//! Following the log: catch-up and live as one stream, without a seam.
//!
//! *Hazard.* A follower that reads history and then subscribes loses what was committed
//! between the two; one that subscribes first meets some events twice.
//! *Mechanism.* There is one cursor and one loop: learn where the log ends, read up to
//! exactly there, move the cursor there, wait for the end to move. Nothing is delivered by
//! the wake-up itself.
//! *Why it is sound.* The log cannot skip (L2): nothing will ever appear at or below an end
//! that was seen, so moving the cursor there loses nothing, and the next read starts behind
//! it, so nothing comes twice.
//! *Cost.* One read per wake-up, also when the filter lets nothing through.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use futures_core::{Stream, future::BoxFuture};

use super::{
    Backend, PageStream,
    parts::Parts,
    proof::{Proofs, hold},
    stream::{Decode, decoded, untyped},
};
use crate::{
    Direction, Diverged, Error, Event, Head, Invalid, LogId, Position, Read, Recorded, Result,
};

/// What a follower meets.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> es_core::Result<()> {
/// use es_core::{
///     Append, ExpectedVersion, Follow, NewEvent, Payload, Read, Schema, Store, StreamId,
/// };
/// use es_store_memory::MemoryStore;
///
/// # let note = |text: &str| Ok::<_, es_core::Error>(NewEvent::raw(
/// #     Schema::from_static("noted", 1),
/// #     Payload::json(text)?,
/// # ));
/// let store = Store::new(MemoryStore::new());
/// let list = StreamId::new("list", 1)?;
/// let say = |event| Append::to(list.clone(), ExpectedVersion::Any).event(event);
/// store.append(say(note("milk")?)).await?;
///
/// let mut following = store.follow(Read::all());
/// let mut seen = 0;
/// while let Some(item) = following.next().await {
///     match item? {
///         Follow::Event(_) => seen += 1,
///         // What comes now is live.
///         Follow::CaughtUp(_) if seen == 1 => drop(store.append(say(note("bread")?)).await?),
///         Follow::CaughtUp(head) => {
///             assert_eq!((seen, head.position.get()), (2, 2));
///             break;
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Follow<T = ()> {
    /// An event, or a part of one: a checkpoint may move to its position once
    /// [`is_last_part`](crate::Envelope::is_last_part) says so, not before.
    Event(Recorded<T>),
    /// Everything up to this head has been yielded. It also comes when the filter let
    /// nothing through, so that a quiet follower can move its checkpoint.
    CaughtUp(Head),
}

impl<T> Follow<T> {
    /// The event, if it is one.
    #[must_use]
    pub fn into_event(self) -> Option<Recorded<T>> {
        match self {
            Self::Event(event) => Some(event),
            Self::CaughtUp(_) => None,
        }
    }

    /// The head, if it is one.
    #[must_use]
    pub const fn caught_up(&self) -> Option<Head> {
        match self {
            Self::Event(_) => None,
            Self::CaughtUp(head) => Some(*head),
        }
    }
}

/// The endless stream of a follower: history first, then whatever is appended.
///
/// A temporary error (see [`Error::is_temporary`]) is yielded and leaves the stream usable:
/// polled again, it goes on from where it was. Any other error ends it. With
/// [`Read::limit`] it ends after so many events. A typed one passes over events that an
/// upcaster dropped.
#[must_use = "a follower does nothing until it is polled"]
pub struct FollowStream<T = ()> {
    decode: Decode<T>,
    page: vec::IntoIter<Recorded>,
    state: State,
    backend: Backend,
    read: Read,
    cursor: Position,
    parts: Parts,
    log: Option<LogId>,
    /// The term in which it was last told of a head.
    term: Option<u64>,
    proofs: Proofs,
    /// Whether the news that everything up to the cursor has been yielded is out.
    told: bool,
}

enum State {
    Failed(Error),
    Looking(BoxFuture<'static, Result<Head>>),
    Proving(BoxFuture<'static, Result<()>>, Head),
    Reading(PageStream, Head),
    Idle,
    Ended,
}

impl FollowStream {
    pub(crate) fn new(backend: Backend, read: Result<Read>) -> Self {
        let checked = read.and_then(|read| {
            if read.direction == Direction::Backward {
                return Err(Invalid::Read { reason: "a follower cannot go backward" }.into());
            }
            if read.until.is_some() || read.to_version.is_some() || read.recorded_until.is_some() {
                return Err(Invalid::Read { reason: "a follower has no upper bound" }.into());
            }
            Ok(read)
        });
        let (state, read) = match checked {
            Ok(read) => (State::Idle, read),
            Err(error) => (State::Failed(error), Read::all()),
        };
        Self {
            decode: untyped,
            page: Vec::new().into_iter(),
            state,
            backend,
            cursor: read.after.unwrap_or(Position::START),
            parts: Parts::default(),
            log: None,
            term: None,
            proofs: Proofs::default(),
            told: false,
            read,
        }
    }

    pub(crate) fn decoded<E: Event>(self) -> FollowStream<E> {
        let Self { page, state, backend, read, cursor, parts, log, term, proofs, told, .. } = self;
        let decode = decoded;
        FollowStream { decode, page, state, backend, read, cursor, parts, log, term, proofs, told }
    }
}

impl<T> FollowStream<T> {
    /// The next event, or the news that all have been yielded; `None` once it has ended.
    ///
    /// # Errors
    /// `LogDiverged` when the log was replaced, or lost its end, also if it has grown again; an event that does not
    /// decode, with its position; whatever a read or a wait fails with.
    ///
    /// # Cancel safety
    /// Safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Follow<T>>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    /// The next event, without the news in between.
    ///
    /// # Errors
    /// Those of [`FollowStream::next`].
    ///
    /// # Cancel safety
    /// Safe, as [`FollowStream::next`] is.
    pub async fn next_event(&mut self) -> Option<Result<Recorded<T>>> {
        loop {
            match self.next().await? {
                Ok(Follow::Event(event)) => return Some(Ok(event)),
                Ok(Follow::CaughtUp(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Follow<T>>>> {
        loop {
            if let Some(recorded) = self.page.next() {
                if let Some(item) = self.deliver(recorded) {
                    return Poll::Ready(Some(item));
                }
                continue;
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Failed(error) => return Poll::Ready(Some(Err(error))),
                State::Idle => self.state = State::Looking(self.look()),
                State::Looking(mut looking) => match looking.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Looking(looking);
                        return Poll::Pending;
                    }
                    Poll::Ready(head) => match head.and_then(|head| self.seen(head)) {
                        Ok(State::Idle) => {
                            // Woken early. A store that never sleeps must not starve others.
                            self.state = State::Idle;
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        Ok(state) => self.state = state,
                        Err(error) => return Poll::Ready(Some(Err(self.failed(error)))),
                    },
                },
                State::Proving(mut proving, head) => match proving.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Proving(proving, head);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(())) => self.state = self.go_on(head),
                    Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(self.failed(error)))),
                },
                State::Reading(mut pages, head) => match pages.as_mut().poll_next(cx) {
                    Poll::Pending => {
                        self.state = State::Reading(pages, head);
                        return Poll::Pending;
                    }
                    Poll::Ready(Some(Ok(page))) => {
                        self.page = page.into_iter();
                        self.state = State::Reading(pages, head);
                    }
                    Poll::Ready(Some(Err(error))) => {
                        return Poll::Ready(Some(Err(self.failed(error))));
                    }
                    Poll::Ready(None) => {
                        if self.read.limit != Some(0) {
                            self.state = State::Idle;
                        }
                        self.cursor = head.position;
                        self.told = true;
                        if let Some(last) = head.last() {
                            self.proofs.met = Some((head.position, last));
                        }
                        return Poll::Ready(Some(Ok(Follow::CaughtUp(head))));
                    }
                },
            }
        }
    }

    /// Hands out an event; `None` for one that is passed over.
    fn deliver(&mut self, recorded: Recorded) -> Option<Result<Follow<T>>> {
        if self.parts.had(&recorded) {
            return None;
        }
        self.parts = Parts::after(&recorded);
        if recorded.is_last_part() {
            self.cursor = recorded.position;
            self.proofs.met = Some((recorded.position, recorded.id));
        }
        if !recorded.part.is_dropped() {
            self.read.limit = self.read.limit.map(|left| left.saturating_sub(1));
        }
        let decoded = (self.decode)(recorded)?;
        if decoded.is_err() || self.read.limit == Some(0) {
            self.page = Vec::new().into_iter();
            self.state = State::Ended;
        }
        Some(decoded.map(Follow::Event))
    }

    /// Asks where the log ends: when it may have grown, or at once while the news is owed,
    /// as it is at the start and after a read that failed at its very end.
    fn look(&self) -> BoxFuture<'static, Result<Head>> {
        let (backend, after) = (Backend::clone(&self.backend), self.cursor);
        if self.told {
            Box::pin(async move { backend.wait(after).await })
        } else {
            Box::pin(async move { backend.head().await })
        }
    }

    /// Takes note of where the log ends and begins to read up to there.
    fn seen(&mut self, head: Head) -> Result<State> {
        let known = self.log.or(self.read.log);
        if let Some(expected) = known.filter(|known| *known != head.log) {
            return Err(Diverged::Replaced { expected, found: head.log }.into());
        }
        if head.position < self.cursor {
            return Err(Diverged::RolledBack { reader: self.cursor, head }.into());
        }
        self.log = Some(head.log);
        if self.term.is_some_and(|term| term != head.term()) {
            let proving = hold(Backend::clone(&self.backend), self.proofs);
            return Ok(State::Proving(Box::pin(proving), head));
        }
        Ok(self.go_on(head))
    }

    /// Begins to read up to a head of the log that it has followed so far.
    fn go_on(&mut self, head: Head) -> State {
        self.term = Some(head.term());
        self.proofs.told = self.proofs.met;
        if head.position == self.cursor && self.told {
            return State::Idle;
        }
        self.told = false;
        let mut read = self.read.clone().after(self.cursor).until(head.position);
        // Parts that come again count against the limit of the read, and not against ours.
        read.limit = read.limit.map(|left| left.saturating_add(self.parts.again()));
        State::Reading(self.backend.read(read), head)
    }

    fn failed(&mut self, error: Error) -> Error {
        if error.is_temporary() {
            self.state = State::Idle;
        }
        error
    }
}

impl<T> Stream for FollowStream<T> {
    type Item = Result<Follow<T>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.poll_item(cx)))
    }
}

impl<T> fmt::Debug for FollowStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowStream")
            .field("cursor", &self.cursor)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}
