//! B2: in ordered mode each stream keeps its order, whatever happens.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{BusUnderTest, ConsumerPlan, journal::Journal};
use crate::sample::{many, put};

const STREAMS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn declines<B: BusUnderTest>(bus: &B, needs_recovery: bool) -> bool {
    let promises = bus.promises();
    let declines = !promises.ordered || (needs_recovery && !promises.recovers);
    if declines {
        println!("declined: {promises:?}");
    }
    declines
}

/// The events of a stream are handled in their order.
pub async fn streams_keep_their_order<B: BusUnderTest>(bus: B) {
    if declines(&bus, false) {
        return;
    }
    let journal = Journal::new();
    let _consumer = bus.consume(journal.consumer("all")).await;
    let _relay = bus.relay().await;
    for round in 0..20 {
        for stream in STREAMS {
            put(bus.store(), stream, many(1 + round % 3)).await;
        }
    }
    journal.has_all_of(bus.store()).await;
    journal.check_order();
}

/// An event that fails at first is handled before the later events of its stream.
pub async fn a_failure_keeps_the_order_of_its_stream<B: BusUnderTest>(bus: B) {
    if declines(&bus, false) {
        return;
    }
    let journal = Journal::new();
    let calls = Arc::new(AtomicUsize::new(0));
    // Two of three attempts fail, and there are three.
    let fails = move |_: &es_core::Recorded| match calls.fetch_add(1, Ordering::SeqCst) % 3 {
        2 => None,
        _ => Some("not yet"),
    };
    let plan = ConsumerPlan::new("all", journal.unless(fails));
    let _consumer = bus.consume(plan).await;
    let _relay = bus.relay().await;
    put(bus.store(), "a", many(12)).await;
    journal.has_all_of(bus.store()).await;
    journal.check_order();
}

/// Consumers that crash leave the order as it is.
pub async fn consumers_that_crash_leave_the_order<B: BusUnderTest>(bus: B) {
    if declines(&bus, true) {
        return;
    }
    let journal = Journal::new();
    let _relay = bus.relay().await;
    for round in 1..=4_usize {
        let consumer = bus.consume(journal.consumer("all")).await;
        for stream in STREAMS {
            put(bus.store(), stream, many(3)).await;
        }
        let some = round * 4;
        journal.when("some are handled", |seen| seen.len() >= some).await;
        drop(consumer);
    }
    let _consumer = bus.consume(journal.consumer("all")).await;
    journal.has_all_of(bus.store()).await;
    journal.check_order();
}

/// Consumers that come and go in good order leave the order as it is.
pub async fn consumers_that_come_and_go_leave_the_order<B: BusUnderTest>(bus: B) {
    if declines(&bus, true) {
        return;
    }
    let journal = Journal::new();
    let _relay = bus.relay().await;
    let mut consumers = vec![bus.consume(journal.consumer("all")).await];
    for round in 0..8 {
        for stream in STREAMS {
            put(bus.store(), stream, many(4)).await;
        }
        if round % 3 == 2 {
            bus.stop(consumers.remove(0)).await;
        } else {
            consumers.push(bus.consume(journal.consumer("all")).await);
        }
    }
    journal.has_all_of(bus.store()).await;
    journal.check_order();
}
