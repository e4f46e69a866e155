//! Noticing what other processes write: a thread that looks while somebody waits.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use es_core::{Position, Result};
use rusqlite::Connection;
use tokio::sync::watch;

use crate::{
    read::head,
    readers::{end, spawn},
};

/// Looks at the file every so often while somebody waits, and never otherwise.
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: usize,
    closed: bool,
}

/// Somebody waits as long as this lives.
pub(crate) struct Waiting(Arc<Shared>);

impl Watcher {
    pub(crate) fn start(
        connection: Connection,
        interval: Duration,
        published: Arc<watch::Sender<Position>>,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let run = move || theirs.watch(&connection, interval, &published);
        let thread = spawn("es-sqlite-watch".to_owned(), run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn wait(&self) -> Waiting {
        self.shared.lock().waiting += 1;
        self.shared.changed.notify_all();
        Waiting(Arc::clone(&self.shared))
    }
}

impl Shared {
    fn watch(
        &self,
        connection: &Connection,
        interval: Duration,
        published: &watch::Sender<Position>,
    ) {
        let mut seen = None;
        while self.pause(interval) {
            let version = data_version(connection);
            match version {
                Ok(version) if seen == Some(version) => continue,
                Ok(version) => seen = Some(version),
                Err(_) => seen = None,
            }
            match head(connection) {
                Ok(head) => {
                    published.send_if_modified(|known| {
                        let grown = head > *known;
                        *known = head.max(*known);
                        grown
                    });
                }
                // Those who wait look for themselves and meet the error.
                Err(_) => published.send_modify(|_| {}),
            }
        }
    }

    /// Waits one interval, and before it until somebody waits; `false` once it is over.
    fn pause(&self, interval: Duration) -> bool {
        let state = self.lock();
        let state = self
            .changed
            .wait_while(state, |state| state.waiting == 0 && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .changed
            .wait_timeout_while(state, interval, |state| !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in it can be half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            end(thread);
        }
    }
}
