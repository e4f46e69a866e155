//! Which appends repeat others, which conditions hold, and what limits and clocks do.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use es_core::{
    Append, ErrorKind, EventStore, ExpectedVersion, NewEvent, Payload, Position, Query, Read,
    Result, Schema, Timestamp, Version,
};

use crate::{
    MemoryStore,
    sample::{add, append_to, collect, event, event_type, stream, tag, tenant, whole_log},
};

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

#[tokio::test]
async fn versions_and_positions_are_dense_over_several_streams() {
    let store = MemoryStore::new();
    add(&store, "a/1", [event("x", 0)]).await;
    let both = Append::to(stream("a/1"), ExpectedVersion::Exact(version(1)))
        .events([event("x", 1), event("y", 2)])
        .and(stream("b/1"), ExpectedVersion::NoStream)
        .event(event("x", 3));
    let receipt = store.append(both.build().unwrap()).await.unwrap();
    assert_eq!((receipt.first.get(), receipt.last.get()), (2, 4));
    assert!(!receipt.replayed);
    let versions = [(stream("a/1"), version(3)), (stream("b/1"), version(1))];
    assert_eq!(receipt.versions, versions);

    let log = whole_log(store.shared());
    let places: Vec<_> =
        log.iter().map(|e| (e.stream.to_string(), e.version.get(), e.position.get())).collect();
    let expected = [("a/1", 1, 1), ("a/1", 2, 2), ("a/1", 3, 3), ("b/1", 1, 4)];
    let expected = expected.map(|(name, version, position)| (name.to_owned(), version, position));
    assert_eq!(places, expected);
}

#[tokio::test]
async fn every_expectation_is_checked_against_the_truth() {
    let store = MemoryStore::new();
    add(&store, "a/1", [event("x", 0), event("x", 1)]).await;
    let expectations = [
        (ExpectedVersion::Any, true, true),
        (ExpectedVersion::NoStream, false, true),
        (ExpectedVersion::Exists, true, false),
        (ExpectedVersion::Exact(version(1)), false, false),
        (ExpectedVersion::Exact(version(2)), true, false),
        (ExpectedVersion::Exact(version(3)), false, false),
    ];
    for (expected, if_there, if_absent) in expectations {
        for (name, actual, holds) in
            [("a/1", Some(version(2)), if_there), ("a/none", None, if_absent)]
        {
            // As a demand, so that nothing changes what the next round finds but the head.
            let append = Append::to(stream("log/1"), ExpectedVersion::Any)
                .event(event("x", 2))
                .require(stream(name), expected);
            let before = store.head().await.unwrap().position.get();
            let result = store.append(append.build().unwrap()).await;
            let after = store.head().await.unwrap().position.get();
            if holds {
                assert_eq!(result.unwrap().first.get(), after);
                continue;
            }
            let error = result.unwrap_err();
            let conflict = error.conflict().unwrap();
            assert_eq!(conflict.stream, stream(name));
            assert_eq!((conflict.expected, conflict.actual), (expected, actual));
            assert_eq!(before, after, "a conflict wrote something");
        }
    }
}

#[tokio::test]
async fn a_conflict_in_one_stream_writes_nothing_to_the_others() {
    let store = MemoryStore::new();
    let append = Append::to(stream("a/1"), ExpectedVersion::NoStream)
        .event(event("x", 0).with_tag(tag("t:1")))
        .and(stream("a/2"), ExpectedVersion::Exists)
        .event(event("x", 1));
    let error = store.append(append.build().unwrap()).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().stream, stream("a/2"));
    assert!(collect(&store, Read::all()).await.unwrap().is_empty());
    assert!(store.shared().index.streams.get(&stream("a/1")).is_none());
}

