//! Where a batch is cut: never within a recorded event.

use es_core::{
    Envelope, NewEvent, Part, Payload, Position, Recorded, Schema, StreamId, Timestamp, Version,
};

use super::{middle, pieces};

/// One event for each position; equal positions are parts of one recorded event.
fn events(positions: &[u64]) -> Vec<Recorded> {
    let record = |position: &u64| {
        let event = NewEvent::raw(Schema::from_static("noted", 1), Payload::json(&1).unwrap());
        let stream = StreamId::new("note", 1).unwrap();
        let position = Position::new(*position);
        let mut envelope =
            Envelope::record(event, stream, Version::FIRST, position, Timestamp::EPOCH);
        envelope.part = Part::Whole;
        Recorded::from(envelope)
    };
    positions.iter().map(record).collect()
}

#[test]
fn a_batch_is_cut_between_recorded_events() {
    for positions in [&[1, 2, 3, 4][..], &[1, 1, 1, 2], &[1, 2, 2, 2], &[1, 1, 2, 2, 2, 2], &[1, 9]]
    {
        let events = events(positions);
        let cut = middle(&events).expect("there are two");
        assert!(cut > 0 && cut < events.len());
        assert_ne!(events[cut - 1].position, events[cut].position, "{positions:?} at {cut}");
    }
    assert_eq!(middle(&events(&[1])), None);
    assert_eq!(middle(&events(&[7, 7, 7])), None);
    assert_eq!(middle(&[]), None);
}

#[test]
fn pieces_cover_everything_once_and_are_about_as_large_as_asked() {
    let events = events(&[1, 2, 3, 3, 3, 4, 5, 6, 6]);
    assert_eq!(pieces(&events, 3), [0..5, 5..9]);
    assert_eq!(pieces(&events, 1), [0..1, 1..2, 2..5, 5..6, 6..7, 7..9]);
    assert_eq!(pieces(&events, usize::MAX).len(), 1);
    assert_eq!(pieces(&[], 3).len(), 0);
}
