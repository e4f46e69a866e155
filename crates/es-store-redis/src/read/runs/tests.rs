//! What becomes one run, and what is left out behind the end of a stream.

use es_core::{NewEvent, Payload, Position, Recorded, Schema, StreamId};
use es_redis::Reply;

use super::{PIECE, Run, Runs, Taking};
use crate::record::encode;

fn stream(key: u32) -> StreamId {
    StreamId::new("account", key).unwrap()
}

fn gathered(runs: Runs) -> Vec<(StreamId, u64, u64)> {
    runs.into_vec().into_iter().map(|run| (run.stream, run.version, run.count)).collect()
}

#[test]
fn what_follows_in_a_stream_is_one_run_whatever_lies_between() {
    let mut runs = Runs::default();
    for (key, version, count) in [(1, 4, 2), (2, 1, 1), (1, 6, 3), (2, 2, 1), (1, 20, 1)] {
        runs.add(&stream(key), version, count);
    }
    assert_eq!(gathered(runs), [(stream(1), 4, 5), (stream(2), 1, 2), (stream(1), 20, 1)]);
}

#[test]
fn backwards_a_run_grows_at_its_beginning() {
    let mut runs = Runs::default();
    for (key, version, count) in [(1, 9, 1), (2, 3, 2), (1, 6, 3), (2, 2, 1)] {
        runs.add(&stream(key), version, count);
    }
    assert_eq!(gathered(runs), [(stream(1), 6, 4), (stream(2), 2, 3)]);
}

/// A reply with records from a version on.
fn reply(versions: std::ops::Range<u64>) -> Reply {
    let event = NewEvent::raw(Schema::from_static("account.opened", 1), Payload::json("").unwrap());
    let record = encode(&event).unwrap();
    let records = versions.map(|version| {
        let mut bytes = version.to_be_bytes().to_vec();
        bytes.extend(7_u64.to_be_bytes());
        bytes.extend(&record);
        Reply::Bytes(bytes.into())
    });
    Reply::Array(records.collect())
}

/// What is made of the replies to three commands for one stream, and whether that is all.
fn taken(replies: Vec<Reply>) -> (Vec<Recorded>, bool) {
    let runs = [Run { stream: stream(1), version: 1, count: 3 * PIECE }];
    let mut taking = Taking::of(&runs);
    replies.into_iter().for_each(|reply| taking.take(&runs, reply).unwrap());
    (taking.events, !taking.is_short)
}

#[test]
fn what_was_appended_between_two_commands_is_not_taken_behind_a_hole() {
    // The first command saw an end; events came; the second saw those behind its beginning.
    for seen in [0, 1, PIECE - 1] {
        let late = reply(PIECE + 1..PIECE + 8);
        let (events, is_whole) = taken(vec![reply(1..seen + 1), late, reply(0..0)]);
        assert_eq!((events.len() as u64, is_whole), (seen, false));
    }
}

#[test]
fn all_pieces_of_a_run_are_one() {
    let full = |at: u64| reply(at * PIECE + 1..(at + 1) * PIECE + 1);
    let (events, is_whole) = taken(vec![full(0), full(1), reply(2 * PIECE + 1..2 * PIECE + 6)]);
    assert_eq!((events.len() as u64, is_whole), (2 * PIECE + 5, false));
    for (event, place) in events.iter().zip(1..) {
        assert_eq!((event.version.get(), event.position), (place, Position::new(place)));
    }
}

#[test]
fn each_reply_belongs_to_its_run_and_what_comes_behind_them_is_kept() {
    let run = |key, count| Run { stream: stream(key), version: 1, count };
    let runs = [run(1, PIECE + 1), run(2, 2)];
    let mut taking = Taking::<Recorded>::of(&runs);
    for reply in [reply(1..PIECE + 1), reply(PIECE + 1..PIECE + 2), reply(1..3), Reply::Int(7)] {
        taking.take(&runs, reply).unwrap();
    }
    let of_second = taking.events.iter().filter(|event| event.stream == stream(2)).count();
    assert_eq!((taking.events.len() as u64, of_second, taking.is_short), (PIECE + 3, 2, false));
    assert_eq!(taking.rest, [Reply::Int(7)]);
}
