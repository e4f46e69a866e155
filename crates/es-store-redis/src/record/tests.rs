//! What a record gives back, and that no bytes make it panic.

use bytes::{BufMut, Bytes, BytesMut};
use es_core::{Envelope, FoldEvent, Position, StreamId, Timestamp, Version};
use es_testkit::strategies;
use proptest::prelude::*;

use super::{Decoder, encode};

fn stamped(position: u64, time: u64, record: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u64(position);
    bytes.put_u64(time);
    bytes.put_slice(record);
    bytes.freeze()
}

proptest! {
    #[test]
    fn an_event_comes_back(event in strategies::new_event(), at in 1_u64..1 << 40) {
        let stream = StreamId::new("account", "alice").unwrap();
        let mut event = event;
        event.metadata = event.metadata.with_correlation_id(event.id.as_uuid());
        let record = stamped(at, 7, &encode(&event).unwrap());
        let back = Decoder::default().event(record, &stream, Version::FIRST).unwrap();
        let time = Timestamp::from_micros(7);
        let expected = Envelope::record(event, stream, Version::FIRST, Position::new(at), time);
        prop_assert_eq!(&**back.envelope(), &expected);
    }

    #[test]
    fn a_fold_is_given_what_the_event_has(event in strategies::new_event(), at in 1_u64..1 << 40) {
        let stream = StreamId::new("account", "alice").unwrap();
        let record = stamped(at, 7, &encode(&event).unwrap());
        let mut decoder = Decoder::default();
        let whole = decoder.event(record.clone(), &stream, Version::FIRST).unwrap();
        let bare = decoder.bare(record, Version::FIRST).unwrap();
        let mut expected = FoldEvent::from(&whole);
        expected.stream = None;
        prop_assert_eq!(FoldEvent::from(&bare), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let stream = StreamId::new("account", "alice").unwrap();
        let mut decoder = Decoder::default();
        let _ = decoder.event(Bytes::from(bytes.clone()), &stream, Version::FIRST);
        let _ = decoder.event(stamped(1, 1, &bytes), &stream, Version::FIRST);
        let _ = decoder.bare(Bytes::from(bytes.clone()), Version::FIRST);
        let _ = decoder.bare(stamped(1, 1, &bytes), Version::FIRST);
    }
}
