//! Copies of a log that is written to meanwhile.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use es_core::{
    Append, CheckpointStore, Diverged, ErrorKind, EventStore, ExpectedVersion, Owner, Position,
    Progress, ReadModel, Store,
};
use es_store_sqlite::{SqliteReadModel, SqliteStore};

use crate::{
    checks,
    child::{event, stream},
    model::{make_table, name, put, rows},
};

/// What a folder holds, but for what SQLite keeps beside an open file.
fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

async fn append(store: &SqliteStore, events: usize, size: usize) {
    let events = (0..events).map(|_| event(&"x".repeat(size)));
    let append = Append::to(stream(0), ExpectedVersion::Any).events(events);
    store.append(append.build().unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_a_log_with_the_first_events_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
    append(&store, 100, 2_000).await;
    let over = Arc::new(AtomicBool::new(false));
    let writers = (0..4).map(|_| {
        let (store, over) = (store.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                append(&store, 3, 500).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut copies = Vec::new();
    for number in 0..5 {
        let copy = folder.path().join(format!("copy-{number}.db"));
        let before = store.head().await.unwrap();
        store.backup(&copy).await.unwrap();
        copies.push((copy, before, store.head().await.unwrap()));
    }
    over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    let store = Store::new(store);
    let events = checks::dense(&store, Position::START, &mut HashMap::new()).await;
    assert!(copies[4].1.position > copies[0].1.position, "writing went on meanwhile");
    for (copy, before, behind) in copies {
        let copy = Store::new(SqliteStore::open(copy).await.unwrap());
        let head = copy.head().await.unwrap();
        assert_eq!(head.log, before.log, "a copy has the identity of the original");
        assert!((before.position..=behind.position).contains(&head.position), "as of a moment");
        assert_eq!((head.position.get() - 100) % 3, 0, "an append is whole");
        let copied = checks::dense(&copy, Position::START, &mut HashMap::new()).await;
        assert_eq!(copied.len() as u64, head.position.get());
        for (copied, original) in copied.iter().zip(&events) {
            assert_eq!((copied.id, &copied.payload), (original.id, &original.payload));
        }
        // It takes the place of the original, and goes on.
        let append = Append::to(stream(9), ExpectedVersion::Any).event(event("behind it"));
        let next = copy.append(append).await.unwrap().first;
        assert_eq!(next.get(), head.position.get() + 1);
    }
}

#[tokio::test]
async fn a_read_model_in_the_log_is_copied_as_of_the_same_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
    let model = SqliteReadModel::open(folder.path().join("log.db")).await.unwrap();
    make_table(&model).await;
    let log = store.head().await.unwrap().log;
    let checkpoint = model.claim(&name(), log, &Owner::new("w")).await.unwrap();
    append(&store, 2, 9).await;
    let copy = folder.path().join("copy.db");
    let tx = model.begin().await.unwrap();
    put(&tx, 1);
    // What is not committed is not in it.
    store.backup(&copy).await.unwrap();
    model.commit(tx, &Progress::from(&checkpoint, Position::new(1))).await.unwrap();
    let later = folder.path().join("later.db");
    store.backup(&later).await.unwrap();

    for (copy, wanted) in [(&copy, vec![]), (&later, vec![1])] {
        let copied = SqliteReadModel::open(copy).await.unwrap();
        assert_eq!(rows(&copied).await, wanted);
        let now = copied.checkpoint(&name()).await.unwrap().unwrap();
        assert_eq!(now.position.get(), wanted.len() as u64);
        let head = SqliteStore::open(copy).await.unwrap().head().await.unwrap();
        now.check(head).expect("its checkpoint is valid in the copy");
    }
    // The reader of the original that is ahead of the copy is told.
    append(&store, 1, 9).await;
    let ahead = Progress::from(&checkpoint, Position::new(3));
    model.advance(&ahead).await.unwrap();
    let head = SqliteStore::open(&later).await.unwrap().head().await.unwrap();
    let error = model.checkpoint(&name()).await.unwrap().unwrap().check(head).unwrap_err();
    assert!(matches!(error.diverged(), Some(Diverged::RolledBack { .. })), "{error}");
}

#[tokio::test]
async fn a_backup_takes_no_name_that_is_in_use_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let on_file = SqliteStore::open(&file).await.unwrap();
    let in_memory = SqliteStore::in_memory().await.unwrap();
    fs::write(folder.path().join("notes.txt"), "Dear diary").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for store in [on_file, in_memory] {
        append(&store, 3, 9).await;
        for (target, kind) in [
            ("notes.txt", ErrorKind::Invalid),
            ("folder", ErrorKind::Invalid),
            ("log.db", ErrorKind::Invalid),
            ("..", ErrorKind::Invalid),
            ("missing/copy.db", ErrorKind::Unavailable),
            ("notes.txt/copy.db", ErrorKind::Unavailable),
        ] {
            let error = store.backup(folder.path().join(target)).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{target}: {error}");
        }
        assert_eq!(files(folder.path()), ["folder", "log.db", "notes.txt"]);
        let copy = folder.path().join("copy.db");
        store.backup(&copy).await.unwrap();
        assert_eq!(files(folder.path()), ["copy.db", "folder", "log.db", "notes.txt"]);
        let copied = SqliteStore::open(&copy).await.unwrap();
        assert_eq!(copied.head().await.unwrap(), store.head().await.unwrap());
        drop(copied);
        fs::remove_file(copy).unwrap();
    }
    assert_eq!(fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "Dear diary");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_nobody_waits_for_leaves_nothing_or_a_whole_copy() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
    for _ in 0..20 {
        append(&store, 500, 2_000).await;
    }
    let target = folder.path().join("copies");
    fs::create_dir(&target).unwrap();
    let mut abandoned = 0;
    for number in 0..8 {
        let copy = target.join(format!("copy-{number}.db"));
        let mut backup = Box::pin(store.backup(&copy));
        // Dropped once it has begun to write, or a few moments later.
        let mut moments = 0;
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut backup => break Some(outcome),
                () = tokio::task::yield_now() => {}
            }
            moments += usize::from(!files(&target).is_empty());
            if moments > number * 5 {
                break None;
            }
        };
        drop(backup);
        if let Some(outcome) = outcome {
            outcome.unwrap();
        }
        // The work ends by itself, and takes its file with it.
        while files(&target).iter().any(|name| name.ends_with(".unfinished")) {
            tokio::task::yield_now().await;
        }
        if copy.exists() {
            let copied = SqliteStore::open(&copy).await.unwrap();
            assert_eq!(copied.head().await.unwrap(), store.head().await.unwrap());
            drop(copied);
            fs::remove_file(&copy).unwrap();
        } else {
            abandoned += 1;
        }
        assert_eq!(files(&target), Vec::<String>::new());
    }
    assert!(abandoned > 0, "each was done before it was dropped");
}

