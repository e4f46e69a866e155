//! Each message counts once, with its transaction or not at all.

use std::time::Duration;

use es_core::{
    Arrival, Envelope, ErrorKind, NewEvent, Part, Payload, Position, Schema, StreamId,
    SubscriberName, Timestamp, Version,
};
use rusqlite::Connection;

use super::SqliteInbox;

fn event() -> Envelope {
    let new = NewEvent::raw(Schema::from_static("placed", 1), Payload::json(&1).unwrap());
    let (stream, version) = (StreamId::new("order", "1").unwrap(), Version::new(1).unwrap());
    Envelope::record(new, stream, version, Position::new(1), Timestamp::now())
}

fn inbox(name: &'static str, keep: Duration) -> SqliteInbox {
    SqliteInbox::new(SubscriberName::from_static(name), keep)
}

fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    SqliteInbox::create(&db).unwrap();
    SqliteInbox::create(&db).unwrap();
    db
}

#[test]
fn a_message_is_first_once_per_handler_and_part() {
    let mut db = database();
    let (one, two) = (inbox("one", Duration::MAX), inbox("two", Duration::MAX));
    let event = event();
    let tx = db.transaction().unwrap();
    assert_eq!(one.accept(&tx, &event).unwrap(), Arrival::First);
    assert_eq!(one.accept(&tx, &event).unwrap(), Arrival::Again);
    assert_eq!(two.accept(&tx, &event).unwrap(), Arrival::First);
    tx.commit().unwrap();
    let mut part = event.clone();
    part.part = Part::Split { index: 1, of: 2, last: true };
    let tx = db.transaction().unwrap();
    assert_eq!(one.accept(&tx, &event).unwrap(), Arrival::Again);
    assert_eq!(one.accept(&tx, &part).unwrap(), Arrival::First);
}

#[test]
fn what_is_rolled_back_was_never_here() {
    let mut db = database();
    let (inbox, event) = (inbox("one", Duration::MAX), event());
    let tx = db.transaction().unwrap();
    assert!(inbox.accept(&tx, &event).unwrap().is_first());
    drop(tx);
    let tx = db.transaction().unwrap();
    assert!(inbox.accept(&tx, &event).unwrap().is_first());
}

#[test]
fn without_a_transaction_it_is_refused() {
    let db = database();
    let error = inbox("one", Duration::MAX).accept(&db, &event()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn the_old_is_forgotten_by_the_way() {
    let mut db = database();
    let (forgetful, other) = (inbox("one", Duration::ZERO), inbox("two", Duration::MAX));
    for _ in 0..100 {
        let tx = db.transaction().unwrap();
        let _ = forgetful.accept(&tx, &event()).unwrap();
        let _ = other.accept(&tx, &event()).unwrap();
        tx.commit().unwrap();
    }
    let count = |name: &str| -> i64 {
        let sql = "SELECT count(*) FROM es_inbox WHERE subscriber = ?1";
        db.query_row(sql, [name], |row| row.get(0)).unwrap()
    };
    assert!(count("one") < 10, "{} are kept", count("one"));
    assert_eq!(count("two"), 100);
}
