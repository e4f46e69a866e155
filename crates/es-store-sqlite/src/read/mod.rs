//! Reading: a plan, pages, and a stream that has the next pages fetched while the last one
//! is used.

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

use es_core::{Read, Recorded, Result};
use futures_core::Stream;
use tokio::sync::oneshot;

pub(crate) use names::Names;
pub(crate) use page::{Cursor, Found};
pub(crate) use plan::{head, stream_number};
pub(crate) use row::{Place, STREAM, columns, recorded, signed, unsigned};
pub(crate) use rows::Making;

use crate::{error::closed, readers::Fetch, trace};

/// Pieces of a read that are fetched at the same time.
const PIECES: usize = 3;

type Page = Result<(Found, Option<Cursor>)>;

/// The pages of a read.
///
/// *Hazard.* A page that another thread reads costs two hops between threads, which for a
/// short stream is many times the work itself; and one thread that reads a long log is
/// slower than the caller who folds it. *Mechanism.* The first page of one stream is read
/// where it is asked for, by a connection that never waits for a lock ([`Near`]); all other
/// pages are fetched ahead by the threads that read, in pieces side by side where it is known
/// before where the next begins. *Cost.* Memory for four pages at most: the caller's and
/// three more.
///
/// [`Near`]: crate::readers::Near
pub(crate) struct Pages {
    fetch: Arc<dyn Fetch>,
    begin: Option<Cursor>,
    /// What is being fetched, in the order of the read.
    ahead: VecDeque<oneshot::Receiver<Page>>,
    /// What pieces are taken from.
    rest: Option<Cursor>,
    /// What is left of the last page.
    making: Option<Making>,
}

impl Pages {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, read: Read) -> Self {
        let begin = Some(Cursor::new(read));
        Self { fetch, begin, ahead: VecDeque::new(), rest: None, making: None }
    }

    /// The first page, if it is little work and a connection is free for it.
    fn near(&mut self, cursor: Cursor) -> Option<Page> {
        let near = self.fetch.near().filter(|_| cursor.is_near());
        let read = |mut cursor: Cursor| {
            let read = near?.attempt(|connection, names| {
                let span = trace::call("read");
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
        let ((reply, answer), span) = (oneshot::channel(), trace::call("read"));
        self.fetch.submit(Box::new(move |connection, names| {
            let page = span.in_scope(|| cursor.page(connection, names));
            trace::ended(&span, &page);
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
        self.ahead.clear();
        self.rest = None;
        self.making = None;
    }
}

impl Stream for Pages {
    type Item = Result<Vec<Recorded>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(few) = self.few() {
            return Poll::Ready(Some(few));
        }
        let mut page = self.begin.take().and_then(|cursor| self.near(cursor));
        loop {
            let next = match (page.take(), self.ahead.front_mut()) {
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
                    self.go_on(cursor);
                    match found {
                        Found::Events(events) if events.is_empty() => {}
                        Found::Events(events) => return Poll::Ready(Some(Ok(events))),
                        Found::Rows(rows) => {
                            self.making = Some(rows.making());
                            if let Some(few) = self.few() {
                                return Poll::Ready(Some(few));
                            }
                        }
                    }
                }
            }
        }
    }
}
