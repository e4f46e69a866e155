//! The handle: what it checks before a store is asked, what it scopes, how layers stack.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::StreamExt;

use super::{
    super::*,
    script::{
        Answer, Script, events, head, head_at, is_replaced, is_rolled_back, pages, pages_then, torn,
    },
};
use crate::{
    Append, AppendRequest, ErrorKind, ExpectedVersion, Head, LogId, NewEvent, Payload, Position,
    Query, Read, Receipt, Result, Schema, StreamId, Tenant, Timestamp, Version,
};

const ANY: ExpectedVersion = ExpectedVersion::Any;

fn stream(key: &str) -> StreamId {
    StreamId::new("counter", key).unwrap()
}

fn one() -> Append {
    let event = NewEvent::raw(Schema::from_static("counted", 1), Payload::json(&1).unwrap());
    Append::to(stream("c"), ANY).event(event)
}

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

fn receipt() -> Receipt {
    let (log, at) = (head_at(1).log, Position::new(1));
    Receipt::new(log, at, at, Timestamp::EPOCH, vec![(stream("c"), Version::FIRST)])
}

#[tokio::test]
async fn an_append_reaches_the_store_checked_and_scoped() {
    let script = Script::new([Answer::Append(Ok(receipt())), Answer::Append(Ok(receipt()))]);
    let store = script.store();
    assert_eq!(store.append(one()).await.unwrap(), receipt());
    store.for_tenant(acme()).append(one()).await.unwrap();
    let appended = script.appended.lock().unwrap();
    assert_eq!(appended[0].streams()[0].stream, stream("c"));
    assert_eq!(appended[1].streams()[0].stream, stream("c").with_tenant(acme()));
}

#[tokio::test]
async fn what_is_invalid_or_unsupported_never_reaches_the_store() {
    let script = Script::with(Capabilities::LEAST, []);
    let store = script.store();
    let theirs = stream("c").with_tenant(Tenant::new("umbrella").unwrap());
    for (append, kind) in [
        (Append::to(stream("c"), ANY), ErrorKind::Invalid),
        (one().require(stream("d"), ANY), ErrorKind::Unsupported),
        (one().unless(Query::any(), Position::START), ErrorKind::Unsupported),
        (one().require(stream("c"), ANY), ErrorKind::Invalid), // before capabilities
    ] {
        assert_eq!(store.append(append).await.unwrap_err().kind(), kind);
    }
    let scoped = store.for_tenant(acme());
    for (read, kind) in [
        (Read::all().recorded_since(Timestamp::EPOCH), ErrorKind::Unsupported),
        (Read::all().recorded_until(Timestamp::EPOCH), ErrorKind::Unsupported),
        (Read::all().all_tenants(), ErrorKind::Invalid),
        (Read::stream(theirs.clone()), ErrorKind::Invalid),
    ] {
        let mut reading = scoped.read(read.clone());
        assert_eq!(reading.next().await.unwrap().unwrap_err().kind(), kind);
        assert!(reading.next().await.is_none());
        let mut following = scoped.follow(read);
        assert_eq!(following.next().await.unwrap().unwrap_err().kind(), kind);
    }
    assert_eq!(scoped.version(&theirs).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(script.asked(), [""; 0]);
}

#[tokio::test]
async fn versions_and_single_events_are_short_reads() {
    let script = Script::new([pages([&[], &[7]]), pages([]), pages([&[7]]), pages([])]);
    let store = script.store();
    assert_eq!(store.version(&stream("c")).await.unwrap(), Some(Version::new(7).unwrap()));
    assert_eq!(store.version(&stream("c")).await.unwrap(), None);
    let id = events(&[7])[0].id;
    assert!(store.find(id).await.unwrap().is_some());
    assert!(store.find(id).await.unwrap().is_none());
    assert_eq!(script.asked()[0], "read .. limit 1");
}

#[tokio::test]
async fn a_read_ends_with_its_first_error() {
    let script = Script::new([pages_then([&[1], &[], &[2]], torn()), pages_then([&[1]], torn())]);
    let store = script.store();
    let mut reading = store.read(Read::all());
    for position in [1, 2] {
        let event = reading.next().await.unwrap().unwrap();
        assert_eq!(event.position, Position::new(position));
    }
    assert_eq!(reading.next().await.unwrap().unwrap_err().kind(), ErrorKind::Fault);
    assert!(reading.next().await.is_none());
    let error = store.read(Read::all()).into_vec().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault, "no part of the events is returned");
}

