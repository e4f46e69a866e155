//! Pages that are fetched before they are asked for.
//!
//! *Hazard.* Where the next page is asked for once the one before has come, client and server
//! wait for each other; where nothing bounds what is asked for, a reader that stops fills the
//! memory. *Mechanism.* One task plans pages and has each fetched by a task of its own, as far
//! as there is room: the reader gives room for a page with each one that it takes. So the
//! server works on a page while the one before it is decoded. *Why it is sound.* Pages are
//! handed on in the order in which they were planned, and each is checked as if it were alone;
//! those behind a page that turned out to be the last one are given up. The end is said in
//! words, so that a task that ended early is never taken for it. *Cost.* A reader that stops
//! holds [`DEPTH`] pages, and behind the end of a stream some lists are asked for in vain.

use std::sync::Arc;

use es_core::{Error, Result};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinError, JoinHandle},
};

use super::{
    item::Item,
    page::{Going, Page},
    plan::Planned,
    source::Source,
};
use crate::error::{closed, damaged};

/// Pages that are fetched, or on their way, behind the one that the reader has. One of them
/// is decoded while the server works on the other.
pub(super) const DEPTH: usize = 2;

/// The rest of a read, the next pages of which are on their way.
pub(super) struct Ahead<T> {
    pages: Pages<T>,
    /// Events until the limit of the read.
    left: u64,
}

enum Pages<T> {
    /// One that was planned at once, and what is behind it: short streams end here, and are
    /// spared the task that plans.
    One(Coming<T>, Box<Going>),
    Many(Many<T>),
}

/// Pages that a task plans.
struct Many<T> {
    pages: mpsc::Receiver<Result<Coming<T>>>,
    room: Arc<Semaphore>,
    /// For how many pages there is room. One page more shows how large they are before there
    /// is room for two.
    depth: usize,
    _planner: Task<()>,
}

/// A page on its way.
struct Coming<T> {
    page: Task<Result<Page<T>>>,
    is_last: bool,
}

impl<T: Item> Ahead<T> {
    /// Begins to fetch what is left of a read, `left` events at most.
    pub(super) fn of(source: &Arc<Source>, mut going: Going, left: u64) -> Self {
        let pages = match going.plan_at_once() {
            Some(planned) => Pages::One(Coming::begin(source, &going, planned), Box::new(going)),
            None => Pages::Many(Many::begin(source, going, 1)),
        };
        Self { pages, left }
    }

    /// The next page, and the rest if there is any.
    pub(super) async fn next(self, source: &Arc<Source>) -> Result<(Vec<T>, Option<Self>)> {
        let Self { pages, mut left } = self;
        let (coming, going, many) = match pages {
            Pages::One(coming, going) => (coming, Some(going), None),
            Pages::Many(mut many) => {
                (many.pages.recv().await.ok_or_else(closed)??, None, Some(many))
            }
        };
        let Page { mut events, is_over } = coming.page.done().await??;
        events.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= events.len() as u64;
        if is_over || coming.is_last || left == 0 {
            return Ok((events, None));
        }
        let many = many.map(Many::with_room);
        let many = many.or_else(|| Some(Many::begin(source, *going?, DEPTH)));
        Ok((events, many.map(|many| Self { pages: Pages::Many(many), left })))
    }
}

impl<T: Item> Coming<T> {
    fn begin(source: &Arc<Source>, going: &Going, planned: Planned) -> Self {
        let (source, going) = (Arc::clone(source), going.fetching());
        let Planned { plan, is_more, .. } = planned;
        let page = Task::begin(async move { going.fetch(&source, plan).await });
        Self { page, is_last: !is_more }
    }
}

impl<T: Item> Many<T> {
    fn begin(source: &Arc<Source>, going: Going, depth: usize) -> Self {
        let (sender, pages) = mpsc::channel(DEPTH);
        let room = Arc::new(Semaphore::new(depth));
        let planner = plan(Arc::clone(source), going, Arc::clone(&room), sender);
        Self { pages, room, depth, _planner: Task::begin(planner) }
    }

    /// The same with room for another page in place of one that was taken.
    fn with_room(mut self) -> Self {
        self.room.add_permits(1 + (DEPTH - self.depth));
        self.depth = DEPTH;
        self
    }
}

/// Plans one page after the other, as far as there is room.
async fn plan<T: Item>(
    source: Arc<Source>,
    mut going: Going,
    room: Arc<Semaphore>,
    pages: mpsc::Sender<Result<Coming<T>>>,
) {
    while let Ok(permit) = room.acquire().await {
        permit.forget();
        let planned = going.plan(&source).await;
        let coming = planned.map(|planned| Coming::begin(&source, &going, planned));
        let is_over = coming.as_ref().map_or(true, |coming| coming.is_last);
        if pages.send(coming).await.is_err() || is_over {
            return;
        }
    }
}

/// A task that is given up with whoever waits for it.
pub(super) struct Task<T>(JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    pub(super) fn begin(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    pub(super) async fn done(mut self) -> Result<T> {
        (&mut self.0).await.map_err(ended)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ended(error: JoinError) -> Error {
    if error.is_cancelled() { closed() } else { damaged(error) }
}
