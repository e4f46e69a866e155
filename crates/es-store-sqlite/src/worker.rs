//! A thread that has something to itself and does what it is asked, one thing at a time.
//!
//! Whatever waits for a disk or for a lock is done on one, so that no task of a runtime
//! stands still meanwhile. Not here: the threads of the log, which share queues.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use es_core::{Error, ErrorKind, Result};
use tokio::sync::oneshot;

use crate::{
    error::closed,
    readers::{end, spawn},
};

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A thread that has an `S`. When it goes, what was accepted is finished first.
pub(crate) struct Worker<S> {
    jobs: Option<mpsc::Sender<Job<S>>>,
    thread: Option<JoinHandle<()>>,
}

impl<S: Send + 'static> Worker<S> {
    pub(crate) fn start(name: &str, mut state: S) -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<Job<S>>();
        let thread = spawn(name.to_owned(), move || {
            while let Ok(job) = receiver.recv() {
                job(&mut state);
            }
        })?;
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }

    /// Has `job` run some time. It is dropped here and now if the thread has ended.
    pub(crate) fn submit(&self, job: impl FnOnce(&mut S) + Send + 'static) {
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(Box::new(job)));
        }
    }

    /// Whether it is this thread that asks.
    pub(crate) fn is_current(&self) -> bool {
        self.thread.as_ref().is_some_and(|own| own.thread().id() == thread::current().id())
    }

    /// Has `work` done and gives its result. It is done to its end whether or not somebody
    /// still waits for it.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut S) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.submit(move |state| {
            // Work of users may panic. What it was given is theirs or has been dropped, and
            // SQLite itself does not unwind.
            let result = catch_unwind(AssertUnwindSafe(|| work(state)));
            drop(reply.send(result.unwrap_or_else(|_| Err(panicked()))));
        });
        answer.await.map_err(|_| closed())?
    }
}

/// Does `work` on a thread that ends with it.
pub(crate) async fn once<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (reply, answer) = oneshot::channel();
    spawn("es-sqlite-once".to_owned(), move || drop(reply.send(work())))?;
    answer.await.map_err(|_| closed())?
}

fn panicked() -> Error {
    Error::new(ErrorKind::Fault, "what was to be done on the database panicked: it was undone")
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            end(thread);
        }
    }
}
