//! That whatever is drawn is taken, and that the edges are among it.

use std::{collections::HashSet, hash::Hash};

use es_core::{
    Append, ExpectedVersion, Metadata, Position, Query, Read, Store, StreamId, Tags, limits,
};
use es_store_memory::MemoryStore;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{
    bytes_payload, category, event_id, event_type, expected_version, history, json_payload, key,
    large_payload, metadata, new_event, payload, query, read, stream_id, subscriber_name, tag,
    tags, tenant, tenant_scope, timestamp,
};

const DRAWS: usize = 2_000;

/// So many values, and for some of them what they shrink to.
fn draw<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    let mut drawn = Vec::new();
    for number in 0..DRAWS {
        let mut tree = strategy.new_tree(&mut runner).expect("nothing is filtered");
        drawn.push(tree.current());
        while number % 10 == 0 && tree.simplify() {
            drawn.push(tree.current());
        }
    }
    drawn
}

/// How many different ones there are.
fn kinds<T: Hash + Eq>(values: impl IntoIterator<Item = T>) -> usize {
    values.into_iter().collect::<HashSet<_>>().len()
}

/// The shortest and the longest, in bytes.
fn span<T: AsRef<str>>(names: &[T]) -> (usize, usize) {
    let lens = || names.iter().map(|name| name.as_ref().len());
    (lens().min().unwrap(), lens().max().unwrap())
}

#[test]
fn names_are_valid_up_to_their_limits() {
    // Each is checked when it is made, so that it is drawn at all is half of the test.
    assert_eq!(span(&draw(category())), (1, limits::MAX_CATEGORY_BYTES));
    assert_eq!(span(&draw(tenant())), (1, limits::MAX_TENANT_BYTES));
    assert_eq!(span(&draw(event_type())), (1, limits::MAX_EVENT_TYPE_BYTES));
    assert_eq!(span(&draw(key())), (1, limits::MAX_KEY_BYTES));
    let names = draw(subscriber_name());
    assert!(names.iter().any(|name| name.as_str().len() == limits::MAX_SUBSCRIBER_NAME_BYTES));
    let tags: Vec<_> = draw(tag()).iter().map(|tag| tag.as_str().to_owned()).collect();
    assert_eq!(span(&tags), (3, limits::MAX_TAG_BYTES));
}

#[test]
fn names_are_of_many_scripts_and_often_the_same() {
    let keys = draw(key());
    assert!(keys.iter().any(|key| !key.as_str().is_ascii()));
    assert!(keys.iter().any(|key| key.as_str().contains(['/', '%', '\''])));
    assert!(keys.iter().filter(|key| **key == "alice").count() > DRAWS / 50);
    let streams = draw(stream_id());
    assert!(streams.iter().any(|stream| stream.tenant().is_some()));
    for stream in streams {
        assert_eq!(stream.to_string().parse::<StreamId>().unwrap(), stream);
    }
}

#[test]
fn events_are_taken_by_an_append() {
    let mut tagged = 0;
    for (event, expected) in draw(new_event()).into_iter().zip(draw(expected_version())) {
        tagged = tagged.max(event.tags.len());
        let append = Append::to("account/a".parse().unwrap(), expected).event(event);
        append.build().unwrap();
    }
    assert_eq!(tagged, limits::MAX_TAGS_PER_EVENT);
}

#[test]
fn payloads_are_of_all_kinds() {
    let payloads = draw(payload());
    assert!(payloads.iter().any(|payload| payload.bytes().is_empty()));
    assert!(payloads.iter().any(|payload| payload.bytes().len() >= 10_000));
    assert_eq!(kinds(payloads.iter().map(|payload| payload.content_type())), 5);
    assert!(draw(bytes_payload()).iter().any(|p| std::str::from_utf8(p.bytes()).is_err()));
    let parsed = draw(json_payload());
    assert!(parsed.iter().any(|payload| {
        let written = payload.to_json::<serde_json::Value>().map(|value| value.to_string());
        written.is_ok_and(|written| written.as_bytes() != payload.bytes())
    }));
    let mut runner = TestRunner::deterministic();
    let large = large_payload().new_tree(&mut runner).unwrap().current();
    assert_eq!(large.bytes().len(), limits::MAX_PAYLOAD_BYTES);
}

#[test]
fn metadata_is_what_comes_back_from_json() {
    let drawn = draw(metadata());
    let mut largest = 0;
    for metadata in &drawn {
        let json = serde_json::to_vec(metadata).unwrap();
        largest = largest.max(json.len());
        assert_eq!(serde_json::from_slice::<Metadata>(&json).unwrap(), *metadata);
        assert_eq!(metadata.tenant(), None);
    }
    assert_eq!(largest, limits::MAX_METADATA_BYTES);
    assert!(drawn.iter().any(|metadata| metadata.actor().is_some_and(|a| a.contains('\0'))));
    assert!(drawn.iter().any(|metadata| *metadata == Metadata::new()));
}

#[test]
fn numbers_reach_their_ends() {
    let moments = draw(timestamp());
    for end in [i64::MIN, i64::MAX] {
        assert!(moments.iter().any(|moment| moment.as_micros() == end));
    }
    let ids = draw(event_id());
    assert!(
        ids.iter().any(|id| id.as_uuid().is_nil()) && ids.iter().any(|id| id.as_uuid().is_max())
    );
    assert!(draw(tags()).iter().any(Tags::is_empty));
    assert_eq!(kinds(draw(expected_version()).iter().map(std::mem::discriminant)), 4);
    assert_eq!(kinds(draw(tenant_scope()).iter().map(std::mem::discriminant)), 3);
}

#[tokio::test]
async fn reads_and_conditions_are_taken() {
    let store = Store::new(MemoryStore::new());
    for wanted in draw(read()) {
        store.read(wanted.clone()).into_vec().await.unwrap_or_else(|e| panic!("{e}: {wanted:?}"));
    }
    let queries = draw(query());
    assert!(queries.iter().any(|query| query.items().is_empty()));
    assert!(queries.iter().any(Query::is_any));
    for (query, event) in queries.into_iter().zip(draw(new_event())) {
        let append = Append::to("account/a".parse().unwrap(), ExpectedVersion::Any).event(event);
        append.unless(query, Position::START).build().unwrap();
    }
}

#[tokio::test]
async fn a_history_is_taken_by_a_fresh_store() {
    let mut runner = TestRunner::deterministic();
    let mut lengths = HashSet::new();
    for _ in 0..200 {
        let appends = history(8).new_tree(&mut runner).unwrap().current();
        let store = Store::new(MemoryStore::new());
        let mut written = 0;
        for append in appends {
            written += append.event_count();
            let stream = append.streams()[0].stream.clone();
            let receipt = store.backend().append(append).await.unwrap();
            assert!(!receipt.replayed);
            assert_eq!(store.version(&stream).await.unwrap(), Some(receipt.version()));
        }
        let read = store.read(Read::all().all_tenants()).into_vec().await.unwrap();
        assert_eq!(read.len(), written);
        lengths.insert(written);
    }
    assert!(lengths.len() > 5);
}
