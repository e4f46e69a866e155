//! Tests of the form of dead letters.

use es_core::{DeadLetter, EventId, Position, StreamId, SubscriberName};

use super::{behind, letter, place, reason, record};

#[test]
fn a_letter_comes_back_with_its_reason() {
    let name = SubscriberName::from_static("orders");
    let stream = StreamId::new("account", "a").unwrap();
    let event = EventId::new();
    let parked = DeadLetter::waiting(name.clone(), Position::new(u64::MAX), event, stream)
        .failed("why\0 'not'\n", 3);
    let mut bytes = (place(parked.position) + &record(&parked).unwrap()).into_bytes();
    assert_eq!(letter(&name, &bytes).unwrap(), (parked.clone(), String::new()));
    bytes.extend(reason("given\0up"));
    assert_eq!(letter(&name, &bytes).unwrap(), (parked, "given\0up".to_owned()));
}

#[test]
fn the_order_of_bytes_is_that_of_positions() {
    let positions = [0, 9, 10, 255, 256, 1 << 53, u64::MAX];
    let places = positions.map(|position| place(Position::new(position)) + "{");
    assert!(places.is_sorted());
    for (position, own) in positions.iter().zip(&places) {
        let bound = behind(Position::new(*position));
        assert!(own.as_bytes() < &bound[1..], "it is behind itself");
    }
}

#[test]
fn what_is_no_letter_is_a_fault() {
    let name = SubscriberName::from_static("orders");
    for bytes in [&b""[..], b"short", b"zzzzzzzzzzzzzzzz{}", b"0000000000000001{}", &[0xff; 40]] {
        assert!(letter(&name, bytes).is_err(), "{bytes:?}");
    }
}
