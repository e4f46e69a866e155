//! Callers that are alone write for themselves, beside the thread that writes for the others.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use es_core::{
    Append, ErrorKind, ExpectedVersion, GaugeSource, NewEvent, Observation, Observer, Position,
    Store, StreamId,
};
use es_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};
use tokio::{runtime::Builder, task::LocalSet};

use crate::{checks, child};

const THREAD: &str = "es-sqlite-write";

/// Notes whether commits are told on the thread that writes, and panics when it is to.
#[derive(Debug, Default)]
struct Threads {
    are_ours: Mutex<Vec<bool>>,
    panics_on: Mutex<Option<bool>>,
}

impl Observer for Threads {
    fn observe(&self, observation: &Observation<'_>) {
        assert!(matches!(observation, Observation::Commit { .. }), "{observation:?}");
        let is_ours = thread::current().name() == Some(THREAD);
        self.are_ours.lock().unwrap().push(is_ours);
        let panics = self.panics_on.lock().unwrap().take_if(|wanted| *wanted == is_ours);
        assert_eq!(panics, None, "as it was told to");
    }

    fn watch(&self, _: Weak<dyn GaugeSource>) {}
}

impl Threads {
    /// Of the commits since it was asked last, how many the thread did, and how many others.
    fn counts(&self) -> (usize, usize) {
        let are_ours = std::mem::take(&mut *self.are_ours.lock().unwrap());
        let thread = are_ours.iter().filter(|is_ours| **is_ours).count();
        (thread, are_ours.len() - thread)
    }
}

/// A store whose commits are quick on any disk, which callers wait for only then.
async fn open(file: &Path) -> (Store, Arc<Threads>) {
    open_with(file, SqliteOptions::new()).await
}

async fn open_with(file: &Path, options: SqliteOptions) -> (Store, Arc<Threads>) {
    let threads = Arc::new(Threads::default());
    let options = options
        .with_synchronous(Synchronous::Normal)
        .with_busy_timeout(Duration::from_secs(30))
        .with_observer(Arc::clone(&threads) as _);
    (Store::new(SqliteStore::open_with(file, options).await.unwrap()), threads)
}

fn one() -> Append {
    Append::to(child::stream(0), ExpectedVersion::Any).event(child::event("one"))
}

/// Appends alone until it has written for itself.
async fn write_alone(store: &Store, threads: &Threads) {
    threads.counts();
    for _ in 0..10_000 {
        store.append(one()).await.unwrap();
        if threads.counts().1 > 0 {
            return;
        }
    }
    panic!("it is alone, and the thread writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_another_process_is_waited_for_on_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let (store, threads) = open(&file).await;
    write_alone(&store, &threads).await;
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Both are one task: were the lock waited for here, it would be let go behind the deadline.
    let append = one().deadline(Duration::from_secs(10));
    let (receipt, ()) = tokio::join!(biased; store.append(append), async { drop(other) });
    receipt.unwrap();
    assert_eq!(threads.counts(), (1, 0));
    write_alone(&store, &threads).await;
}

#[test]
fn a_runtime_of_one_thread_leaves_all_of_it_to_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (store, threads) = open(&folder.path().join("log.db")).await;
        for _ in 0..50 {
            store.append(one()).await.unwrap();
        }
        assert_eq!(threads.counts(), (50, 0));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_may_not_write_leave_all_of_it_to_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().with_callers_that_write(false);
    let (store, threads) = open_with(&folder.path().join("log.db"), options).await;
    for _ in 0..100 {
        store.append(one()).await.unwrap();
    }
    assert_eq!(threads.counts(), (100, 0));
}

/// Where tokio's own way of waiting for a disk would panic.
#[test]
fn local_tasks_append_as_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let (store, _) = open(&folder.path().join("log.db")).await;
        let task = |_| {
            let store = store.clone();
            tokio::task::spawn_local(async move {
                for _ in 0..100 {
                    store.append(one()).await.unwrap();
                }
            })
        };
        for task in (0..4).map(task).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        checks::dense(&store, Position::START, &mut HashMap::new()).await;
        assert_eq!(store.head().await.unwrap().position.get(), 400);
    });
}

