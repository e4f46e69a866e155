//! Batches that can go behind a known position, and those that cannot.

use es_core::{
    Append, AppendRequest, EventType, ExpectedVersion, NewEvent, Payload, Position, Query, Schema,
    StreamId, Version,
};
use uuid::Uuid;

use super::{Batch, Behind};

const ANY: ExpectedVersion = ExpectedVersion::Any;
const NONE: ExpectedVersion = ExpectedVersion::NoStream;
const SOME: ExpectedVersion = ExpectedVersion::Exists;

fn exact(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(Version::new(version).unwrap())
}

fn append(stream: &str, expected: ExpectedVersion, count: usize) -> Append {
    let event = || NewEvent::raw(Schema::from_static("opened", 1), Payload::json(&1).unwrap());
    let stream = StreamId::new("account", stream).unwrap();
    Append::to(stream, expected).events((0..count).map(|_| event()))
}

/// What the statement is asked for, if it is.
fn behind(appends: impl IntoIterator<Item = Append>, careful: bool) -> Option<Behind> {
    let requests: Vec<AppendRequest> = appends.into_iter().map(|it| it.build().unwrap()).collect();
    let mut batch = Batch::new(Uuid::nil(), careful);
    requests.iter().for_each(|request| batch.push(request, &[]).unwrap());
    Behind::of(&batch, 100)
}

#[test]
fn events_are_counted_over_the_batch_and_by_stream() {
    let batch = [append("a", exact(5), 2), append("b", NONE, 1), append("a", exact(7), 3)];
    let behind = behind(batch, false).unwrap();
    assert_eq!(behind.expected, [5, 0]);
    assert_eq!(behind.place, [1, 2, 3, 4, 5, 6]);
    assert_eq!(behind.number, [1, 1, 2, 1, 1, 1]);
    assert_eq!(behind.version, [1, 2, 1, 3, 4, 5]);
    assert_eq!(behind.before, [(0, 0), (2, 0), (3, 2)]);
}

#[test]
fn what_the_second_append_of_a_stream_expects_has_to_follow_from_the_first() {
    for (first, second, is_taken) in [
        (exact(5), exact(7), true),
        (exact(5), ANY, true),
        (exact(5), SOME, true),
        (NONE, exact(2), true),
        (NONE, SOME, true),
        (ANY, ANY, true),
        (ANY, SOME, true),
        (SOME, ANY, true),
        (exact(5), exact(5), false),
        (exact(5), exact(6), false),
        (exact(5), NONE, false),
        (NONE, NONE, false),
        (ANY, exact(2), false),
        (ANY, NONE, false),
        (SOME, exact(2), false),
    ] {
        let taken = behind([append("a", first, 2), append("a", second, 1)], false);
        assert_eq!(taken.is_some(), is_taken, "{first:?}, then {second:?}");
    }
}

#[test]
fn conditions_looks_and_care_need_the_lock() {
    let other = || StreamId::new("account", "b").unwrap();
    let query = Query::any().of_types([EventType::from_static("opened")]);
    assert!(behind([append("a", ANY, 1).unless(query, Position::START)], false).is_none());
    assert!(behind([append("a", ANY, 1).require(other(), NONE)], false).is_none());
    assert!(behind([append("a", ANY, 1)], true).is_none());
    assert!(behind([append("a", ANY, 1)], false).is_some());
}
