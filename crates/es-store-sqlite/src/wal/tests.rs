//! The thread that carries the log over: what it is set to, what it does, when it ends.

use super::*;
use crate::{
    open::{self, Place},
    options::SqliteOptions,
};

fn pragma(connection: &Connection, name: &str) -> i64 {
    connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

fn opened(folder: &tempfile::TempDir) -> (Connection, Connection) {
    let (path, options) = (folder.path().join("log.db"), SqliteOptions::new());
    let (writer, _) = open::writer(&Place::File(path.clone()), &options).unwrap();
    (writer, open::carrier(&path, &options).unwrap())
}

#[test]
fn the_writer_no_longer_carries_the_log_over_in_its_commits() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, other) = opened(&folder);
    assert_eq!(pragma(&writer, "wal_autocheckpoint"), 1_000, "what SQLite does by itself");
    let carrier = Carrier::start(&mut writer, other).unwrap();
    assert_eq!(pragma(&writer, "wal_autocheckpoint"), 0);
    drop(carrier);
}

#[test]
fn both_bring_to_the_disk_what_a_commit_brings_there() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, other) = opened(&folder);
    for name in ["synchronous", "fullfsync", "checkpoint_fullfsync"] {
        assert_eq!(pragma(&other, name), pragma(&writer, name), "{name}");
        assert_ne!(pragma(&other, name), 0, "{name}");
    }
}

#[test]
fn the_thread_ends_with_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, other) = opened(&folder);
    let carrier = Carrier::start(&mut writer, other).unwrap();
    let shared = Arc::downgrade(&carrier.shared);
    drop(carrier);
    assert!(shared.upgrade().is_none(), "the thread has let go of what it shares");
}

/// Commits 25 pages after the other, and has the carrier see to each.
fn commit(writer: &Connection, carrier: &mut Carrier) -> u32 {
    let insert = "INSERT INTO much VALUES (zeroblob(100000))";
    writer.prepare_cached(insert).unwrap().execute([]).unwrap();
    carrier.committed(writer);
    carrier.pages.load(Ordering::Relaxed)
}

#[test]
fn what_the_thread_is_asked_for_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, other) = opened(&folder);
    let mut carrier = Carrier::start(&mut writer, other).unwrap();
    writer.execute_batch("CREATE TABLE much (x BLOB)").unwrap();
    let mut pages = 0;
    while carrier.shared.lock().found.is_none() {
        pages = commit(&writer, &mut carrier);
    }
    assert!(pages >= 500, "{pages}");
    // With nobody else on the file, all of it is in the file sooner or later.
    while commit(&writer, &mut carrier) >= pages {}
}

#[test]
fn without_its_thread_the_writer_begins_the_log_anew_at_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, other) = opened(&folder);
    let mut carrier = Carrier::start(&mut writer, other).unwrap();
    writer.execute_batch("CREATE TABLE much (x BLOB)").unwrap();
    carrier.shared.lock().is_closed = true;
    carrier.shared.changed.notify_one();
    carrier.thread.take().unwrap().join().unwrap();
    let mut longest = 0;
    loop {
        let pages = commit(&writer, &mut carrier);
        if pages < longest {
            break;
        }
        longest = pages;
        assert!(longest < 8_100, "{longest}");
    }
    assert!(longest >= 8_000, "{longest}");
}
