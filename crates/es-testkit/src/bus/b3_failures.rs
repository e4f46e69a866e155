//! B3: a failure stays where it is, is tried again, kept, and can be replayed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use es_core::Recorded;

use super::{
    BusUnderTest, ConsumerPlan,
    journal::{Journal, letters},
};
use crate::sample::{many, put, stream};

fn is_in(event: &Recorded, key: &str) -> bool {
    event.stream == stream(key)
}

/// A handler that fails on everything disturbs no other, and not the relay.
pub async fn a_failing_handler_disturbs_no_other<B: BusUnderTest>(bus: B) {
    let (journal, nothing) = (Journal::new(), Journal::new());
    let failing = ConsumerPlan::new("failing", nothing.unless(|_| Some("always")));
    let _failing = bus.consume(failing).await;
    let _well = bus.consume(journal.consumer("well")).await;
    let _relay = bus.relay().await;
    for key in ["a", "b", "a", "c", "a"] {
        put(bus.store(), key, many(2)).await;
    }
    journal.has_all_of(bus.store()).await;
    assert!(nothing.all().is_empty());
}

/// A handler that panics does not, either.
pub async fn a_panicking_handler_disturbs_no_other<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let panicking = ConsumerPlan::new("panicking", Arc::new(|_| panic!("as the case wants")));
    let _panicking = bus.consume(panicking).await;
    let _well = bus.consume(journal.consumer("well")).await;
    let _relay = bus.relay().await;
    for key in ["a", "b", "a", "c", "a"] {
        put(bus.store(), key, many(2)).await;
    }
    journal.has_all_of(bus.store()).await;
}

/// What fails is tried again, as often as was asked for, and then succeeds.
pub async fn a_failure_is_tried_again<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let fails = move |_: &Recorded| (calls.fetch_add(1, Ordering::SeqCst) < 2).then_some("no");
    let _consumer = bus.consume(ConsumerPlan::new("all", journal.unless(fails))).await;
    let _relay = bus.relay().await;
    put(bus.store(), "a", many(1)).await;
    journal.has_all_of(bus.store()).await;
    assert!(bus.dead_letters("all").await.is_empty());
}

/// A dead letter keeps the error, the number of attempts, and where the event is from.
pub async fn a_dead_letter_keeps_error_attempts_and_origin<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&calls);
    let fails = move |_: &Recorded| {
        counting.fetch_add(1, Ordering::SeqCst);
        Some("no route to host")
    };
    let _consumer = bus.consume(ConsumerPlan::new("all", journal.unless(fails))).await;
    let _relay = bus.relay().await;
    let receipt = put(bus.store(), "a", many(1)).await;
    let letter = letters(&bus, "all", 1).await.remove(0);
    let event = crate::sample::all(bus.store()).await.remove(0);
    let cause = letter.cause.as_deref().unwrap_or_default();
    assert!(cause.contains("no route to host"), "the error is not kept: {cause:?}");
    assert_eq!(letter.attempts, 3);
    assert_eq!(calls.load(Ordering::SeqCst), 3, "it was not tried as often as was asked for");
    assert_eq!((letter.event, letter.position), (event.id, receipt.last));
    assert_eq!(letter.stream, stream("a"));
    assert!(letter.first_failed_at <= letter.last_failed_at);
}

/// An event that cannot be handled stops its stream at most; other streams flow on. Where
/// there is an order, the later events of its stream wait.
pub async fn poison_stops_its_stream_only<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let fails =
        |event: &Recorded| (is_in(event, "a") && event.version.get() == 2).then_some("poison");
    let _consumer = bus.consume(ConsumerPlan::new("all", journal.unless(fails))).await;
    let _relay = bus.relay().await;
    put(bus.store(), "a", many(4)).await;
    put(bus.store(), "b", many(4)).await;
    let waiting = if bus.promises().ordered { 3 } else { 1 };
    letters(&bus, "all", waiting).await;
    put(bus.store(), "b", many(1)).await;
    let handled = 9 - waiting;
    journal
        .when("the rest is handled", |seen| {
            let mut ids: Vec<_> = seen.iter().map(|event| event.id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids.len() >= handled
        })
        .await;
    let overtook = journal.all().into_iter().find(|e| is_in(e, "a") && e.version.get() > 2);
    assert!(!bus.promises().ordered || overtook.is_none(), "{overtook:?} did not wait");
}

/// Dead letters can be tried again: what fails again stays, what succeeds is gone, and, where
/// there is an order, it holds.
pub async fn dead_letters_can_be_replayed<B: BusUnderTest>(bus: B) {
    let journal = Journal::new();
    let heals = Arc::new(AtomicBool::new(false));
    let healed = Arc::clone(&heals);
    let fails = move |event: &Recorded| {
        let is_poison = event.version.get() == 1 && !healed.load(Ordering::SeqCst);
        is_poison.then_some("poison")
    };
    let _consumer = bus.consume(ConsumerPlan::new("all", journal.unless(fails))).await;
    let _relay = bus.relay().await;
    put(bus.store(), "a", many(3)).await;
    let count = if bus.promises().ordered { 3 } else { 1 };
    letters(&bus, "all", count).await;
    bus.replay("all").await;
    letters(&bus, "all", count).await;
    heals.store(true, Ordering::SeqCst);
    bus.replay("all").await;
    journal.has_all_of(bus.store()).await;
    letters(&bus, "all", 0).await;
    put(bus.store(), "a", many(1)).await;
    journal.has_all_of(bus.store()).await;
    if bus.promises().ordered {
        journal.check_order();
    }
}
