//! Tasks that append, through whatever happens to the server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use es_core::{
    Append, Error, ErrorKind, ExpectedVersion, Position, Recorded, Store, StreamId, Version,
};
use fastrand::Rng;

use crate::checks::{Seen, events, stream};

/// What the log has, in the form in which others note it.
pub(crate) fn places(log: &[Recorded]) -> Vec<Seen> {
    log.iter().map(|event| (event.position, event.id)).collect()
}

/// A task that appends to a stream of its own, one append after the other, and settles each.
pub(crate) struct Writer {
    pub(crate) store: Store,
    stream: StreamId,
    version: Option<Version>,
    rng: Rng,
    /// What was acknowledged.
    pub(crate) written: Vec<Seen>,
}

impl Writer {
    pub(crate) fn new(store: &Store, number: u64) -> Self {
        Self {
            store: store.clone(),
            stream: stream(&format!("writer-{number}")),
            version: None,
            rng: Rng::with_seed(number),
            written: Vec::new(),
        }
    }

    /// Appends a few events, the same ones until the store says what became of them.
    pub(crate) async fn step(&mut self) -> Result<(), Error> {
        let events = events(self.rng.usize(1..4));
        let receipt = loop {
            let expected = ExpectedVersion::exactly(self.version);
            let append = Append::to(self.stream.clone(), expected).events(events.clone());
            match self.store.append(append).await {
                Ok(receipt) => break receipt,
                Err(error) if error.is_temporary() || error.kind() == ErrorKind::OutcomeUnknown => {
                }
                Err(error) => return Err(error),
            }
        };
        self.version = Version::after(self.version, u64::try_from(events.len()).unwrap());
        assert_eq!(Some(receipt.version()), self.version, "nobody else writes to it");
        let places = (receipt.first.get()..).map(Position::new);
        self.written.extend(places.zip(events.iter().map(|event| event.id)));
        Ok(())
    }
}

/// What the tasks and the test tell each other.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) acknowledged: AtomicUsize,
    ended: AtomicBool,
}

impl Load {
    /// Starts tasks that append until the load ends.
    pub(crate) fn start(
        self: &Arc<Self>,
        store: &Store,
        tasks: u64,
    ) -> Vec<tokio::task::JoinHandle<Vec<Seen>>> {
        (0..tasks)
            .map(|number| {
                let (mut writer, load) = (Writer::new(store, number), Arc::clone(self));
                tokio::spawn(async move {
                    while !load.ended.load(Ordering::Relaxed) {
                        writer.step().await.unwrap();
                        load.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    writer.written
                })
            })
            .collect()
    }

    /// Waits until so many more appends are acknowledged.
    pub(crate) async fn advances<T>(&self, by: usize, tasks: &[tokio::task::JoinHandle<T>]) {
        let until = self.acknowledged.load(Ordering::Relaxed) + by;
        while self.acknowledged.load(Ordering::Relaxed) < until {
            assert!(tasks.iter().all(|task| !task.is_finished()), "a task has failed");
            tokio::task::yield_now().await;
        }
    }

    /// Lets the tasks end, and gives what was acknowledged, in order.
    pub(crate) async fn end(&self, tasks: Vec<tokio::task::JoinHandle<Vec<Seen>>>) -> Vec<Seen> {
        self.ended.store(true, Ordering::Relaxed);
        let mut written = Vec::new();
        for task in tasks {
            written.extend(task.await.unwrap());
        }
        written.sort_unstable();
        written
    }
}