/// The events of one earlier append, in the middle of others.
async fn with_history(store: &MemoryStore) -> [NewEvent; 3] {
    let events = [event("x", 1), event("y", 2), event("x", 3)];
    let events = events.map(|event| event.with_tag(tag("t:1")));
    add(store, "a/1", [event("x", 0)]).await;
    let [one, two, three] = events.clone();
    let append = Append::to(stream("a/1"), ExpectedVersion::Exact(version(1)))
        .events([one, two])
        .and(stream("a/2"), ExpectedVersion::NoStream)
        .event(three);
    store.append(append.build().unwrap()).await.unwrap();
    add(store, "a/1", [event("x", 9)]).await;
    events
}

#[tokio::test]
async fn the_same_append_again_is_answered_with_the_first_receipt() {
    let store = MemoryStore::new();
    let [one, two, three] = with_history(&store).await;
    // What it expects holds no longer, and its metadata is another.
    let again = Append::to(stream("a/1"), ExpectedVersion::NoStream)
        .events([one.clone(), two.clone()])
        .and(stream("a/2"), ExpectedVersion::NoStream)
        .event(three.clone())
        .require(stream("a/3"), ExpectedVersion::Exists)
        .unless(Query::any(), Position::START)
        .with_metadata(es_core::Metadata::new().with_actor("retry"));
    let receipt = store.append(again.build().unwrap()).await.unwrap();
    assert!(receipt.replayed);
    assert_eq!((receipt.first.get(), receipt.last.get()), (2, 4));
    let versions = [(stream("a/1"), version(3)), (stream("a/2"), version(1))];
    assert_eq!(receipt.versions, versions);
    let log = whole_log(store.shared());
    assert_eq!(receipt.recorded_at, log[1].recorded_at);
    assert_eq!(log.len(), 5);
}

#[tokio::test]
async fn whatever_only_resembles_an_earlier_append_clashes() {
    let store = MemoryStore::new();
    let [one, two, three] = with_history(&store).await;
    let other_payload = NewEvent::raw(two.schema.clone(), Payload::json(&7).unwrap())
        .with_id(two.id)
        .with_tags(two.tags.clone());
    let other_schema = NewEvent::raw(Schema::new(event_type("y"), 2), two.payload.clone())
        .with_id(two.id)
        .with_tags(two.tags.clone());
    let other_tags = two.clone().with_tag(tag("t:2"));
    let new = || event("x", 8);
    let (a1, a2) = (|| stream("a/1"), || stream("a/2"));
    let to = |name| Append::to(name, ExpectedVersion::Any);
    let any = ExpectedVersion::Any;
    let [e1, e2, e3] = [&one, &two, &three].map(|event| move || event.clone());

    let clashes = [
        ("part", to(a1()).events([e1(), e2()]), &one, 2),
        ("end", to(a2()).event(e3()), &three, 4),
        ("one event", to(a1()).event(e2()), &two, 3),
        ("more", to(a1()).events([e1(), e2()]).and(a2(), any).events([e3(), new()]), &one, 2),
        ("more before", to(a1()).events([new(), e1(), e2()]).and(a2(), any).event(e3()), &one, 2),
        ("order of events", to(a1()).events([e2(), e1()]).and(a2(), any).event(e3()), &two, 3),
        ("order of streams", to(a2()).event(e3()).and(a1(), any).events([e1(), e2()]), &three, 4),
        ("one stream", to(a1()).events([e1(), e2(), e3()]), &one, 2),
        (
            "other stream",
            to(a1()).events([e1(), e2()]).and(stream("a/3"), any).event(e3()),
            &one,
            2,
        ),
        (
            "other payload",
            to(a1()).events([e1(), other_payload]).and(a2(), any).event(e3()),
            &two,
            3,
        ),
        ("other schema", to(a1()).events([e1(), other_schema]).and(a2(), any).event(e3()), &two, 3),
        ("other tags", to(a1()).events([e1(), other_tags]).and(a2(), any).event(e3()), &two, 3),
        ("known behind new", to(a1()).events([new(), e2()]), &two, 3),
        // It would be a conflict too, but the clash comes first.
        ("conflict", Append::to(a1(), ExpectedVersion::NoStream).event(e1()), &one, 2),
    ];
    for (what, append, known, position) in clashes {
        let error = store.append(append.build().unwrap()).await.expect_err(what);
        let clash = error.idempotency_clash().unwrap_or_else(|| panic!("{what}: {error}"));
        assert_eq!((clash.event, clash.position.get()), (known.id, position), "{what}");
    }
    assert_eq!(store.head().await.unwrap().position.get(), 5);
}

