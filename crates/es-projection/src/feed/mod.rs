//! The log, read once for all subscribers that stand at about the same place.
//!
//! *Hazard.* One reader for all must not let the slowest hold up the rest; one reader for
//! each reads the log as often as there are subscribers.
//! *Mechanism.* A [`Feed`] is one follower of the log with a bounded window of what it read
//! last. A subscriber takes what lies behind its own cursor from any feed whose window
//! reaches there, and opens a feed where there is none. Whoever falls out of the window of
//! one feed therefore goes on with another, and whoever catches up moves over to the feed
//! that is ahead; a feed that nobody takes from ends.
//! *Why it is sound.* What a subscriber is given depends on its cursor alone: a chunk
//! covers all positions behind `after` up to `up_to`, whole events only, and events at or
//! below the cursor are passed over. Which feed it came from does not matter.
//! *Cost.* One window of memory per feed, and a short wait for a slow subscriber, once,
//! before it is left behind.

mod chunk;
mod feeder;
mod window;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use es_core::{Error, LogId, Position, Read, Store};
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinHandle},
    time::Instant,
};

pub(crate) use chunk::{Broken, Chunk};
use window::Window;

/// How long those who start together are waited for, before the window moves on without
/// them.
const STARTING: Duration = Duration::from_secs(1);

/// All feeds of one runner.
pub(crate) struct Feeds {
    store: Store,
    /// Yields at least what any of the subscribers wants.
    read: Read,
    open: Mutex<Open>,
    starting: Arc<Starting>,
}

/// Who has not begun to read yet.
struct Starting {
    expected: u64,
    come: AtomicU64,
    /// Nobody is waited for any longer.
    until: Instant,
}

impl Starting {
    fn is_over(&self) -> bool {
        self.come.load(Ordering::Relaxed) >= self.expected || Instant::now() >= self.until
    }
}

#[derive(Default)]
struct Open {
    feeds: Vec<Weak<Feed>>,
    readers: u64,
}

/// One follower of the log, and the window of what it read last.
struct Feed {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    window: Mutex<Window>,
    /// Something was read, or the feed has ended.
    more: Notify,
    /// Something was taken, or somebody has left.
    taken: Notify,
    starting: Arc<Starting>,
}

/// What a subscriber takes chunks with.
pub(crate) struct Reader {
    feeds: Arc<Feeds>,
    feed: Arc<Feed>,
    id: u64,
    log: LogId,
    /// Where it was told that the log ends, and told no more.
    end: Option<Position>,
}

impl Feeds {
    /// Feeds for so many subscribers.
    pub(crate) fn new(store: Store, read: Read, expected: usize) -> Arc<Self> {
        let (expected, come) = (expected as u64, AtomicU64::new(0));
        let starting = Arc::new(Starting { expected, come, until: Instant::now() + STARTING });
        Arc::new(Self { store, read, open: Mutex::default(), starting })
    }

    /// Begins to read behind `cursor`.
    pub(crate) fn reader(self: &Arc<Self>, log: LogId, cursor: Position) -> Reader {
        let mut open = self.lock();
        open.readers += 1;
        self.starting.come.store(open.readers, Ordering::Relaxed);
        let id = open.readers;
        let feed = self.feed_at(&mut open, log, cursor, id);
        Reader { feeds: Arc::clone(self), feed, id, log, end: None }
    }

    /// What all feeds have trouble with, if they have.
    pub(crate) fn trouble(&self) -> Option<String> {
        let open = self.lock();
        let mut feeds = open.feeds.iter().filter_map(Weak::upgrade);
        feeds.find_map(|feed| feed.shared.lock().trouble.clone())
    }

