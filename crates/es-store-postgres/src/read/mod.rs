//! Reading: a plan, pages, and a stream that has the next page fetched while the last one
//! is used.
//!
//! *Hazard.* A single query for a whole read pins a connection and a snapshot for as long
//! as its reader takes; pages fetched one after the other wait for each other. *Mechanism.*
//! Each page is a query of its own behind the last row (keyset), and the next one is
//! fetched by a task while the reader uses the last. *Why it is sound.* Rows never change
//! and the log cannot skip, so pages need no common snapshot. *Cost.* At most two pages in
//! memory.

mod families;
mod page;
mod plan;
mod row;
mod sight;

use std::sync::Arc;

use es_core::{FoldPage, FoldStream, PageStream, Read, Result};
use futures_util::{Stream, StreamExt, stream};
use tokio::task::JoinHandle;

pub(crate) use families::Families;
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
        let (events, cursor) = match next {
            Next::End => return Ok(None),
            // The first page is fetched by the reader itself: mostly it is the only one.
            Next::Begin(cursor) => {
                trace::within(reader.connections.target().read(), reader.page(*cursor)).await?
            }
            Next::Fetched(mut task) => (&mut task.0).await.map_err(|_| closed())??,
        };
        if events.is_empty() && cursor.is_none() {
            return Ok(None);
        }
        let next = match cursor {
            None => Next::End,
            Some(cursor) => {
                let fetcher = Arc::clone(&reader);
                let span = reader.connections.target().read();
                let fetching = async move { trace::within(span, fetcher.page(cursor)).await };
                let task = tokio::spawn(fetching);
                Next::Fetched(Task(task))
            }
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

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
