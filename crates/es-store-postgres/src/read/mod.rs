//! Reading: a plan, pages, and a stream that has the next page fetched while the last one
//! is used.
//!
//! *Hazard.* A single query for a whole read pins a connection and a snapshot for as long
//! as its reader takes; pages fetched one after the other wait for each other; a reader that is
//! not polled any more holds up who shares its connection. *Mechanism.*
//! Each page is a query of its own behind the last row (keyset), and is fetched by a task, the
//! next one while the reader uses the last. *Why it is sound.* Rows never change
//! and the log cannot skip, so pages need no common snapshot. *Cost.* At most two pages in
//! memory.

mod families;
mod lane;
mod page;
mod plan;
mod query;
mod row;
mod sight;

use std::sync::Arc;

use es_core::{FoldPage, FoldStream, PageStream, Read, Result};
use futures_util::{Stream, StreamExt, stream};
use tokio::task::JoinHandle;

pub(crate) use families::Families;
pub(crate) use lane::Lane;
pub(crate) use page::{Cursor, Reader};
pub(crate) use plan::{Sql, head};
pub(crate) use row::{COLUMNS, Micros, read_row, unsigned};

use crate::{
    error::{closed, damaged},
    trace,
};

/// The pages of `read`.
pub(crate) fn pages(reader: Arc<Reader>, read: Read) -> PageStream {
    let pages = found(reader, Cursor::new(read, false));
    Box::pin(pages.map(|page| match page? {
        FoldPage::Recorded(events) => Ok(events),
        _ => Err(damaged("a fold was read where events were asked for")),
    }))
}

/// The same for a fold.
pub(crate) fn fold(reader: Arc<Reader>, read: Read) -> FoldStream {
    Box::pin(found(reader, Cursor::new(read, true)))
}

fn found(
    reader: Arc<Reader>,
    cursor: Cursor,
) -> impl Stream<Item = Result<FoldPage>> + Send + 'static {
    let begin = Next::Begin(Box::new(cursor));
    stream::try_unfold((reader, begin), |(reader, next)| async move {
        let mut task = match next {
            Next::End => return Ok(None),
            Next::Begin(cursor) => Task::fetching(&reader, *cursor),
            Next::Fetched(task) => task,
        };
        let (events, cursor) = (&mut task.0).await.map_err(|_| closed())??;
        if events.is_empty() && cursor.is_none() {
            return Ok(None);
        }
        let next = match cursor {
            None => Next::End,
            Some(cursor) => Next::Fetched(Task::fetching(&reader, cursor)),
        };
        Ok(Some((events, (reader, next))))
    })
}

type Page = Result<(FoldPage, Option<Cursor>)>;

enum Next {
    Begin(Box<Cursor>),
    Fetched(Task),
    End,
}

/// Ends with whoever waits for it.
struct Task(JoinHandle<Page>);

impl Task {
    fn fetching(reader: &Arc<Reader>, cursor: Cursor) -> Self {
        let (reader, span) = (Arc::clone(reader), reader.connections.target().read());
        Self(tokio::spawn(async move { trace::within(span, reader.page(cursor)).await }))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
