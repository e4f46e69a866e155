//! A read model beside a log in one file, beside other tables in a user's file, and several
//! on one file at once.

use std::{collections::HashMap, path::Path, time::Duration};

use es_core::{
    Append, AppendRequest, CheckpointStore, DeadLetterStore, ErrorKind, EventStore,
    ExpectedVersion, LogId, Owner, Position, Progress, Read, ReadModel, SnapshotStore, Store,
};
use es_store_sqlite::{
    SqliteOptions, SqliteReadModel, SqliteSnapshotStore, SqliteStore, Synchronous,
};
use rusqlite::Connection;

use crate::{
    checks,
    child::{event, stream},
    model::{make_table, name, put, rows},
};

fn one() -> AppendRequest {
    Append::to(stream(0), ExpectedVersion::Any).event(event("one")).build().unwrap()
}

async fn claim(model: &SqliteReadModel, log: LogId) -> es_core::Checkpoint {
    model.claim(&name(), log, &Owner::new("w")).await.unwrap()
}

#[tokio::test]
async fn a_log_with_a_model_and_snapshots_in_it_opens_as_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let log = SqliteStore::open(&file).await.unwrap().head().await.unwrap().log;
    let model = SqliteReadModel::open(&file).await.unwrap();
    make_table(&model).await;
    claim(&model, log).await;
    drop((model, SqliteSnapshotStore::open(&file).await.unwrap()));

    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.append(one()).await.unwrap().first.get(), 1);
    let again = SqliteReadModel::open(&file).await.unwrap();
    assert_eq!(claim(&again, log).await.epoch, 2, "the progress is there");
}

#[tokio::test]
async fn a_log_may_be_opened_after_its_models() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bank.db");
    let model = SqliteReadModel::open(&file).await.unwrap();
    make_table(&model).await;
    let store = SqliteStore::open(&file).await.unwrap();
    assert_eq!(store.append(one()).await.unwrap().first.get(), 1);
    let log = store.head().await.unwrap().log;
    assert_eq!(claim(&model, log).await.epoch, 1);
    drop((model, store));
    assert_eq!(SqliteStore::open(&file).await.unwrap().head().await.unwrap().log, log);
}

