//! What an append is checked against is what either handle has written.

use es_core::{Append, Conflict, ErrorKind, ExpectedVersion, Query, Read, Store};

use crate::{
    declined::{Need, declines},
    sample::{event, many, put, read, refused, stream, tag, to, version},
};

/// A conflict names the version that the other handle's append has left, although this one
/// has just written there itself.
pub async fn a_conflict_names_what_the_other_wrote([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) {
        return;
    }
    put(&one, "a", many(1)).await;
    put(&other, "a", many(2)).await;
    for expected in [ExpectedVersion::Exact(version(1)), ExpectedVersion::NoStream] {
        let error = refused(&one, to("a", expected).events(many(1)), ErrorKind::Conflict).await;
        let wanted = Conflict::new(stream("a"), expected, Some(version(3)));
        assert_eq!(error.conflict(), Some(&wanted));
    }
    let next = to("a", ExpectedVersion::Exact(version(3))).events(many(1));
    assert_eq!(one.append(next).await.unwrap().version(), version(4));
    let next = to("a", ExpectedVersion::Exact(version(4))).events(many(1));
    assert_eq!(other.append(next).await.unwrap().version(), version(5));
}

/// The two take turns at exact versions, and neither ever conflicts.
pub async fn exact_versions_in_turns_never_conflict(handles: [Store; 2]) {
    if declines(&handles[0], Need::Shared) {
        return;
    }
    let mut known = None;
    for round in 0..20 {
        let append = to("a", ExpectedVersion::exactly(known)).events(many(1 + round % 2));
        let receipt = handles[round / 2 % 2].append(append).await.expect("it is their turn");
        known = Some(receipt.version());
    }
    assert_eq!(known, Some(version(30)));
}

/// An append that is repeated through the other handle is answered by the first receipt,
/// and writes nothing: so a retry may go to another server.
pub async fn a_replay_is_known_to_the_other([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) {
        return;
    }
    for n in 1..=3 {
        let events = many(n);
        let append = || to(&format!("s{n}"), ExpectedVersion::NoStream).events(events.clone());
        let first = one.append(append()).await.unwrap();
        put(&other, &format!("s{n}"), many(1)).await;
        for store in [&other, &one] {
            let again = store.append(append()).await.expect("a repeated append succeeds");
            assert_eq!(again, first.clone().as_replay());
        }
        assert_eq!(read(&other, Read::stream(stream(&format!("s{n}")))).await.len(), n + 1);
    }
}

/// An event id that the other handle wrote, with other content, clashes.
pub async fn a_clash_is_known_to_the_other([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) {
        return;
    }
    let events = many(2);
    put(&one, "a", events.clone()).await;
    let other_content = event("another").with_id(events[0].id);
    for append in [
        to("a", ExpectedVersion::Any).event(other_content),
        to("b", ExpectedVersion::Any).events(events.clone()),
        to("a", ExpectedVersion::Any).event(events[1].clone()),
    ] {
        refused(&other, append, ErrorKind::IdempotencyClash).await;
    }
}

/// An `unless` condition sees what the other handle wrote.
pub async fn a_condition_sees_what_the_other_wrote([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) || declines(&one, Need::Conditions) {
        return;
    }
    let seen = put(&one, "a", many(1)).await.last;
    let reserve = |key: &str| {
        let query = Query::tagged(tag("seat", 1));
        to(key, ExpectedVersion::Any)
            .event(event("reserved").with_tag(tag("seat", 1)))
            .unless(query, seen)
    };
    let reserved = other.append(reserve("b")).await.unwrap();
    let error = refused(&one, reserve("c"), ErrorKind::ConditionFailed).await;
    let failed = error.condition_failed().expect("details of the condition");
    assert_eq!(failed.found, reserved.first);
}

/// A stream that an append requires is looked at as the other handle has left it.
pub async fn a_required_stream_is_as_the_other_left_it([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) || declines(&one, Need::MultiStream) {
        return;
    }
    let append = |key: &str| {
        Append::to(stream(key), ExpectedVersion::NoStream)
            .events(many(1))
            .require(stream("account"), ExpectedVersion::NoStream)
    };
    one.append(append("a")).await.unwrap();
    put(&other, "account", many(1)).await;
    refused(&one, append("b"), ErrorKind::Conflict).await;
}