#[tokio::test]
async fn a_read_is_a_stream() {
    let script = Script::new([pages([&[1, 2], &[3]])]);
    let positions: Vec<_> =
        script.store().read(Read::all()).map(|event| event.unwrap().position.get()).collect().await;
    assert_eq!(positions, [1, 2, 3]);
}

#[tokio::test]
async fn positions_of_a_named_log_are_checked_before_the_read() {
    let of_log = |log| Read::all().of_log(log).after(Position::new(3));
    let script = Script::new([head(3), pages([]), head(9), head(2)]);
    let store = script.store();
    let nothing = store.read(of_log(head_at(0).log)).into_vec().await.unwrap();
    assert!(nothing.is_empty());
    let error = store.read(of_log(LogId::generate())).into_vec().await.unwrap_err();
    assert!(is_replaced(&error), "{error}");
    let error = store.read(of_log(head_at(0).log)).into_vec().await.unwrap_err();
    assert!(is_rolled_back(&error), "{error}");
    assert_eq!(script.asked(), ["head", "read 3..", "head", "head"]);
}

/// Hands everything on, and says what it wraps.
#[derive(Debug)]
struct Named(&'static str, Backend);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventStore for Named {
    fn capabilities(&self) -> Capabilities {
        self.1.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.1.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        self.1.read(read)
    }

    fn read_to_fold(&self, read: Read) -> FoldStream {
        self.1.read_to_fold(read)
    }

    async fn head(&self) -> Result<Head> {
        self.1.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.1.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.1.durability().await
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {}", self.0, self.1)
    }
}

#[tokio::test]
async fn the_layer_that_was_added_last_sees_a_call_first() {
    let layer = |name| move |inner: Backend| -> Backend { Arc::new(Named(name, inner)) };
    let script = Script::new([Answer::Append(Ok(receipt()))]);
    let store = script.store().for_tenant(acme()).layer(&layer("inner")).layer(&layer("outer"));
    assert_eq!(store.to_string(), "outer over inner over script for tenant acme");
    store.append(one()).await.unwrap();
    let appended = script.appended.lock().unwrap();
    assert_eq!(appended[0].tenant(), Some(&acme()), "layers keep the scope of the handle");
}

#[tokio::test]
async fn a_pointer_to_a_store_is_a_store() {
    let script = Script::with(Capabilities::LEAST, [head(4), super::script::wait(5)]);
    let twice: Backend = Arc::new(Arc::clone(&script) as Backend);
    let store = Store::from_backend(Arc::new(twice));
    assert_eq!(store.capabilities(), Capabilities::LEAST);
    assert_eq!(store.head().await.unwrap(), head_at(4));
    assert_eq!(store.wait(Position::new(4)).await.unwrap(), head_at(5));
    assert_eq!(store.durability().await.unwrap().settings, "a script");
    assert_eq!(store.to_string(), "script");
}

#[test]
fn capabilities_are_switched_one_by_one() {
    let all = Capabilities::LEAST
        .with_multi_stream(true)
        .with_conditions(true)
        .with_time_bounds(true)
        .with_shared(true);
    assert_eq!(all, Capabilities::ALL);
    assert_ne!(Capabilities::ALL.with_conditions(false), Capabilities::ALL);
}

#[test]
fn durability_says_what_it_survives_and_rests_on() {
    let window = Some(std::time::Duration::from_secs(1));
    let table = [
        (Durability::full("fsync=on"), "survives crashes and power cuts (fsync=on)"),
        (
            Durability::delayed(window, "everysec"),
            "survives crashes; a power cut may lose the latest appends (everysec)",
        ),
        (Durability::volatile("memory"), "ends with the process (memory)"),
    ];
    for (durability, text) in table {
        assert_eq!(durability.to_string(), text);
    }
    assert_eq!(Durability::delayed(window, "x").loss_window, window);
    assert_eq!(Durability::full("x").loss_window, Some(std::time::Duration::ZERO));
}