#[tokio::test]
async fn a_tenants_stream_is_another_stream() {
    let store = MemoryStore::new();
    let one = event("x", 1);
    add(&store, "a/1", [one.clone()]).await;
    let error = store.append(append_to("t@a/1", [one])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IdempotencyClash);
    let receipt = add(&store, "t@a/1", [event("x", 1)]).await;
    assert_eq!(receipt.version(), Version::FIRST);
}

/// A log of several tenants, types and tags.
async fn mixed_log(random: &mut fastrand::Rng, events: u64) -> MemoryStore {
    let store = MemoryStore::new();
    for content in 0..events {
        let name = random.choice(["a/1", "a/2", "b/1", "t@a/1", "u@b/2"]).unwrap();
        let name_of_type = random.choice(["x", "y", "z"]).unwrap();
        let mut event = event(name_of_type, content);
        for _ in 0..random.usize(0..3) {
            event = event.with_tag(tag(&format!("t:{}", random.u8(0..8))));
        }
        add(&store, name, [event]).await;
    }
    store
}

fn any_query(random: &mut fastrand::Rng) -> Query {
    let mut query = Query::any();
    if random.bool() {
        let count = random.usize(0..3);
        query = query.of_types((0..count).map(|n| event_type(["x", "nope", "z"][n])));
    }
    for _ in 0..random.usize(0..3) {
        query = query.and_tagged(tag(&format!("t:{}", random.u8(0..9))));
    }
    query
}

#[tokio::test]
async fn conditions_hold_exactly_if_nothing_matches() {
    let mut random = fastrand::Rng::with_seed(7);
    let store = mixed_log(&mut random, 120).await;
    let (mut held, mut failed) = (0, 0);
    for content in 0..2000 {
        let mut query = any_query(&mut random);
        if random.bool() {
            query = query.or(any_query(&mut random));
        }
        let log = whole_log(store.shared());
        let after = Position::new(random.u64(0..log.len() as u64 + 3));
        let writer = random.choice(["a/1", "t@a/1", "w@a/1"]).unwrap();
        let append = Append::to(stream(writer), ExpectedVersion::Any)
            .event(event("w", content))
            .unless(query.clone(), after);
        let found = log.iter().rev().find(|e| {
            e.position > after
                && e.tenant() == stream(writer).tenant()
                && query.matches(&e.schema, &e.tags)
        });
        match (store.append(append.build().unwrap()).await, found) {
            (Ok(_), None) => held += 1,
            (Err(error), Some(found)) => {
                let condition = error.condition_failed().unwrap();
                assert_eq!(condition.found, found.position);
                assert_eq!((&condition.query, condition.after), (&query, after));
                failed += 1;
            }
            (result, found) => panic!("{query} after {after}: {result:?}, but {found:?}"),
        }
    }
    assert!(held > 200 && failed > 200, "{held} held, {failed} failed");
}

#[tokio::test]
async fn a_condition_sees_what_was_appended_since_it_was_first_looked_at() {
    let store = MemoryStore::new();
    let request = |content| {
        Append::to(stream("a/1"), ExpectedVersion::Any)
            .event(event("x", content).with_tag(tag("seat:1")))
            .unless(Query::tagged(tag("seat:1")), Position::START)
            .build()
            .unwrap()
    };
    let shared = store.shared();
    let late = request(0);
    let mut conditions = super::Condition::all_of(&late);
    for condition in &mut conditions {
        condition.look_ahead(shared, &super::Deadline::of(&late)).await.unwrap();
    }
    let winner = store.append(request(1)).await.unwrap();
    let mut draft = super::Draft::new(shared, late);
    let error = super::commit(shared, &mut draft, &mut conditions).unwrap_err();
    assert_eq!(error.condition_failed().unwrap().found, winner.last);
}

