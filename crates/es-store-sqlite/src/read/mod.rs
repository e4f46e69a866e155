//! Reading: a plan, pages, and a stream that has the next pages fetched while the last one
//! is used.

mod fold;
mod names;
mod page;
mod plan;
mod row;
mod rows;

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use es_core::{FoldPage, Read, Recorded, Result};
use futures_core::Stream;
use tokio::sync::oneshot;

pub(crate) use names::Names;
pub(crate) use page::Cursor;
pub(crate) use plan::{head, stream_number};
pub(crate) use row::{Columns, Place, STREAM, recorded, signed, unsigned};

use self::{page::Found, rows::Making};
use crate::{error::closed, readers::Fetch, trace};

/// Pages of one stream that are read where they are asked for. A hop to another thread pays
/// from some thousand events on.
const PAGES_HERE: u32 = 4;
/// Pieces of a read that are fetched at the same time.
const PIECES: usize = 3;

type Page = Result<(Found, Option<Cursor>)>;

/// The pages of a read.
///
/// *Hazard.* A page that another thread reads costs two hops between threads, which for a
/// short stream is many times the work itself; and one thread that reads a long log is
/// slower than the caller who folds it. *Mechanism.* The first pages of one stream are read
/// where they are asked for, by a connection that never waits for a lock ([`Near`]), and other
/// tasks have their turn in between; all other pages are fetched ahead by the threads that
/// read, in pieces side by side where it is known before where the next begins. *Cost.* Memory
/// for four pages at most: the caller's and three more.
///
/// [`Near`]: crate::readers::Near
struct Pages {
    fetch: Arc<dyn Fetch>,
    /// Where the next page begins that may be read on this thread.
    here: Option<Cursor>,
    /// How many pages may be read here, the next one included.
    left_here: u32,
    /// Whether other tasks had their turn since the last page was read here.
    has_yielded: bool,
    /// What is being fetched, in the order of the read.
    ahead: VecDeque<oneshot::Receiver<Page>>,
    /// What pieces are taken from.
    rest: Option<Cursor>,
}

impl Pages {
    fn new(fetch: Arc<dyn Fetch>, begin: Cursor) -> Self {
        let left_here = if begin.is_near() { PAGES_HERE } else { 0 };
        let (here, has_yielded) = (Some(begin), true);
        Self { fetch, here, left_here, has_yielded, ahead: VecDeque::new(), rest: None }
    }

    /// The page that begins at `cursor`, if it is little work and a connection is free for it.
    fn near(&mut self, cursor: Cursor) -> Option<Page> {
        let (near, file) = (self.fetch.near().filter(|_| self.left_here > 0), self.fetch.file());
        let read = |mut cursor: Cursor| {
            let read = near?.attempt(|connection, names| {
                let span = trace::read(file);
                let page = span.in_scope(|| cursor.near_page(connection, names));
                trace::ended(&span, &page);
                page
            })?;
            Some(read.map(|(found, more)| (found, more.then_some(cursor))))
        };
        let page = read(cursor.clone());
        if page.is_none() {
            let answer = self.ask(cursor);
            self.ahead.push_back(answer);
        }
        page
    }

    fn ask(&self, mut cursor: Cursor) -> oneshot::Receiver<Page> {
        let (reply, answer) = oneshot::channel();
        let span = trace::Away::new(trace::read(self.fetch.file()));
        self.fetch.submit(Box::new(move |connection, names| {
            // It ends as soon as there is a page, whenever that is asked for.
            let page = cursor.page(connection, names);
            span.end(&page);
            let page = page.map(|(found, more)| (found, more.then_some(cursor)));
            // A reader that has gone needs no answer.
            drop(reply.send(page));
        }));
        answer
    }

    /// Has what comes behind a page fetched; `cursor` is what is left of its own piece.
    fn go_on(&mut self, cursor: Option<Cursor>) {
        if let Some(mut cursor) = cursor {
            let piece = if self.rest.is_none() { cursor.next_piece() } else { None };
            if let Some(piece) = piece {
                let answer = self.ask(piece);
                self.ahead.push_back(answer);
                self.rest = Some(cursor);
            } else {
                let answer = self.ask(cursor);
                self.ahead.push_front(answer);
            }
        }
        while self.ahead.len() < PIECES {
            let Some(piece) = self.rest.as_mut().and_then(Cursor::next_piece) else { break };
            let answer = self.ask(piece);
            self.ahead.push_back(answer);
        }
    }

    fn end(&mut self) {
        self.ahead.clear();
        (self.here, self.rest) = (None, None);
    }

    /// The next page that is not empty.
    fn poll_found(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Found>>> {
        loop {
            if self.here.is_some() && !std::mem::replace(&mut self.has_yielded, true) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let page = self.here.take().and_then(|cursor| self.near(cursor));
            let is_here = page.is_some();
            let next = match (page, self.ahead.front_mut()) {
                (Some(page), _) => page,
                (None, None) => return Poll::Ready(None),
                (None, Some(answer)) => {
                    let page = ready!(Pin::new(answer).poll(context));
                    self.ahead.pop_front();
                    page.unwrap_or_else(|_| Err(closed()))
                }
            };
            match next {
                Err(error) => {
                    self.end();
                    return Poll::Ready(Some(Err(error)));
                }
                Ok((found, cursor)) => {
                    self.left_here = if is_here { self.left_here - 1 } else { 0 };
                    if self.left_here > 0 {
                        (self.here, self.has_yielded) = (cursor, false);
                    } else {
                        self.go_on(cursor);
                    }
                    if !found.is_empty() {
                        return Poll::Ready(Some(Ok(found)));
                    }
                }
            }
        }
    }
}

/// The events of a read.
pub(crate) struct Events {
    pages: Pages,
    /// What is left of the last page.
    making: Option<Making>,
}

impl Events {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, read: Read) -> Self {
        Self { pages: Pages::new(fetch, Cursor::new(read)), making: None }
    }

    /// The next events of the last page.
    fn few(&mut self) -> Option<Result<Vec<Recorded>>> {
        let few = self.making.as_mut()?.next_few();
        match &few {
            Ok(events) if events.is_empty() => {
                self.making = None;
                return None;
            }
            Ok(_) => {}
            Err(_) => self.end(),
        }
        Some(few)
    }

    fn end(&mut self) {
        self.pages.end();
        self.making = None;
    }
}

impl Stream for Events {
    type Item = Result<Vec<Recorded>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(few) = self.few() {
                return Poll::Ready(Some(few));
            }
            match ready!(self.pages.poll_found(context)) {
                None => return Poll::Ready(None),
                Some(Ok(Found::Rows(rows))) => self.making = Some(rows.making()),
                Some(other) => return Poll::Ready(Some(other.and_then(Found::into_events))),
            }
        }
    }
}

/// The events of a read that goes into a fold.
pub(crate) struct Fold(Pages);

impl Fold {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, read: Read) -> Self {
        Self(Pages::new(fetch, Cursor::of(read, Columns::Fold)))
    }
}

impl Stream for Fold {
    type Item = Result<FoldPage>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let found = ready!(self.0.poll_found(context));
        Poll::Ready(found.map(|found| {
            Ok(match found? {
                Found::Bare(events) => FoldPage::Bare(events),
                found => FoldPage::Recorded(found.into_events()?),
            })
        }))
    }
}
