//! What an observer is told of commits, and what the queue says when it is asked.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use es_core::{
    Append, ExpectedVersion, Gauge, GaugeSource, NewEvent, Observation, Observer, Payload, Schema,
    Store, StreamId,
};
use es_store_sqlite::{SqliteOptions, SqliteStore};

/// Writes down what it is told.
#[derive(Default)]
struct Notes {
    commits: Mutex<Vec<(usize, Duration, Duration, bool)>>,
    sources: Mutex<Vec<Weak<dyn GaugeSource>>>,
}

impl std::fmt::Debug for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notes")
    }
}

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        match *observation {
            Observation::Commit { store: "sqlite", appends, waited, took, is_committed } => {
                self.commits.lock().unwrap().push((appends, waited, took, is_committed));
            }
            other => panic!("{other:?}"),
        }
    }

    fn watch(&self, source: Weak<dyn GaugeSource>) {
        self.sources.lock().unwrap().push(source);
    }
}

impl Notes {
    fn queues(&self) -> Vec<(String, usize, usize)> {
        let mut queues = Vec::new();
        for source in self.sources.lock().unwrap().iter().filter_map(Weak::upgrade) {
            source.gauges(&mut |gauge| match gauge {
                Gauge::Queue { store: "sqlite", name, appends, max } => {
                    queues.push((name.to_owned(), appends, max));
                }
                other => panic!("{other:?}"),
            });
        }
        queues
    }
}

fn append(key: usize, expected: ExpectedVersion) -> Append {
    let event = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&key).unwrap());
    Append::to(StreamId::new("note", key).unwrap(), expected).event(event)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_append_is_part_of_a_commit_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(Notes::default());
    let options =
        SqliteOptions::new().with_queue(77).unwrap().with_observer(Arc::clone(&notes) as _);
    let path = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open_with(&path, options).await.unwrap());
    // The writer waits for this one, and the appends for the writer.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let appends: Vec<_> = (0..40)
        .map(|key| {
            let store = store.clone();
            tokio::spawn(async move { store.append(append(key, ExpectedVersion::NoStream)).await })
        })
        .collect();
    while notes.queues()[0].1 < 40 {
        tokio::task::yield_now().await;
    }
    other.execute_batch("ROLLBACK").unwrap();
    for receipt in appends {
        receipt.await.unwrap().unwrap();
    }
    store.append(append(1, ExpectedVersion::NoStream)).await.unwrap_err();

    let commits = std::mem::take(&mut *notes.commits.lock().unwrap());
    assert_eq!(commits.iter().map(|commit| commit.0).sum::<usize>(), 41, "{commits:?}");
    assert!(commits.len() < 41, "some share a commit: {commits:?}");
    assert!(commits.iter().all(|commit| commit.2 > Duration::ZERO && commit.3));
    assert!(commits.iter().any(|commit| commit.1 > Duration::ZERO));

    let [(name, appends, max)] = &notes.queues()[..] else { panic!() };
    assert!(name.starts_with("sqlite:") && name.ends_with("log.db"), "{name}");
    assert_eq!((*appends, *max), (0, 77));
    drop(store);
    assert_eq!(notes.queues(), [], "nobody is there to be asked");
}

#[tokio::test]
async fn a_batch_that_cannot_begin_is_told_as_one_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let notes = Arc::new(Notes::default());
    let options = SqliteOptions::new()
        .with_busy_timeout(Duration::from_millis(1))
        .with_observer(Arc::clone(&notes) as _);
    let path = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open_with(&path, options).await.unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.append(append(1, ExpectedVersion::Any)).await.unwrap_err();
    let commits = std::mem::take(&mut *notes.commits.lock().unwrap());
    let [(appends, _, _, is_committed)] = commits[..] else { panic!("{commits:?}") };
    assert_eq!((appends, is_committed), (1, false));
}