#[tokio::test]
async fn versions_are_checked_before_conditions_and_written_streams_before_others() {
    let store = MemoryStore::new();
    add(&store, "a/1", [event("x", 0)]).await;
    let append = || Append::to(stream("a/1"), ExpectedVersion::NoStream).event(event("x", 1));
    let all = append()
        .require(stream("a/2"), ExpectedVersion::Exists)
        .unless(Query::any(), Position::START);
    let error = store.append(all.build().unwrap()).await.unwrap_err();
    assert_eq!(error.conflict().unwrap().stream, stream("a/1"));
    let two = append().unless(Query::any(), Position::START);
    let error = store.append(two.build().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_full_store_refuses_and_writes_nothing() {
    let store = MemoryStore::with_room(3);
    let first = append_to("a/1", [event("x", 0), event("x", 1)]);
    store.append(first.clone()).await.unwrap();
    let error = store.append(append_to("a/1", [event("x", 2), event("x", 3)])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault);
    assert!(error.to_string().contains("at most 3 events"), "{error}");
    assert_eq!(store.head().await.unwrap().position.get(), 2);
    add(&store, "a/1", [event("x", 4)]).await;
    assert!(store.append(append_to("a/1", [event("x", 5)])).await.is_err());
    assert!(store.append(first).await.unwrap().replayed, "it is there");
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_turn_the_log_back() {
    let hand = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&hand);
    let store =
        MemoryStore::with_clock(move || Timestamp::from_seconds(clock.load(Ordering::SeqCst)));
    let mut recorded = Vec::new();
    for seconds in [-5, 10, 10, 3, 9, 11] {
        hand.store(seconds, Ordering::SeqCst);
        let receipt = add(&store, "a/1", [event("x", 0)]).await;
        recorded.push(receipt.recorded_at);
    }
    assert_eq!(recorded, [-5, 10, 10, 10, 10, 11].map(Timestamp::from_seconds));
    let read = Read::all().recorded_since(Timestamp::from_seconds(10));
    assert_eq!(collect(&store, read).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_deadline_that_is_over_is_busy_and_writes_nothing() -> Result<()> {
    let store = MemoryStore::new();
    let append = Append::to(stream("a/1"), ExpectedVersion::Any).event(event("x", 0));
    let late = append.deadline(std::time::Duration::ZERO).build()?;
    let error = store.append(late).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(store.head().await?.position, Position::START);
    Ok(())
}

#[tokio::test]
async fn a_repeated_append_is_answered_though_its_deadline_is_over() -> Result<()> {
    let store = MemoryStore::new();
    let (one, other) = (event("x", 0), event("x", 1));
    let append = |event: &NewEvent| {
        let condition = Query::any().of_types([event_type("x")]);
        let append = Append::to(stream("a/1"), ExpectedVersion::NoStream).event(event.clone());
        append.unless(condition, Position::START)
    };
    let first = store.append(append(&one).build()?).await?;
    let late = std::time::Duration::ZERO;
    let again = store.append(append(&one).deadline(late).build()?).await?;
    assert_eq!(again, first.as_replay());
    // The same id with other content.
    let clash = append(&other.with_id(one.id)).deadline(late).build()?;
    let error = store.append(clash).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IdempotencyClash);
    Ok(())
}

#[tokio::test]
async fn events_of_a_stream_share_one_copy_of_its_name() {
    let store = MemoryStore::new();
    for content in 0..3 {
        add(&store, "t@a/1", [event("x", content)]).await;
    }
    let streams = &store.shared().index.streams;
    let slot = streams.slot(stream("t@a/1"));
    let log = whole_log(store.shared());
    let key = |name: &es_core::StreamId| name.key().as_str().as_ptr();
    assert!(log.iter().all(|e| key(&e.stream) == key(&slot.key)));
    assert_eq!(log[0].tenant(), Some(&tenant("t")));
}