#[tokio::test]
async fn a_file_of_models_that_follow_another_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.db");
    claim(&SqliteReadModel::open(&file).await.unwrap(), LogId::generate()).await;
    let before = std::fs::read(&file).unwrap();
    let error = SqliteStore::open(&file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("follow another log"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// What another program says about its file in the header, and how it journals.
fn header(file: &Path) -> (i32, i32, String) {
    let connection = Connection::open(file).unwrap();
    let get = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
    let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    (get("application_id"), get("user_version"), mode)
}

#[tokio::test]
async fn the_file_of_another_program_keeps_its_header_and_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    for (mode, version) in [("delete", 41), ("wal", 7)] {
        let file = folder.path().join(format!("{mode}.db"));
        let theirs = Connection::open(&file).unwrap();
        theirs.pragma_update(None, "journal_mode", mode).unwrap();
        theirs.pragma_update(None, "application_id", 0x1234_5678).unwrap();
        theirs.pragma_update(None, "user_version", version).unwrap();
        theirs.execute_batch("CREATE TABLE rows (position INTEGER PRIMARY KEY)").unwrap();
        let before = header(&file);

        let model = SqliteReadModel::open(&file).await.unwrap();
        SqliteSnapshotStore::open(&file).await.unwrap();
        let checkpoint = claim(&model, LogId::generate()).await;
        let tx = model.begin().await.unwrap();
        put(&tx, 1);
        model.commit(tx, &Progress::from(&checkpoint, Position::new(1))).await.unwrap();
        assert_eq!(rows(&model).await, [1]);
        drop(model);
        assert_eq!(header(&file), before);
        assert_eq!(before, (0x1234_5678, version, mode.to_owned()));
        let count = "SELECT count(*) FROM rows";
        assert_eq!(theirs.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }
}

#[tokio::test]
async fn what_is_altered_newer_or_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("views.db");
    drop(SqliteReadModel::open(&file).await.unwrap());
    let theirs = Connection::open(&file).unwrap();
    for (sql, kind) in [
        ("UPDATE es_parts SET checksum = zeroblob(16)", ErrorKind::Invalid),
        ("INSERT INTO es_parts VALUES ('progress', 99, 'x', x'00', 0)", ErrorKind::Unsupported),
    ] {
        theirs.execute_batch(sql).unwrap();
        let error = SqliteReadModel::open(&file).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    SqliteSnapshotStore::open(&file).await.expect("another part, which nobody touched");

    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "Dear diary, ".repeat(500)).unwrap();
    for error in [
        SqliteReadModel::open(&notes).await.unwrap_err(),
        SqliteSnapshotStore::open(&notes).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("notes.txt"), "{error}");
    }
    let missing = folder.path().join("missing/views.db");
    let error = SqliteReadModel::open(missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_lock_that_is_held_too_long_is_busy_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let hurried = SqliteOptions::new().with_busy_timeout(Duration::from_millis(20));
    let store = SqliteStore::open_with(&file, hurried.clone()).await.unwrap();
    let model = SqliteReadModel::open_with(&file, hurried.clone()).await.unwrap();
    let rival = SqliteReadModel::open_with(&file, hurried.clone()).await.unwrap();
    let snapshots = SqliteSnapshotStore::open_with(&file, hurried).await.unwrap();
    let log = store.head().await.unwrap().log;
    let checkpoint = claim(&model, log).await;

    let tx = model.begin().await.unwrap();
    let key = es_core::SnapshotKey::new(stream(0), 1);
    for error in [
        store.append(one()).await.unwrap_err(),
        rival.begin().await.unwrap_err(),
        rival.claim(&name(), log, &Owner::new("rival")).await.unwrap_err(),
        snapshots.delete(&key).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    }
    assert_eq!(rival.checkpoint(&name()).await.unwrap(), Some(checkpoint.clone()), "reads go on");
    assert_eq!(model.checkpoint(&name()).await.unwrap(), Some(checkpoint), "and here too");
    drop(tx);
    // It is rolled back on another thread, which a further turn comes behind.
    drop(model.begin().await.unwrap());
    store.append(one()).await.unwrap();
    drop(rival.begin().await.unwrap());
    snapshots.delete(&key).await.unwrap();
}

/// Nobody starves: many appends and many commits on one file, none of them `Busy`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_and_a_model_write_to_one_file_at_once() {
    const APPENDS: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let model = SqliteReadModel::open(&file).await.unwrap();
    make_table(&model).await;
    let mut checkpoint = claim(&model, store.head().await.unwrap().log).await;

    let writers = (0..4).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..APPENDS / 4 {
                store.append(one()).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let store = Store::new(store);
    while checkpoint.position.get() < APPENDS {
        let next = store.read(Read::all().after(checkpoint.position).limit(5)).into_vec().await;
        let next = next.unwrap();
        let tx = model.begin().await.unwrap();
        next.iter().for_each(|event| put(&tx, event.position.get()));
        let done = next.last().map_or(checkpoint.position, |last| last.position);
        model.commit(tx, &Progress::from(&checkpoint, done)).await.unwrap();
        checkpoint.position = done;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(rows(&model).await, (1..=APPENDS).collect::<Vec<_>>());
    checks::dense(&store, Position::START, &mut HashMap::new()).await;
}

#[tokio::test]
async fn events_appended_in_a_transaction_commit_with_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let model = SqliteReadModel::open(&file).await.unwrap();
    make_table(&model).await;
    let checkpoint = claim(&model, store.head().await.unwrap().log).await;
    let request = || {
        Append::to(stream(0), ExpectedVersion::Any)
            .events([event("one"), event("two")])
            .build()
            .unwrap()
    };
    let after_no_event = Append::to(stream(0), ExpectedVersion::NoStream).event(event("x"));
    let after_no_event = after_no_event.build().unwrap();
    store.append(one()).await.unwrap();

    // Rolled back: both are gone, and the positions are given again.
    let tx = model.begin().await.unwrap();
    let lost = request();
    assert_eq!(store.append_in(&tx, &lost).unwrap().first.get(), 2);
    put(&tx, 2);
    drop(tx);

    let tx = model.begin().await.unwrap();
    let kept = request();
    let receipt = store.append_in(&tx, &kept).unwrap();
    assert_eq!((receipt.first.get(), receipt.last.get(), receipt.replayed), (2, 3, false));
    let error = store.append_in(&tx, &after_no_event).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "and the transaction goes on");
    assert!(store.append_in(&tx, &kept).unwrap().replayed, "the same again is known");
    put(&tx, receipt.last.get());
    assert_eq!(store.head().await.unwrap().position.get(), 1, "nobody sees it yet");
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.wait(Position::new(1)).await }
    });
    model.commit(tx, &Progress::from(&checkpoint, receipt.last)).await.unwrap();

    assert_eq!(waiting.await.unwrap().unwrap().position, receipt.last, "those who wait are woken");
    assert_eq!(rows(&model).await, [3]);
    assert!(store.append(kept).await.unwrap().replayed);
    assert!(!store.append(lost).await.unwrap().replayed);
    let events = checks::dense(&Store::new(store), Position::START, &mut HashMap::new()).await;
    assert_eq!(events.len(), 5);
}

