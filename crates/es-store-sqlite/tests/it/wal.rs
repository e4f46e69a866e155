//! The write-ahead log: short under load, whoever reads, and gone when the last handle is.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use es_core::{Append, ExpectedVersion, Read, Store};
use es_store_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::child;

/// Bytes of a page and its header in the log.
const FRAME: u64 = 4_096 + 24;

fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// How often the log has begun anew, from its header.
fn begun(file: &Path) -> u32 {
    let mut header = [0; 16];
    File::open(log_of(file)).unwrap().read_exact(&mut header).unwrap();
    u32::from_be_bytes([header[12], header[13], header[14], header[15]])
}

/// An append of 25 pages.
async fn append(store: &Store, stream: u64) {
    let event = child::event(&"x".repeat(100_000));
    let append = Append::to(child::stream(stream), ExpectedVersion::Any).event(event);
    store.append(append).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_short_under_load_with_readers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    let is_over = Arc::new(AtomicBool::new(false));
    let read = |_| {
        let (store, is_over) = (store.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                store.read(Read::all().limit(50)).into_vec().await.unwrap();
            }
        })
    };
    let readers: Vec<_> = (0..2).map(read).collect();
    let write = |task| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..250 {
                append(&store, task).await;
            }
        })
    };
    let writers: Vec<_> = (0..8).map(write).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    // 8 times 250 appends wrote 50,000 pages; the file never shrinks, so it tells the longest.
    let longest = fs::metadata(log_of(&file)).unwrap().len() / FRAME;
    assert!(longest < 20_000, "{longest} pages");
    assert!(begun(&file) >= 2, "{}", begun(&file));
    assert_eq!(store.head().await.unwrap().position.get(), 8 * 250);
}

#[tokio::test]
async fn a_reader_that_stays_is_not_waited_for_and_leaves_a_log_that_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    append(&store, 0).await;
    let reader = Connection::open(&file).unwrap();
    let count = "SELECT count(*) FROM es_events";
    reader.execute_batch("BEGIN").unwrap();
    let seen: i64 = reader.query_row(count, [], |row| row.get(0)).unwrap();
    let before = begun(&file);
    // Behind the bound, where the writer tries it itself.
    for _ in 0..400 {
        append(&store, 0).await;
    }
    assert_eq!(begun(&file), before, "what is read stays there");
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), seen);
    drop(reader);
    let mut more = 0;
    while begun(&file) == before {
        append(&store, 0).await;
        more += 1;
        assert!(more < 2_000, "the log never begins anew");
    }
    assert_eq!(store.head().await.unwrap().position.get(), 401 + more);
}

#[tokio::test]
async fn the_last_handle_takes_the_log_and_its_threads_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    // As much as has the thread asked, so that it may be at work still.
    for _ in 0..25 {
        append(&store, 0).await;
    }
    assert!(log_of(&file).exists());
    drop(store);
    // SQLite removes it with the last connection to the file.
    assert!(!log_of(&file).exists(), "a connection is open still");
}
