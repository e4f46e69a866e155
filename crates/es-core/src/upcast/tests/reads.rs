//! What reads yield, said by hand; `model` says it for any log and any read.

use serde_json::json;

use super::script::{Newest, Script, stream};
use crate::{
    ErrorKind, Event, EventType, Part, Payload, Position, Query, Read, Recorded, Registry, Result,
    Schema, Tag, Version, limits,
};

/// Name, version in the stream, and part, shortened.
fn told(events: &[Recorded]) -> Vec<(String, u64, String)> {
    let each = events.iter();
    each.map(|event| {
        let part = match event.part {
            Part::Whole => String::new(),
            Part::Split { index, of, last } => {
                format!("{index}/{of}{}", if last { "." } else { "" })
            }
            Part::Dropped => "dropped".to_owned(),
        };
        (event.schema.name.to_string(), event.version.get(), part)
    })
    .collect()
}

fn expected(rows: &[(&str, u64, &str)]) -> Vec<(String, u64, String)> {
    rows.iter().map(|(name, version, part)| ((*name).into(), *version, (*part).into())).collect()
}

fn history() -> std::sync::Arc<Script> {
    Script::of(&[
        ("created", 1, json!({})),
        ("moved", 1, json!("wdw")),
        ("viewed", 1, json!({})),
        ("deposited", 3, json!({})),
        ("audited", 9, json!({})),
    ])
}

#[tokio::test]
async fn one_stream_with_all_that_can_happen() {
    let script = history();
    let store = script.upcast();
    let rows = [
        ("opened", 1, ""),
        ("withdrawn", 2, "0/3"),
        ("deposited", 2, "1/3"),
        ("withdrawn", 2, "2/3."),
        ("viewed", 3, "dropped"),
        ("deposited", 4, ""),
        ("audited", 5, "dropped"),
    ];
    let forward = store.read(Read::stream(stream("a"))).into_vec().await.unwrap();
    assert_eq!(told(&forward), expected(&rows));
    for (was, is) in script.events().iter().zip([0, 1, 4, 5, 6]) {
        assert_eq!((was.id, was.position), (forward[is].id, forward[is].position));
    }
    assert_eq!(forward[1].id, forward[3].id, "the parts are one event");

    let backward = store.read(Read::stream(stream("a")).backward()).into_vec().await.unwrap();
    let mut rows = rows;
    rows.reverse();
    (rows[3].2, rows[5].2) = ("2/3", "0/3.");
    assert_eq!(told(&backward), expected(&rows), "the parts come in reverse, too");
}

#[tokio::test]
async fn a_dropped_event_is_told_only_where_it_was_named() {
    let script = history();
    let store = script.upcast();
    let dropped = |events: Vec<Recorded>| events.iter().filter(|e| e.part.is_dropped()).count();
    let all = store.read(Read::all()).into_vec().await.unwrap();
    assert_eq!((all.len(), dropped(all)), (5, 0));
    let category = Read::category(stream("a").category().clone());
    assert_eq!(dropped(store.read(category).into_vec().await.unwrap()), 0);
    let typed = Read::stream(stream("a")).of_types([EventType::from_static("viewed")]);
    assert_eq!(store.read(typed).into_vec().await.unwrap(), [], "a read by type asks for events");

    let last = &script.events()[4];
    assert_eq!(store.version(&stream("a")).await.unwrap(), Some(Version::new(5).unwrap()));
    let found = store.find(last.id).await.unwrap().unwrap();
    assert_eq!((found.part, found.position), (Part::Dropped, last.position));
}

/// An event that is dropped and known all the same.
#[derive(Debug)]
struct Viewed;

impl Event for Viewed {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("viewed", 1)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&())
    }

    fn decode(_: &Schema, _: &Payload) -> Result<Self> {
        Ok(Self)
    }
}

#[tokio::test]
async fn typed_reads_pass_over_what_was_dropped() {
    let store = history().upcast();
    let read = Read::stream(stream("a"));
    let events = store.read_as::<Newest>(read).into_vec().await.unwrap();
    assert_eq!(events.len(), 5);
    let untyped = store.read(Read::stream(stream("a")).from_version(Version::new(3).unwrap()));
    let dropped = untyped.into_vec().await.unwrap().remove(0);
    assert_eq!(dropped.decode::<Newest>().unwrap_err().kind(), ErrorKind::UnknownEvent);
    // Whether the type is known does not matter.
    assert_eq!(dropped.decode::<Viewed>().unwrap_err().kind(), ErrorKind::UnknownEvent);
    let registry = Registry::new().with::<Viewed>().unwrap();
    assert_eq!(registry.decode(&dropped).unwrap_err().kind(), ErrorKind::UnknownEvent);
}

#[tokio::test]
async fn reads_by_type_find_old_names_and_only_what_was_asked_for() {
    let store = history().upcast();
    for (wanted, rows) in [
        ("opened", vec![("opened", 1, "")]),
        ("withdrawn", vec![("withdrawn", 2, "0/3"), ("withdrawn", 2, "2/3.")]),
        ("deposited", vec![("deposited", 2, "1/3."), ("deposited", 4, "")]),
        ("created", vec![]),
        ("moved", vec![]),
    ] {
        let read = Read::all().of_types([EventType::from_static(wanted)]);
        assert_eq!(told(&store.read(read).into_vec().await.unwrap()), expected(&rows), "{wanted}");
    }
}

