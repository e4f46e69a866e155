//! What is no log of ours is refused, and stays as it was.

use std::{fs, path::Path, time::Duration};

use es_core::{Append, ErrorKind, ExpectedVersion, Read, Store};
use es_store_sqlite::{
    SqliteOptions, SqliteReadModel, SqliteSnapshotStore, SqliteStore, Synchronous,
};
use rusqlite::Connection;

use crate::child;

async fn refused(file: &Path, kind: ErrorKind) {
    let before = fs::read(file).ok();
    let error = SqliteStore::open(file).await.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(kind != ErrorKind::Invalid || error.to_string().contains(name), "{error}");
    assert_eq!(fs::read(file).ok(), before, "the file changed");
}

#[tokio::test]
async fn what_is_not_a_log_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);

    fs::write(file("notes.txt"), "Dear diary, ".repeat(500)).unwrap();
    refused(&file("notes.txt"), ErrorKind::Invalid).await;

    let foreign = Connection::open(file("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
    drop(foreign);
    refused(&file("foreign.db"), ErrorKind::Invalid).await;

    refused(folder.path(), ErrorKind::Unavailable).await;
    refused(&file("missing/log.db"), ErrorKind::Unavailable).await;
    assert!(!file("missing").exists());
}

#[tokio::test]
async fn a_path_with_a_nul_byte_is_no_name_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path().join("log\0.db")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert!(error.to_string().contains("log\\0.db"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    drop(SqliteStore::open(&file).await.unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    refused(&file, ErrorKind::Unsupported).await;
}

#[tokio::test]
async fn an_altered_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    drop(SqliteStore::open(&file).await.unwrap());
    let connection = Connection::open(&file).unwrap();
    connection.execute("UPDATE es_migrations SET checksum = zeroblob(16)", []).unwrap();
    drop(connection);
    let error = SqliteStore::open(&file).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
}

#[tokio::test]
async fn durability_is_what_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    for (synchronous, survives) in [(Synchronous::Full, true), (Synchronous::Normal, false)] {
        let options = SqliteOptions::new().with_synchronous(synchronous);
        let store = Store::new(SqliteStore::open_with(&file, options).await.unwrap());
        assert_eq!(store.durability().await.unwrap().survives_power_loss, survives);
    }
}

#[tokio::test]
async fn what_is_more_than_ever_comes_is_as_good_as_no_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    for patience in [Duration::from_secs(30 * 86_400), Duration::MAX] {
        let options = SqliteOptions::new().with_busy_timeout(patience);
        let options = options.with_queue(usize::MAX).unwrap();
        let store = SqliteStore::open_with(&file, options.clone()).await.unwrap();
        let append = Append::to(child::stream(0), ExpectedVersion::Any).event(child::event("x"));
        Store::new(store.clone()).append(append.deadline(patience)).await.unwrap();
        let copy = folder.path().join("copy.db");
        store.backup(&copy).await.unwrap();
        fs::remove_file(copy).unwrap();
        drop(SqliteReadModel::open_with(&file, options.clone()).await.unwrap());
        drop(SqliteSnapshotStore::open_with(&file, options).await.unwrap());
    }
}

#[tokio::test]
async fn a_damaged_page_ends_a_read_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    for _ in 0..20 {
        let events = (0..100).map(|_| child::event(&"x".repeat(100)));
        store
            .append(Append::to(child::stream(0), ExpectedVersion::Any).events(events))
            .await
            .unwrap();
    }
    drop(store); // the last connection moves everything into the file

    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 16 * 4096].fill(0xa5);
    fs::write(&file, bytes).unwrap();

    let store = Store::new(SqliteStore::open(&file).await.unwrap());
    let error = store.read(Read::all()).into_vec().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault, "{error:?}");
}
