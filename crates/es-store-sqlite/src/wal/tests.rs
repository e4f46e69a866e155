//! The thread that carries the log over: what it is set to, what it does, when it ends.

use std::cell::Cell;

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
fn what_else_is_in_the_file_leaves_it_to_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _other) = opened(&folder);
    let beside = |file: &str| {
        let place = Place::File(folder.path().join(file));
        open::beside(&place, &open::PROGRESS, &SqliteOptions::new()).unwrap()
    };
    assert_eq!(pragma(&beside("rows.db"), "wal_autocheckpoint"), 1_000, "a file of its own");
    let model = beside("log.db");
    assert_eq!(pragma(&model, "wal_autocheckpoint"), i64::from(FOR_OTHERS));
    drop(writer);
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
    if carrier.committed() {
        carrier.finish(writer);
    }
    carrier.pages.load(Ordering::Relaxed)
}

/// Commits until it is done; gives how long the log is then.
fn commit_until(
    writer: &Connection,
    carrier: &mut Carrier,
    is_done: impl Fn(&Carrier, u32) -> bool,
) -> u32 {
    for _ in 0..1_000 {
        let pages = commit(writer, carrier);
        if is_done(carrier, pages) {
            return pages;
        }
    }
    panic!("a thousand commits, and the log is as it was");
}

#[test]
fn what_the_thread_is_asked_for_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, other) = opened(&folder);
    let mut carrier = Carrier::start(&mut writer, other).unwrap();
    writer.execute_batch("CREATE TABLE much (x BLOB)").unwrap();
    let pages = commit_until(&writer, &mut carrier, |it, _| it.shared.lock().found.is_some());
    assert!(pages >= 500, "{pages}");
    // With nobody else on the file, all of it is in the file sooner or later.
    commit_until(&writer, &mut carrier, |_, now| now < pages);
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
    let longest = Cell::new(0);
    commit_until(&writer, &mut carrier, |_, pages| {
        let is_anew = pages < longest.get();
        longest.set(pages.max(longest.get()));
        is_anew
    });
    assert!((8_000..8_100).contains(&longest.get()), "{}", longest.get());
}
