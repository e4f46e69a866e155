//! B4: crashed consumers' events are recovered by themselves; unknown types are parked.

use std::sync::Arc;

use futures_util::future;
use tokio::sync::mpsc;

use super::{
    BusUnderTest, ConsumerPlan, Knows, Plan,
    journal::{Journal, letters},
};
use crate::sample::{event, many, put};

fn declines<B: BusUnderTest>(bus: &B) -> bool {
    let declines = !bus.promises().recovers;
    if declines {
        println!("declined: {:?}", bus.promises());
    }
    declines
}

/// An event whose type the program does not know is parked, and a newer version of the
/// program can have it.
pub async fn unknown_types_are_parked<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let old = bus.consume(journal.consumer("all").knowing(Knows::Noted)).await;
    let _relay = bus.relay().await;
    put(bus.store(), "a", many(1)).await;
    put(bus.store(), "a", vec![event("marked")]).await;
    let letter = letters(&bus, "all", 1).await.remove(0);
    assert!(letter.cause.is_some(), "it is not said why");
    put(bus.store(), "b", many(1)).await;
    let noted = |seen: &[es_core::Recorded]| seen.len() >= 2;
    journal.when("what is known is handled", noted).await;
    assert!(journal.all().iter().all(|event| event.schema.name == "noted"));
    bus.stop(old).await;
    // Where nothing outlives a consumer, its letters do not, either.
    if declines(&bus) {
        return;
    }
    let _newer = bus.consume(journal.consumer("all")).await;
    bus.replay("all").await;
    journal.has_all_of(bus.store()).await;
    letters(&bus, "all", 0).await;
}

/// What a consumer had in hand when it crashed is handled by another.
pub async fn what_a_crashed_consumer_held_is_recovered<B: BusUnderTest>(bus: B) {
    if declines(&bus) {
        return;
    }
    let (entered, mut entering) = mpsc::channel(64);
    let stuck: Plan = Arc::new(move |_| {
        let entered = entered.clone();
        Box::pin(async move {
            entered.send(()).await?;
            future::pending().await
        })
    });
    let dying = bus.consume(ConsumerPlan::new("all", stuck)).await;
    let _relay = bus.relay().await;
    for key in ["a", "b", "c"] {
        put(bus.store(), key, many(2)).await;
    }
    entering.recv().await.expect("something is handled");
    drop(dying);
    let journal = Journal::new();
    let _heir = bus.consume(journal.consumer("all")).await;
    journal.has_all_of(bus.store()).await;
    if bus.promises().ordered {
        journal.check_order();
    }
}

/// What is published while no consumer runs waits for one.
pub async fn events_wait_for_consumers<B: BusUnderTest>(bus: B) {
    if declines(&bus) {
        return;
    }
    let journal = Journal::new();
    let consumer = bus.consume(journal.consumer("all")).await;
    let _relay = bus.relay().await;
    put(bus.store(), "a", many(2)).await;
    journal.has_all_of(bus.store()).await;
    bus.stop(consumer).await;
    put(bus.store(), "a", many(2)).await;
    let _consumer = bus.consume(journal.consumer("all")).await;
    journal.has_all_of(bus.store()).await;
    let mut ids: Vec<_> = journal.all().iter().map(|event| event.id).collect();
    let count = ids.len();
    ids.dedup();
    assert_eq!((ids.len(), count), (4, 4), "what was handled came again after a stop");
}