#[tokio::test]
async fn events_are_not_appended_in_the_wrong_place_or_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let in_memory = SqliteStore::in_memory().await.unwrap();
    let other_log = folder.path().join("other.db");
    drop(SqliteStore::open(&other_log).await.unwrap());
    let of_other = SqliteReadModel::open(other_log).await.unwrap();
    let elsewhere = SqliteReadModel::in_memory().await.unwrap();
    for model in [of_other, elsewhere] {
        let tx = model.begin().await.unwrap();
        for store in [&store, &in_memory] {
            let error = store.append_in(&tx, &one()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        }
    }
    // A connection of one's own, whose transaction is over, or began too early.
    let own = Connection::open(&file).unwrap();
    assert_eq!(store.append_in(&own, &one()).unwrap_err().kind(), ErrorKind::Invalid);
    own.execute_batch("BEGIN; SELECT count(*) FROM es_events").unwrap();
    store.append(one()).await.unwrap();
    assert_eq!(store.append_in(&own, &one()).unwrap_err().kind(), ErrorKind::Busy);
    own.execute_batch("ROLLBACK; BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.append_in(&own, &one()).unwrap().first.get(), 2);
    own.execute_batch("COMMIT").unwrap();
    assert_eq!(store.append(one()).await.unwrap().first.get(), 3);
}

#[tokio::test]
async fn events_are_not_appended_with_less_durability_than_the_log_promises() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let normal = SqliteOptions::new().with_synchronous(Synchronous::Normal);
    let full_log = SqliteStore::open(&file).await.unwrap();
    let normal_log = SqliteStore::open_with(&file, normal.clone()).await.unwrap();
    let full_model = SqliteReadModel::open(&file).await.unwrap();
    let normal_model = SqliteReadModel::open_with(&file, normal).await.unwrap();

    let tx = full_model.begin().await.unwrap();
    full_log.append_in(&tx, &one()).unwrap();
    normal_log.append_in(&tx, &one()).unwrap();
    drop(tx);
    // The next turn comes behind what undoes that one.
    drop(full_model.begin().await.unwrap());
    let tx = normal_model.begin().await.unwrap();
    let error = full_log.append_in(&tx, &one()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("power cut"), "{error}");
    normal_log.append_in(&tx, &one()).expect("and the transaction goes on");
    drop(tx);
    drop(normal_model.begin().await.unwrap());

    // A connection of one's own, whose setting changes between two transactions.
    let own = Connection::open(&file).unwrap();
    for (setting, wanted) in [("OFF", false), ("FULL", true), ("NORMAL", false), ("EXTRA", true)] {
        own.execute_batch(&format!("PRAGMA synchronous={setting}; BEGIN IMMEDIATE")).unwrap();
        assert_eq!(full_log.append_in(&own, &one()).is_ok(), wanted, "{setting}");
        own.execute_batch("ROLLBACK").unwrap();
    }
}

/// Whoever holds the lock of the file may ask for a checkpoint, while all appends wait.
#[tokio::test]
async fn a_long_read_of_rows_holds_no_checkpoint_up() {
    let folder = tempfile::tempdir().unwrap();
    let model = SqliteReadModel::open(folder.path().join("views.db")).await.unwrap();
    let checkpoint = claim(&model, LogId::generate()).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    let long = tokio::spawn({
        let model = model.clone();
        async move { model.read(move |_| Ok(released.recv().is_err())).await }
    });
    tokio::task::yield_now().await;
    let asked = async {
        let tx = model.begin().await.unwrap();
        assert_eq!(model.checkpoint(&name()).await.unwrap(), Some(checkpoint.clone()));
        assert_eq!(model.dead_letters(&name(), Position::START, 9).await.unwrap(), []);
        assert_eq!(model.parked_streams(&name()).await.unwrap(), []);
        assert_eq!(model.skipped(&name(), Position::START, 9).await.unwrap(), []);
        model.commit(tx, &Progress::from(&checkpoint, Position::new(1))).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
    assert!(!long.is_finished());
    drop(release);
    assert!(long.await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_open_a_users_file_at_once_agree_on_the_tables() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("views.db");
        let theirs = Connection::open(&file).unwrap();
        theirs.execute_batch("CREATE TABLE mine (x); PRAGMA user_version = 3").unwrap();
        let log = LogId::generate();
        let opening = (0..8).map(|_| {
            let file = file.clone();
            tokio::spawn(async move {
                drop(SqliteSnapshotStore::open(&file).await.unwrap());
                claim(&SqliteReadModel::open(&file).await.unwrap(), log).await.epoch
            })
        });
        let mut epochs = Vec::new();
        for claimed in opening.collect::<Vec<_>>() {
            epochs.push(claimed.await.unwrap());
        }
        epochs.sort_unstable();
        assert_eq!(epochs, (1..=8).collect::<Vec<_>>(), "one ledger, and a claim each");
    }
}