/// A panic takes one append with it, which has been written or not; the store goes on.
async fn survives(file: &Path, is_on_the_thread: bool) {
    let (store, threads) = open(file).await;
    *threads.panics_on.lock().unwrap() = Some(is_on_the_thread);
    let append = |event: NewEvent| Append::to(child::stream(1), ExpectedVersion::Any).event(event);
    let mut appends = 0;
    let (event, error) = loop {
        let event = child::event("noted");
        match store.append(append(event.clone())).await {
            Ok(_) => appends += 1,
            Err(error) => break (event, error),
        }
        assert!(appends < 10_000, "nobody wrote who was to panic");
    };
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
    // As the error says, and whichever it was.
    let head = store.append(append(event.clone())).await.unwrap().last;
    assert_eq!(head.get(), appends + 1);
    let receipt = store.append(append(event)).await.unwrap();
    assert!(receipt.replayed && receipt.last == head);
    store.append(one()).await.unwrap();
    let events = checks::dense(&store, Position::START, &mut HashMap::new()).await;
    assert_eq!(events.len() as u64, appends + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_an_observer_where_a_caller_writes_is_contained() {
    let folder = tempfile::tempdir().unwrap();
    survives(&folder.path().join("log.db"), false).await;
}

#[tokio::test]
async fn a_panic_of_an_observer_on_the_thread_is_contained() {
    let folder = tempfile::tempdir().unwrap();
    survives(&folder.path().join("log.db"), true).await;
}

/// Never more than a few at once, so that now a caller writes and now the thread.
#[test]
fn versions_are_exact_whoever_writes() {
    const TASKS: usize = 4;
    const APPENDS: usize = 400;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let many = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (store, threads) = many.block_on(open(&file));
    let running = Arc::new(AtomicUsize::new(TASKS + 1));
    let task = |task: usize| {
        let (store, running) = (store.clone(), Arc::clone(&running));
        async move {
            let own = StreamId::new("own", task).unwrap();
            let mut written = Vec::new();
            for version in 0..APPENDS {
                let expected = match es_core::Version::new(version as u64) {
                    Ok(version) => ExpectedVersion::Exact(version),
                    Err(_) => ExpectedVersion::NoStream,
                };
                let events = [child::event("own"), child::event("shared")];
                written.push(events.iter().map(|event| event.id).collect::<Vec<_>>());
                let [mine, ours] = events;
                let append = Append::to(own.clone(), expected)
                    .event(mine)
                    .and(child::stream(0), ExpectedVersion::Any)
                    .event(ours);
                store.append(append).await.unwrap();
                // The fewer are left, the more often one of them is alone.
                for _ in 0..fastrand::usize(..30 * running.load(Ordering::Relaxed)) {
                    tokio::task::yield_now().await;
                }
            }
            running.fetch_sub(1, Ordering::Relaxed);
            written
        }
    };
    let other = task(TASKS);
    let elsewhere =
        thread::spawn(move || Builder::new_current_thread().build().unwrap().block_on(other));
    let tasks: Vec<_> = (0..TASKS).map(|number| many.spawn(task(number))).collect();
    let mut written = Vec::new();
    for task in tasks {
        written.extend(many.block_on(task).unwrap());
    }
    written.extend(elsewhere.join().unwrap());
    many.block_on(write_alone_after(&store, &threads));
    let events = many.block_on(checks::dense(&store, Position::START, &mut HashMap::new()));
    checks::all_there(&events, &written);
}

/// Both have written by then, or it says so.
async fn write_alone_after(store: &Store, threads: &Threads) {
    let (thread, _) = threads.counts();
    assert!(thread > 0, "the thread has written nothing");
    write_alone(store, threads).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_handle_may_go_with_a_caller_that_writes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    for round in 1..=20 {
        let (store, _) = open(&file).await;
        let writes = tokio::spawn(async move { store.append(one()).await });
        assert_eq!(writes.await.unwrap().unwrap().last.get(), round);
        let wal = folder.path().join("log.db-wal");
        assert!(!wal.exists(), "a connection is open still");
    }
}
