//! What the clock shows, and to whom.

use std::time::Duration;

use es_core::Timestamp;

use super::ManualClock;

#[test]
fn it_moves_when_it_is_told_to() {
    let clock = ManualClock::at(Timestamp::from_seconds(10));
    assert_eq!(clock.now(), Timestamp::from_seconds(10));
    assert_eq!(clock.advance(Duration::from_secs(5)), Timestamp::from_seconds(15));
    assert_eq!(clock.now(), Timestamp::from_seconds(15));
    clock.set(Timestamp::from_seconds(3));
    assert_eq!(clock.now(), Timestamp::from_seconds(3));
}

#[test]
fn clones_and_sources_show_the_same_time() {
    let clock = ManualClock::at(Timestamp::EPOCH);
    let (clone, source) = (clock.clone(), clock.source());
    clone.advance(Duration::from_micros(7));
    assert_eq!(clock.now(), Timestamp::from_micros(7));
    assert_eq!(source(), Timestamp::from_micros(7));
}

#[test]
fn it_stops_at_the_end_of_time() {
    let clock = ManualClock::at(Timestamp::from_micros(i64::MAX - 1));
    assert_eq!(clock.advance(Duration::MAX), Timestamp::from_micros(i64::MAX));
}
