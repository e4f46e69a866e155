//! The threads that read, each with a connection of its own.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use es_core::{Error, Result};
use rusqlite::Connection;

use crate::{near::Near, read::Names};

/// What a thread that has a connection is asked to do. It answers through a channel that
/// it holds itself.
pub(crate) type Job = Box<dyn FnOnce(&Connection, &mut Names) + Send>;

/// Whoever runs jobs that read.
pub(crate) trait Fetch: Send + Sync {
    /// Has the job run. A job that cannot run any more is dropped, and its channel with it.
    fn submit(&self, job: Job);

    /// Where little work is done at once; nothing for a log with one connection.
    fn near(&self) -> Option<&Near>;

    /// The file, where that is known and there is one.
    fn file(&self) -> Option<&str>;
}

/// Threads that share one queue of jobs, and connections that need no thread.
pub(crate) struct Readers {
    near: Near,
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(near: Near, connections: Vec<Connection>) -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for (number, connection) in connections.into_iter().enumerate() {
            let receiver = Arc::clone(&receiver);
            let run = move || {
                let mut names = Names::default();
                while let Some(job) = next(&receiver) {
                    job(&connection, &mut names);
                }
            };
            threads.push(spawn(format!("es-sqlite-read-{number}"), run)?);
        }
        Ok(Self { near, jobs: Some(sender), threads })
    }
}

fn next(jobs: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    // Held while waiting, on purpose: one thread waits for a job, the others for the lock.
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl Fetch for Readers {
    fn submit(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(job));
        }
    }

    fn near(&self) -> Option<&Near> {
        Some(&self.near)
    }

    fn file(&self) -> Option<&str> {
        None
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        self.threads.drain(..).for_each(end);
    }
}

/// Starts a thread that does our work.
pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|error| Error::fault("a thread of the SQLite store cannot be started", error))
}

/// Waits until a thread has ended, unless it is the one that asks.
pub(crate) fn end(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        // If it panicked, its callers were told by their channels.
        drop(thread.join());
    }
}
