//! B1: publishing is a subscription on the log: at least once, in its order, nothing lost.

use es_core::{Append, ExpectedVersion, Metadata};

use super::{BusUnderTest, journal::Journal};
use crate::sample::{all, event, many, put, stream, tag};

/// What was appended before the relay was started is published.
pub async fn what_was_appended_before_is_published<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    put(bus.store(), "a", many(3)).await;
    put(bus.store(), "b", many(2)).await;
    let _consumer = bus.consume(journal.consumer("all")).await;
    let _relay = bus.relay().await;
    journal.has_all_of(bus.store()).await;
}

/// What is appended later is published without anybody asking.
pub async fn what_is_appended_later_is_published<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let _consumer = bus.consume(journal.consumer("all")).await;
    let _relay = bus.relay().await;
    for round in 1..=3 {
        put(bus.store(), "a", many(round)).await;
        journal.has_all_of(bus.store()).await;
    }
}

/// An event arrives as the log has it: id, place, time, payload, tags, and metadata with the
/// trace context.
pub async fn an_event_arrives_as_it_was_recorded<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let _consumer = bus.consume(journal.consumer("all")).await;
    let _relay = bus.relay().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let metadata = Metadata::new()
        .with_trace(parent, Some("vendor=1,other=2"))
        .with_actor("ältere 🦀")
        .with_extra("n", serde_json::json!({ "deep": [1, null] }));
    let noted = event("noted").with_metadata(metadata).with_tag(tag("customer", "c 7: ü"));
    let append = Append::to(stream("a/b c"), ExpectedVersion::Any).event(noted);
    bus.store().append(append).await.expect("an append to any version succeeds");
    journal.has_all_of(bus.store()).await;
    let recorded = all(bus.store()).await;
    assert_eq!(journal.all().first(), recorded.first());
}

/// A relay that crashes again and again loses nothing.
pub async fn a_relay_that_crashes_loses_nothing<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let _consumer = bus.consume(journal.consumer("all")).await;
    for round in 0..6 {
        put(bus.store(), "a", many(5)).await;
        let relay = bus.relay().await;
        put(bus.store(), "b", many(5)).await;
        for _ in 0..round * 10 {
            tokio::task::yield_now().await;
        }
        drop(relay);
    }
    let _relay = bus.relay().await;
    journal.has_all_of(bus.store()).await;
    if bus.promises().ordered {
        journal.check_order();
    }
}

/// Several relays of one name do not get in each other's way.
pub async fn relays_side_by_side_lose_nothing<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let _consumer = bus.consume(journal.consumer("all")).await;
    let first = bus.relay().await;
    put(bus.store(), "a", many(5)).await;
    let _second = bus.relay().await;
    put(bus.store(), "a", many(5)).await;
    drop(first);
    put(bus.store(), "b", many(5)).await;
    journal.has_all_of(bus.store()).await;
    if bus.promises().ordered {
        journal.check_order();
    }
}
