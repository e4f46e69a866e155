//! The whole contract, on a file of its own for each test; and what a crash leaves behind.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use custom_store::FileStore;
use es_core::{Append, ExpectedVersion, NewEvent, Payload, Read, Schema, Store, StreamId};

/// A file that goes when the test is over.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("custom-store-{}-{number}.log", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

mod contract {
    es_testkit::contract_tests!(
        fixture = || async {
            let file = super::Temporary::new();
            let store = super::Store::new(super::FileStore::open(&file.0).unwrap());
            es_testkit::Fixture::new(store, file)
        }
    );
}

fn append(text: &str) -> Append {
    let noted = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(text).unwrap());
    Append::to(StreamId::new("note", "n1").unwrap(), ExpectedVersion::Any).event(noted)
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_the_file_is_opened_again() {
    let file = Temporary::new();
    let (before, log) = {
        let store = Store::new(FileStore::open(&file.0).unwrap());
        for text in ["one", "two", "three"] {
            store.append(append(text)).await.unwrap();
        }
        let log = store.head().await.unwrap().log;
        (store.read(Read::all()).into_vec().await.unwrap(), log)
    };
    let store = Store::new(FileStore::open(&file.0).unwrap());
    assert_eq!(store.read(Read::all()).into_vec().await.unwrap(), before);
    assert_eq!(store.head().await.unwrap().log, log);
}

#[tokio::test]
async fn a_line_that_a_crash_cut_off_is_taken_away() {
    let file = Temporary::new();
    for text in ["one", "two"] {
        let store = Store::new(FileStore::open(&file.0).unwrap());
        store.append(append(text)).await.unwrap();
    }
    let whole = fs::read(&file.0).unwrap();
    let second = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in second..whole.len() {
        fs::write(&file.0, &whole[..cut]).unwrap();
        let store = Store::new(FileStore::open(&file.0).unwrap());
        assert_eq!(store.head().await.unwrap().position.get(), 1, "cut at {cut}");
        let receipt = store.append(append("again")).await.unwrap();
        assert_eq!(receipt.version().get(), 2);
    }
}

#[test]
fn a_file_is_opened_once_at_a_time() {
    let file = Temporary::new();
    let _store = FileStore::open(&file.0).unwrap();
    assert!(FileStore::open(&file.0).is_err());
}
