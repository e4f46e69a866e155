//! Reading: a plan, pages, and a stream that has the next page fetched while the last one
//! is used.

mod names;
mod page;
mod plan;
mod row;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use es_core::{Read, Recorded, Result};
use futures_core::Stream;
use tokio::sync::oneshot;

pub(crate) use names::Names;
pub(crate) use page::Cursor;
pub(crate) use plan::{head, stream_number};
pub(crate) use row::{columns, recorded, signed, unsigned};

use crate::{error::closed, readers::Fetch};

type Page = Result<(Vec<Recorded>, Option<Cursor>)>;

/// The pages of a read. One more than the caller has is fetched ahead, never two.
pub(crate) struct Pages {
    fetch: Arc<dyn Fetch>,
    state: State,
}

enum State {
    Begin(Box<Cursor>),
    Waiting(oneshot::Receiver<Page>),
    End,
}

impl Pages {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, read: Read) -> Self {
        Self { fetch, state: State::Begin(Box::new(Cursor::new(read))) }
    }

    fn ask(&self, mut cursor: Cursor) -> State {
        let (reply, answer) = oneshot::channel();
        self.fetch.submit(Box::new(move |connection, names| {
            let page = cursor.page(connection, names);
            let page = page.map(|(events, more)| (events, more.then_some(cursor)));
            // A reader that has gone needs no answer.
            drop(reply.send(page));
        }));
        State::Waiting(answer)
    }
}

impl Stream for Pages {
    type Item = Result<Vec<Recorded>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::End => return Poll::Ready(None),
                State::Begin(_) => {
                    let State::Begin(cursor) = std::mem::replace(&mut self.state, State::End)
                    else {
                        continue;
                    };
                    self.state = self.ask(*cursor);
                }
                State::Waiting(answer) => {
                    let page = ready!(Pin::new(answer).poll(context));
                    self.state = State::End;
                    return Poll::Ready(match page {
                        Err(_) => Some(Err(closed())),
                        Ok(Err(error)) => Some(Err(error)),
                        Ok(Ok((events, None))) if events.is_empty() => None,
                        Ok(Ok((events, cursor))) => {
                            if let Some(cursor) = cursor {
                                self.state = self.ask(cursor);
                            }
                            Some(Ok(events))
                        }
                    });
                }
            }
        }
    }
}
