//! What is found ahead, and that the writer searches only behind it.

use es_core::{Append, ErrorKind, EventType, ExpectedVersion, LogId, NewEvent, Payload, Query};
use es_core::{Schema, StreamId};

use super::*;
use crate::{
    append::decide::{Decider, Knowledge},
    open,
    open::Place,
    options::SqliteOptions,
};

const RARE: EventType = EventType::from_static("rare");

fn event(name: EventType) -> NewEvent {
    NewEvent::raw(Schema::new(name, 1), Payload::json(&1).unwrap())
}

/// An append that wants no rare event anywhere.
fn request(name: EventType) -> AppendRequest {
    let stream = StreamId::new("thing", "one").unwrap();
    let append = Append::to(stream, ExpectedVersion::Any).event(event(name));
    append.unless(Query::any().of_types([RARE]), Position::START).build().unwrap()
}

fn log() -> (Connection, LogId) {
    open::writer(&Place::Memory, &SqliteOptions::new()).unwrap()
}

#[test]
fn what_is_there_is_found_and_up_to_where_is_said() {
    let (connection, log) = log();
    let mut knowledge = Knowledge::default();
    let mut decider = Decider::new(&connection, log, &mut knowledge);
    let (common, mut names) = (EventType::from_static("common"), Names::default());
    decider.append(&request(common.clone()), &[]).unwrap();
    let wanted = request(common);
    let unless = wanted.unless().first().unwrap();
    let look = |names: &mut Names| looked(&connection, names, unless, None).unwrap();
    assert_eq!(look(&mut names), Looked { up_to: Position::new(1), found: None });
    decider.append(&request(RARE), &[]).unwrap();
    let found = Some(Position::new(2));
    assert_eq!(look(&mut names), Looked { up_to: Position::new(2), found });
}

#[test]
fn what_was_looked_at_before_is_not_looked_at_again() {
    let (connection, log) = log();
    let mut knowledge = Knowledge::default();
    let mut decider = Decider::new(&connection, log, &mut knowledge);
    decider.append(&request(RARE), &[]).unwrap();
    let up_to = Position::new(1);
    // As if nothing had been found there: the writer takes the word of who looked.
    let nothing = Looked { up_to, found: None };
    decider.append(&request(RARE), &[Some(nothing)]).unwrap();
    // But it looks at what came since.
    let error = decider.append(&request(RARE), &[Some(nothing)]).unwrap_err();
    assert_eq!(error.condition_failed().unwrap().found, Position::new(2));
    let error = decider.append(&request(RARE), &[None]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{error}");
}

#[test]
fn what_was_found_ahead_is_told_unless_there_is_a_later_one() {
    let (connection, log) = log();
    let mut knowledge = Knowledge::default();
    let mut decider = Decider::new(&connection, log, &mut knowledge);
    let common = EventType::from_static("common");
    decider.append(&request(common.clone()), &[]).unwrap();
    decider.append(&request(RARE), &[]).unwrap();
    let refused = |decider: &mut Decider<'_>, looked| {
        let error = decider.append(&request(common.clone()), &[Some(looked)]).unwrap_err();
        error.condition_failed().unwrap().found.get()
    };
    let found = Some(Position::new(1));
    let before = Looked { up_to: Position::new(1), found };
    assert_eq!(refused(&mut decider, before), 2);
    let both = Looked { up_to: Position::new(2), found };
    assert_eq!(refused(&mut decider, both), 1);
}