#[tokio::test]
async fn a_log_that_was_moved_is_not_backed_up_under_its_old_name() {
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("log.db"), folder.path().join("moved.db"));
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open(&file).await.unwrap();
    append(&store, 3, 9).await;
    let earlier = folder.path().join("earlier.db");
    store.backup(&earlier).await.unwrap();
    append(&store, 3, 9).await;
    let refused = async |left: &[&str]| {
        let error = store.backup(&copy).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("not the log any more"), "{error}");
        assert_eq!(files(folder.path()), left, "nothing was made");
    };

    fs::rename(&file, &moved).unwrap();
    refused(&["earlier.db", "moved.db"]).await;
    // Something else is there by now, or what the log was once.
    fs::write(&file, "").unwrap();
    refused(&["earlier.db", "log.db", "moved.db"]).await;
    fs::remove_file(&file).unwrap();
    let other = folder.path().join("other.db");
    append(&SqliteStore::open(&other).await.unwrap(), 9, 9).await;
    fs::rename(&other, &file).unwrap();
    refused(&["earlier.db", "log.db", "moved.db"]).await;
    fs::rename(&earlier, &file).unwrap();
    refused(&["log.db", "moved.db"]).await;

    fs::rename(&moved, &file).unwrap();
    store.backup(&copy).await.unwrap();
    let copied = SqliteStore::open(&copy).await.unwrap();
    assert_eq!(copied.head().await.unwrap(), store.head().await.unwrap());
}

/// In a process of its own, which may go where it likes.
#[tokio::test]
async fn the_role_of_a_child() {
    let Ok(folder) = std::env::var("ES_BACKUP_FOLDER") else { return };
    std::env::set_current_dir(&folder).unwrap();
    let store = SqliteStore::open("log.db").await.unwrap();
    append(&store, 3, 9).await;
    std::env::set_current_dir("elsewhere").unwrap();
    store.backup("copy.db").await.unwrap();
}

#[tokio::test]
async fn a_log_that_was_opened_by_a_relative_path_is_found_from_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "backup::the_role_of_a_child"])
        .env("ES_BACKUP_FOLDER", folder.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    assert_eq!(files(&elsewhere), ["copy.db"]);
    let copied = SqliteStore::open(elsewhere.join("copy.db")).await.unwrap();
    let original = SqliteStore::open(folder.path().join("log.db")).await.unwrap();
    assert_eq!(copied.head().await.unwrap(), original.head().await.unwrap());
    assert_eq!(copied.head().await.unwrap().position.get(), 3);
}
