//! What errors say, what they know, and what they leave to their source.

use std::{collections::HashSet, error::Error as _, io};

use super::*;
use crate::{
    EventId, EventType, ExpectedVersion, Head, LogId, Position, Query, Schema, StreamId,
    SubscriberName, Tag, Tenant, Version,
};

#[test]
fn the_first_known_error_of_a_chain_says_whether_something_was_out_of_reach() {
    let io = |kind: io::ErrorKind| Box::new(io::Error::from(kind)) as BoxError;
    let ours = |kind| Box::new(Error::new(kind, "no")) as BoxError;
    for (error, is) in [
        (io(io::ErrorKind::ConnectionRefused), true),
        (io(io::ErrorKind::NetworkUnreachable), true),
        (io(io::ErrorKind::TimedOut), true),
        (io(io::ErrorKind::InvalidData), false),
        (ours(ErrorKind::Unavailable), true),
        (ours(ErrorKind::OutcomeUnknown), true),
        (ours(ErrorKind::Busy), false),
        (Box::new(Error::fault("no", io(io::ErrorKind::TimedOut))), false),
        (Box::new(io::Error::other(io(io::ErrorKind::TimedOut))), false),
        ("no".into(), false),
    ] {
        assert_eq!(is_out_of_reach(&*error), is, "{error:?}");
    }
    // What is not known is passed over.
    let wrapped = Wrapped(io(io::ErrorKind::HostUnreachable));
    assert!(is_out_of_reach(&wrapped));
    assert_eq!(says_out_of_reach(&wrapped), None);
}

