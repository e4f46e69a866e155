//! Too little room, too little time, and callers who leave.

use std::{collections::HashMap, path::Path, time::Duration};

use es_core::{
    Append, ErrorKind, EventType, ExpectedVersion, NewEvent, Payload, Position, Query, Schema,
    Store,
};
use es_store_sqlite::{SqliteOptions, SqliteStore, WhenFull};
use rusqlite::Connection;

use crate::{checks, child};

async fn open(file: &Path, options: SqliteOptions) -> Store {
    Store::new(SqliteStore::open_with(file, options).await.unwrap())
}

fn one() -> Append {
    Append::to(child::stream(0), ExpectedVersion::Any).event(child::event("one"))
}

/// Holds the write lock of the file, as another process would.
fn park(file: &Path) -> Connection {
    let other = Connection::open(file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = open(&file, SqliteOptions::new().with_max_pages(60)).await;
    let mut acknowledged = Vec::new();
    let full = loop {
        let events = [child::event(&"x".repeat(2_000)), child::event(&"y".repeat(2_000))];
        let ids = events.iter().map(|event| event.id).collect::<Vec<_>>();
        let append = Append::to(child::stream(1), ExpectedVersion::Any).events(events);
        match store.append(append).await {
            Ok(_) => acknowledged.push(ids),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::Unavailable, "{full:?}");
    assert!(!acknowledged.is_empty());
    drop(store);

    let store = open(&file, SqliteOptions::new()).await;
    let events = checks::dense(&store, Position::START, &mut HashMap::new()).await;
    assert_eq!(events.len(), acknowledged.len() * 2, "the refused append left nothing");
    checks::all_there(&events, &acknowledged);
    store.append(one()).await.unwrap();
}

/// SQLite rolls back by itself when there is no room, and whoever wrote must know.
#[tokio::test]
async fn a_condition_holds_behind_a_batch_that_the_full_disk_undid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = open(&file, SqliteOptions::new().with_max_pages(100)).await;
    let to = |stream| Append::to(child::stream(stream), ExpectedVersion::Any);
    let of_type = |name| NewEvent::raw(Schema::from_static(name, 1), Payload::json(&1).unwrap());
    let any = |name| Query::any().of_types([EventType::from_static(name)]);
    store.append(to(0).event(child::event("old"))).await.unwrap();

    // One batch: a family that is new, then a row that is too large behind a look at families.
    let other = park(&file);
    let new = store.append(to(1).event(of_type("phantom")));
    let large = to(0).event(child::event(&"x".repeat(900_000)));
    let large = store.append(large.unless(any("nothing"), Position::START));
    let (new, large, ()) = tokio::join!(biased; new, large, async { drop(other) });
    assert_eq!(new.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(large.unwrap_err().kind(), ErrorKind::Unavailable);

    // The number that the phantom had is given to another.
    let booked = store.append(to(0).event(of_type("booked"))).await.unwrap();
    let append = to(0).event(child::event("new")).unless(any("booked"), Position::START);
    let error = store.append(append).await.unwrap_err();
    assert_eq!(error.condition_failed().unwrap().found, booked.last, "{error}");
}

#[tokio::test]
async fn a_lock_that_is_held_too_long_is_busy_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let patience = Duration::from_millis(20);
    let store = open(&file, SqliteOptions::new().with_busy_timeout(patience)).await;
    let other = park(&file);
    let error = store.append(one()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
    drop(other);
    assert_eq!(store.append(one()).await.unwrap().first.get(), 1);
}

#[tokio::test]
async fn a_deadline_is_shorter_than_the_patience_of_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let patience = Duration::from_secs(3_600);
    let store = open(&file, SqliteOptions::new().with_busy_timeout(patience)).await;
    let other = park(&file);
    let hurried = one().deadline(Duration::from_millis(20));
    let error = store.append(hurried).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
    drop(other);
    assert_eq!(store.append(one()).await.unwrap().first.get(), 1);
}

/// A runtime without timers will do: `hurried` is answered although nothing else happens.
fn is_answered_behind_another(options: SqliteOptions) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let options = options.with_busy_timeout(Duration::from_secs(20));
    let store = runtime.block_on(open(&file, options));
    let other = park(&file);
    let hurried = async {
        let error = store.append(one().deadline(Duration::from_millis(20))).await.unwrap_err();
        drop(other);
        error
    };
    // Were it answered only behind the first, that would have run out of patience.
    let both = async { tokio::join!(biased; store.append(one()), hurried) };
    let (first, error) = runtime.block_on(both);
    assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
    assert!(error.to_string().contains("deadline"), "{error}");
    first.unwrap();
}

#[test]
fn a_deadline_is_kept_behind_an_append_that_waits_for_the_lock() {
    is_answered_behind_another(SqliteOptions::new());
}

#[test]
fn a_deadline_is_kept_where_the_queue_is_full() {
    is_answered_behind_another(SqliteOptions::new().with_queue(1).unwrap());
}

/// One after the other, they would take a minute and a half.
#[tokio::test]
async fn those_who_wait_for_a_lock_run_out_of_patience_together() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let patience = Duration::from_millis(300);
    let store = open(&file, SqliteOptions::new().with_busy_timeout(patience)).await;
    let other = park(&file);
    let answers = async {
        for answer in futures(&store, 300) {
            let error = answer.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Busy, "{error:?}");
        }
    };
    tokio::time::timeout(Duration::from_secs(45), answers).await.unwrap();
    drop(other);
    assert_eq!(store.append(one()).await.unwrap().first.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_where_that_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let options = SqliteOptions::new().with_queue(1).unwrap().with_when_full(WhenFull::Refuse);
    let store = open(&file, options).await;
    let other = park(&file);
    let both = futures(&store, 2);
    let mut answers = Vec::new();
    // One has the only place and waits for the lock, the other is refused at once.
    let (first, rest) = select(both).await;
    answers.push(first.unwrap_err().kind());
    drop(other);
    answers.extend(rest.await.unwrap().err().map(|error| error.kind()));
    assert_eq!(answers, [ErrorKind::Busy], "one was refused, the other written");
    assert_eq!(store.head().await.unwrap().position.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_after_the_other_is_never_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new().with_queue(1).unwrap().with_when_full(WhenFull::Refuse);
    let store = open(&folder.path().join("log.db"), options).await;
    let work = async move {
        for _ in 0..2_000 {
            store.append(one()).await.unwrap();
        }
    };
    tokio::spawn(work).await.unwrap();
}

type Answer = tokio::task::JoinHandle<es_core::Result<es_core::Receipt>>;

fn futures(store: &Store, count: usize) -> Vec<Answer> {
    let spawn = |_| {
        let store = store.clone();
        tokio::spawn(async move { store.append(one()).await })
    };
    (0..count).map(spawn).collect()
}

/// The one of two that answers first, and the other.
async fn select(mut both: Vec<Answer>) -> (es_core::Result<es_core::Receipt>, Answer) {
    let (mut two, mut one) = (both.pop().unwrap(), both.pop().unwrap());
    tokio::select! {
        answer = &mut one => (answer.unwrap(), two),
        answer = &mut two => (answer.unwrap(), one),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_handle_finishes_what_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = open(&file, SqliteOptions::new()).await;
    let answers = futures(&store, 50);
    drop(store);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    let store = open(&file, SqliteOptions::new()).await;
    assert_eq!(store.head().await.unwrap().position.get(), 50);
}
