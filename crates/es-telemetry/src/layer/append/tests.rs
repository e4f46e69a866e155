//! What is written by hand says what the formatter says.

use es_core::{Append, NewEvent, Payload, Schema, Version};

use super::*;

fn append(stream: StreamId, expected: ExpectedVersion) -> AppendRequest {
    let payload = Payload::json(&1).unwrap();
    let event = NewEvent::raw(Schema::from_static("opened", 1), payload);
    Append::to(stream, expected).event(event).build().unwrap()
}

#[test]
fn the_expected_version_is_said_as_everywhere_else() {
    for is in [
        ExpectedVersion::Any,
        ExpectedVersion::NoStream,
        ExpectedVersion::Exists,
        ExpectedVersion::Exact(Version::new(7).unwrap()),
        ExpectedVersion::Exact(Version::new(u64::MAX >> 1).unwrap()),
    ] {
        let append = append(StreamId::new("account", "alice").unwrap(), is);
        assert_eq!(expected(&append.streams()[0]), is.to_string());
    }
}

#[test]
fn a_stream_is_named_as_everywhere_else() {
    let plain = StreamId::new("account", "alice/1").unwrap();
    let tenant = Tenant::new("acme").unwrap();
    let scoped = plain.with_tenant(tenant);
    for stream in [plain, scoped] {
        assert_eq!(named(&stream), stream.to_string());
    }
}