#[tokio::test]
async fn a_step_that_fails_ends_the_read_with_its_position() {
    let script = Script::of(&[
        ("deposited", 3, json!({})),
        ("deposited", 1, json!({})),
        ("spoilt", 1, json!({})),
        ("deposited", 3, json!({})),
    ]);
    let mut read = script.upcast().read(Read::all());
    for _ in 0..2 {
        read.next().await.unwrap().unwrap();
    }
    let error = read.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    let details = error.undecodable_details().unwrap();
    let spoilt = &script.events()[2];
    assert_eq!((details.position, details.event), (Some(spoilt.position), Some(spoilt.id)));
    assert!(read.next().await.is_none());
    // What a limit keeps out is not looked at.
    let two = script.upcast().read(Read::all().limit(2)).into_vec().await.unwrap();
    assert_eq!(two.len(), 2);
}

#[tokio::test]
async fn what_is_newer_than_known_passes_through() {
    let script = Script::of(&[("deposited", 4, json!({})), ("renamed", 1, json!({}))]);
    let events = script.upcast().read(Read::all()).into_vec().await.unwrap();
    assert_eq!(events, script.events());
    let error = script.upcast().read_as::<Newest>(Read::all()).next().await.unwrap().unwrap_err();
    let unknown = error.unknown_event_details().unwrap();
    assert_eq!(unknown.schema, Schema::from_static("deposited", 4));
    assert_eq!(unknown.position, Some(Position::new(1)));
}

#[tokio::test]
async fn a_limit_costs_one_read_where_every_event_becomes_one() {
    let script = Script::new(100);
    for _ in 0..50 {
        script.put("a", ("deposited", 1).into(), &json!({}), &[]);
    }
    let store = script.upcast();
    assert_eq!(store.read(Read::all().limit(7)).into_vec().await.unwrap().len(), 7);
    assert_eq!(script.read_count(), 1);
    assert_eq!(script.reads.lock().unwrap()[0].limit, Some(7), "and no more is fetched");

    // A thousand dropped events are passed over in a few reads.
    let script = Script::new(100);
    script.put("a", ("deposited", 3).into(), &json!({}), &[]);
    for _ in 0..1_000 {
        script.put("a", ("viewed", 1).into(), &json!({}), &[]);
    }
    let last = script.upcast().read(Read::all().backward().limit(1)).into_vec().await.unwrap();
    assert_eq!(last.len(), 1);
    assert!(script.read_count() <= 11, "{} reads", script.read_count());
}

#[tokio::test]
async fn a_limit_may_end_between_two_parts() {
    let store = history().upcast();
    let all = store.read(Read::all()).into_vec().await.unwrap();
    let mut newest_first = store.read(Read::all().backward()).into_vec().await.unwrap();
    for limit in 0..=all.len() {
        let read = Read::all().limit(limit as u64);
        let forward = store.read(read.clone()).into_vec().await.unwrap();
        assert_eq!(forward, all[..limit]);
        let backward = store.read(read.backward()).into_vec().await.unwrap();
        assert_eq!(backward, newest_first[..limit]);
    }
    assert_eq!(newest_first.split_off(4)[0].schema.name, "opened");
}

#[tokio::test]
async fn a_query_that_gets_too_many_names_is_asked_without_them() {
    let script = history();
    let tag = Tag::new("n", 0).unwrap();
    script.put("b", ("created", 1).into(), &json!({}), std::slice::from_ref(&tag));
    let items = (0..limits::MAX_QUERY_TERMS / 2 - 1).map(|n| Tag::new("n", n).unwrap());
    let query = items
        .map(|tag| Query::tagged(tag).of_types([EventType::from_static("opened")]))
        .reduce(Query::or)
        .unwrap();
    let found = script.upcast().read(Read::all().matching(query)).into_vec().await.unwrap();
    assert_eq!(told(&found), expected(&[("opened", 1, "")]));
    let asked = &script.reads.lock().unwrap()[0].query;
    assert!(asked.items().iter().all(|item| item.types.is_empty()));
}

#[tokio::test]
async fn an_error_of_the_store_is_passed_on() {
    let script = history();
    script.fail_after.lock().unwrap().push(1);
    let mut read = script.upcast().read(Read::all());
    assert!(read.next().await.unwrap().is_ok());
    assert_eq!(read.next().await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(read.next().await.is_none());
}

#[tokio::test]
async fn a_second_layer_refuses_what_the_first_has_split() {
    let store = history().upcast().layer(&super::script::upcasters());
    let error = store.read(Read::all()).into_vec().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("put all steps into one set"), "{error}");
    let until_there = Read::all().until(Position::new(1));
    assert_eq!(store.read(until_there).into_vec().await.unwrap().len(), 1);
    let behind = Read::stream(stream("a")).after(Position::new(2));
    let told_of: Vec<_> = store.read(behind).into_vec().await.unwrap();
    assert_eq!(told_of.iter().filter(|event| event.part.is_dropped()).count(), 2);
}

#[tokio::test]
async fn the_layer_names_what_is_inside() {
    assert_eq!(history().upcast().to_string(), "a script with upcasters");
}