    /// The feed whose window reaches to `cursor`; a new one if there is none. Of several, the
    /// one that is furthest, and among those the one that most others take from: without
    /// that, two that stand at the same place could stay apart for ever. The reader is counted
    /// in before anybody else can look at the window.
    fn feed_at(&self, open: &mut Open, log: LogId, cursor: Position, reader: u64) -> Arc<Feed> {
        open.feeds.retain(|feed| feed.strong_count() > 0);
        let feeds = open.feeds.iter().filter_map(Weak::upgrade);
        let best = feeds
            .filter(|feed| feed.shared.lock().reaches(cursor))
            .max_by_key(|feed| feed.shared.lock().attraction(reader));
        if let Some(feed) = best {
            // It may have lost that place since, and then the next look finds another.
            feed.shared.enter(reader, cursor);
            return feed;
        }
        let mut window = Window::new(cursor, self.starting.expected > 1);
        window.enter(reader, cursor);
        let (more, taken) = (Notify::new(), Notify::new());
        let shared = Arc::new(Shared {
            window: Mutex::new(window),
            more,
            taken,
            starting: Arc::clone(&self.starting),
        });
        let read = self.read.clone().after(cursor).of_log(log);
        let task: JoinHandle<()> =
            tokio::spawn(feeder::run(self.store.clone(), read, Arc::clone(&shared)));
        let feed = Arc::new(Feed { shared, task: task.abort_handle() });
        open.feeds.push(Arc::downgrade(&feed));
        feed
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing that can panic happens under the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// What comes behind `cursor`; waits until there is something, be it the news that the log
    /// ends there.
    ///
    /// # Cancel safety
    /// Safe: what was not returned is returned by the next call.
    pub(crate) async fn next(&mut self, cursor: Position) -> Result<Arc<Chunk>, Arc<Error>> {
        loop {
            if let Some(chunk) = self.take(cursor)? {
                return Ok(chunk);
            }
            let shared = Arc::clone(&self.feed.shared);
            let more = shared.more.notified();
            // What came between the look and this line is found here, what comes later wakes.
            if let Some(chunk) = self.take(cursor)? {
                return Ok(chunk);
            }
            if Arc::ptr_eq(&shared, &self.feed.shared) {
                more.await;
            }
        }
    }

    /// What comes behind `cursor`, if it is there already.
    pub(crate) fn take(&mut self, cursor: Position) -> Result<Option<Arc<Chunk>>, Arc<Error>> {
        self.move_on(cursor);
        self.feed.shared.enter(self.id, cursor);
        let window = self.feed.shared.lock();
        let news = window.ends_at(cursor) && self.end != Some(cursor);
        let chunk = window.behind(cursor);
        let chunk = chunk.or_else(|| news.then(|| Arc::new(Chunk::end(cursor))));
        if let Some(chunk) = chunk.as_ref().filter(|chunk| chunk.is_end) {
            self.end = Some(chunk.up_to);
        }
        match &window.ended {
            Some(error) if chunk.is_none() => Err(Arc::clone(error)),
            _ => Ok(chunk),
        }
    }

    /// Takes note that what it was given is wanted again.
    pub(crate) fn rewind(&mut self) {
        self.end = None;
    }

    /// Goes over to the feed that is furthest among those whose windows reach to `cursor`.
    fn move_on(&mut self, cursor: Position) {
        let feeds = Arc::clone(&self.feeds);
        let mut open = feeds.lock();
        let is_alone = open.feeds.len() == 1;
        if is_alone && self.feed.shared.lock().reaches(cursor) {
            return;
        }
        if self.feed.shared.lock().ended.is_some() {
            return;
        }
        let feed = feeds.feed_at(&mut open, self.log, cursor, self.id);
        if !Arc::ptr_eq(&feed, &self.feed) {
            let old = std::mem::replace(&mut self.feed, feed);
            old.shared.leave(self.id);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.feed.shared.leave(self.id);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Window> {
        // Nothing that can panic happens under the lock.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of where a reader is, and tells the feeder if that is news.
    fn enter(&self, reader: u64, cursor: Position) {
        let was = self.lock().enter(reader, cursor);
        if was != Some(cursor) {
            self.taken.notify_one();
        }
    }

    fn leave(&self, reader: u64) {
        self.lock().leave(reader);
        self.taken.notify_one();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}
