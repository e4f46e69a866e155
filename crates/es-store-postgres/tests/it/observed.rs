//! What an observer is told of commits, and what queue and pool say when they are asked.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use es_core::{Append, ExpectedVersion, Gauge, GaugeSource, Observation, Observer, Read, Store};
use es_store_postgres::PostgresStore;

use crate::{
    checks::{events, stream},
    server::on_a_schema,
};

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
            Observation::Commit { store: "postgresql", appends, waited, took, is_committed } => {
                self.commits.lock().unwrap().push((appends, waited, took, is_committed));
            }
            other => panic!("{other:?}"),
        }
    }

    fn watch(&self, source: Weak<dyn GaugeSource>) {
        self.sources.lock().unwrap().push(source);
    }
}

/// Appends and room in the queue; connections used, idle and allowed.
type Gauged = ((usize, usize), (usize, usize, usize));

impl Notes {
    fn gauges(&self) -> Option<Gauged> {
        let source = self.sources.lock().unwrap().first().and_then(Weak::upgrade)?;
        let (mut queue, mut pool) = (None, None);
        source.gauges(&mut |gauge| match gauge {
            Gauge::Queue { store: "postgresql", name, appends, max } => {
                assert!(name.starts_with("postgres://") && !name.contains('@'), "{name}");
                queue = Some((appends, max));
            }
            Gauge::Pool { store: "postgresql", used, idle, max, waiting: 0, .. } => {
                pool = Some((used, idle, max));
            }
            other => panic!("{other:?}"),
        });
        Some((queue.unwrap(), pool.unwrap()))
    }
}

#[test]
fn commits_queue_and_pool_are_told() {
    on_a_schema(|schema| async move {
        let notes = Arc::new(Notes::default());
        let options =
            schema.options().with_queue(77).unwrap().with_observer(Arc::clone(&notes) as _);
        let store = Store::new(PostgresStore::open_with(&schema.url, options).await.unwrap());
        let append = |number: usize| {
            let append = Append::to(stream(&format!("s-{number}")), ExpectedVersion::NoStream);
            append.events(events(1))
        };
        store.append(append(0)).await.unwrap();
        assert_eq!(notes.commits.lock().unwrap().len(), 1, "also one that sends for itself");
        let appends: Vec<_> = (1..=60)
            .map(|number| {
                let (store, append) = (store.clone(), append(number));
                tokio::spawn(async move { store.append(append).await })
            })
            .collect();
        for append in appends {
            append.await.unwrap().unwrap();
        }
        store.append(append(1)).await.unwrap_err();
        let commits = std::mem::take(&mut *notes.commits.lock().unwrap());
        assert_eq!(commits.iter().map(|commit| commit.0).sum::<usize>(), 62, "{commits:?}");
        assert!(commits.len() < 62, "some share a commit: {commits:?}");
        assert!(commits.iter().all(|commit| commit.2 > Duration::ZERO && commit.3));
        assert!(commits.iter().any(|commit| commit.1 > Duration::ZERO));

        let mut read = store.read(Read::all());
        read.next().await.unwrap().unwrap();
        let (queue, (used, _, max)) = notes.gauges().unwrap();
        assert_eq!((queue, max), ((0, 77), 4));
        assert!((1..=4).contains(&used), "the one that appends is kept: {used}");
        drop((read, store));
    });
}