/// A handler's own error around another.
#[derive(Debug, thiserror::Error)]
#[error("the handler failed")]
struct Wrapped(#[source] BoxError);

#[test]
fn display_never_repeats_its_source() {
    for error in every_kind() {
        let bare = error.to_string();
        let kind = error.kind();
        let error = error.with_source(io::Error::other("the disk is on fire"));
        assert_eq!(error.to_string(), bare);
        assert!(!bare.is_empty(), "{kind} says nothing");
        let source = error.source().expect("the source is kept");
        assert_eq!(source.to_string(), "the disk is on fire");
        assert!(format!("{error:?}").contains("the disk is on fire"), "{kind} hides its source");
        assert!(format!("{error:?}").contains(&bare), "{kind} hides its message");
    }
}

#[test]
fn an_error_without_a_source_has_none() {
    assert!(Error::new(ErrorKind::Busy, "full").source().is_none());
    assert!(!format!("{:?}", Error::new(ErrorKind::Busy, "full")).contains("source"));
}

#[test]
fn only_what_left_nothing_behind_is_temporary() {
    let temporary: Vec<_> =
        every_kind().into_iter().filter(Error::is_temporary).map(|error| error.kind()).collect();
    // Not `OutcomeUnknown`: something may have been written.
    assert_eq!(temporary, [ErrorKind::Busy, ErrorKind::Unavailable]);
}

#[test]
fn details_are_given_to_those_who_ask_for_their_kind_only() {
    for error in every_kind() {
        let asked = [
            (ErrorKind::Conflict, error.conflict().is_some()),
            (ErrorKind::ConditionFailed, error.condition_failed().is_some()),
            (ErrorKind::IdempotencyClash, error.idempotency_clash().is_some()),
            (ErrorKind::Invalid, error.invalid().is_some()),
            (ErrorKind::UnknownEvent, error.unknown_event_details().is_some()),
            (ErrorKind::Undecodable, error.undecodable_details().is_some()),
            (ErrorKind::LogDiverged, error.diverged().is_some()),
            (ErrorKind::Fenced, error.fenced().is_some()),
        ];
        for (kind, is_there) in asked {
            assert_eq!(is_there, kind == error.kind(), "{kind} of {}", error.kind());
        }
    }
}

#[test]
fn kinds_have_names_of_their_own() {
    let errors = every_kind();
    let names: HashSet<_> = errors.iter().map(|error| error.kind().to_string()).collect();
    assert_eq!(names.len(), errors.len());
}

#[test]
fn a_fault_keeps_what_it_came_from() {
    let fault = Error::fault("the index is torn", io::Error::other("bad checksum"));
    assert_eq!(fault.kind(), ErrorKind::Fault);
    assert_eq!(fault.to_string(), "the index is torn");
    assert_eq!(fault.source().unwrap().to_string(), "bad checksum");
}

#[test]
fn a_conflict_says_what_was_expected_and_what_is_there() {
    let conflict = |expected, actual| Error::from(Conflict::new(alice(), expected, actual));
    let two = Version::new(2).unwrap();
    let moved = conflict(ExpectedVersion::Exact(Version::FIRST), Some(two));
    assert_eq!(moved.to_string(), "stream account/alice is at version 2, not at version 1");
    let absent = conflict(ExpectedVersion::Exists, None).to_string();
    assert!(absent.contains("no events") && absent.contains("an existing stream"), "{absent}");
    assert_eq!(moved.conflict().unwrap().actual, Some(two));
}

#[test]
fn a_failed_condition_says_which_and_where() {
    let query = Query::tagged(Tag::new("course", "c1").unwrap());
    let failed = ConditionFailed::new(query, Position::new(3), Position::new(7));
    let text = Error::from(failed).to_string();
    for part in ["course:c1", "3", "7"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[test]
fn an_unknown_event_lists_what_is_known() {
    let found = Schema::from_static("account.closed", 2);
    let known = [Schema::from_static("account.opened", 1), Schema::from_static("a.b", 3)];
    let error = Error::unknown_event(&found, &known);
    let text = error.to_string();
    for part in ["account.closed", "2", "account.opened v1", "a.b v3"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let lonely = Error::unknown_event(&found, &[]).to_string();
    assert!(lonely.ends_with("known are: none"), "{lonely}");
}

#[test]
fn the_place_of_an_event_is_added_once_it_is_known() {
    let envelope = crate::Envelope::record(
        crate::NewEvent::raw(Schema::from_static("a", 1), crate::Payload::json(&1).unwrap()),
        alice(),
        Version::FIRST,
        Position::new(42),
        crate::Timestamp::EPOCH,
    );
    let unknown = Error::unknown_event(&envelope.schema, &[]);
    assert!(!unknown.to_string().contains("position"));
    let unknown = unknown.at_event(&envelope);
    assert_eq!(unknown.unknown_event_details().unwrap().position, Some(Position::new(42)));
    assert!(unknown.to_string().contains("at position 42"));
    let misfit = Error::undecodable(&envelope.schema, "expected a number").at_event(&envelope);
    let details = misfit.undecodable_details().unwrap();
    assert_eq!((details.position, details.event), (Some(envelope.position), Some(envelope.id)));
    assert!(misfit.to_string().contains("at position 42"));
    assert_eq!(misfit.source().unwrap().to_string(), "expected a number");
    let busy = Error::new(ErrorKind::Busy, "full").at_event(&envelope);
    assert_eq!(busy.to_string(), "full", "other errors are about no event");
}

#[test]
fn a_diverged_log_is_told_apart_by_how() {
    let (expected, found) = (LogId::generate(), LogId::generate());
    let replaced = Error::from(Diverged::Replaced { expected, found }).to_string();
    assert!(replaced.contains(&expected.to_string()) && replaced.contains(&found.to_string()));
    let head = Head::new(found, Position::new(5));
    let rolled_back = Error::from(Diverged::RolledBack { reader: Position::new(9), head });
    assert_eq!(rolled_back.kind(), ErrorKind::LogDiverged);
    let text = rolled_back.to_string();
    assert!(text.contains('9') && text.contains("ends at 5"), "{text}");
}

#[test]
fn invalid_input_is_named_with_its_value() {
    let tenant = |name| Some(Tenant::new(name).unwrap());
    let v = |number| Version::new(number).unwrap();
    let event = EventId::derived(uuid::Uuid::nil(), ["x"]);
    let id = event.to_string();
    let cases: [(Invalid, &[&str]); 14] = [
        (Invalid::EmptyName { what: "key" }, &["key"]),
        (Invalid::StreamName { text: "no slash".into() }, &["no slash", "category/key"]),
        (Invalid::Tag { text: "no colon".into() }, &["no colon", "name:value"]),
        (Invalid::EventId { text: "nope".into() }, &["nope", "UUID"]),
        (Invalid::Timestamp { text: "noon".into() }, &["noon", "RFC 3339"]),
        (Invalid::Version { number: 0 }, &["0", "from 1"]),
        (Invalid::EmptyAppend { stream: alice() }, &["account/alice", "require"]),
        (Invalid::StreamTwice { stream: alice() }, &["account/alice", "once"]),
        (Invalid::EventTwice { event }, &[&id]),
        (Invalid::TooMany { what: "events", count: 7, max: 6 }, &["7 events", "6"]),
        (Invalid::AppendTooLarge { size: 5_000_000 }, &["5000000", "4194304"]),
        (
            Invalid::TenantMismatch { stream: alice(), expected: tenant("acme"), found: None },
            &["account/alice", "no tenant", "tenant acme"],
        ),
        (
            Invalid::VersionGap { stream: alice(), expected: v(3), found: v(5) },
            &["account/alice", "3", "5"],
        ),
        (
            Invalid::DuplicateEventType {
                event_type: EventType::from_static("a.b"),
                first: "One",
                second: "Two",
                known: ["a.b", "c.d"].map(EventType::from_static).into(),
            },
            &["a.b", "One", "Two", "a.b, c.d"],
        ),
    ];
    for (invalid, parts) in cases {
        let text = Error::from(invalid).to_string();
        for part in parts {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
    }
}

#[test]
fn a_name_that_is_too_long_is_not_printed_whole() {
    let error = EventType::new("x".repeat(5_000)).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
    assert!(error.to_string().contains("5000"), "its length is said: {error}");
}

/// Results are moved about a lot; an error must not make them large.
#[test]
fn an_error_is_as_large_as_a_pointer() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

fn alice() -> StreamId {
    StreamId::new("account", "alice").unwrap()
}

/// An error of each kind, with its details where the kind has some.
fn every_kind() -> Vec<Error> {
    use ErrorKind as K;

    let schema = Schema::from_static("account.opened", 1);
    let (event, position) = (EventId::new(), Position::new(3));
    let mut errors = vec![
        Conflict::new(alice(), ExpectedVersion::NoStream, Some(Version::FIRST)).into(),
        ConditionFailed::new(Query::any(), Position::START, position).into(),
        IdempotencyClash::new(event, position).into(),
        Invalid::EmptyAppend { stream: alice() }.into(),
        Error::unknown_event(&schema, &[]),
        Error::undecodable(&schema, "expected a number"),
        Diverged::Rewritten { position, expected: event }.into(),
        Fenced::new(SubscriberName::from_static("orders"), 1, 2).into(),
    ];
    let plain = [
        K::OutcomeUnknown,
        K::Busy,
        K::Unavailable,
        K::Unsupported,
        K::NotFound,
        K::Closed,
        K::Fault,
    ];
    errors.extend(plain.map(|kind| Error::new(kind, "what happened")));
    errors
}
