//! Shutting down: what is queued is worked off, up to a deadline.

use std::{sync::Arc, time::Duration};

use es_bus::{Exhausted, LocalBus, LocalOptions, Retry, Subscription, WhenFull};
use es_core::{ErrorKind, Recorded};
use tokio::sync::Semaphore;

use crate::sample::{Seen, placed};

#[tokio::test]
async fn what_is_queued_is_worked_off() {
    let bus = LocalBus::new();
    let seen = Seen::default();
    let noting = seen.clone();
    let run = move |event: Recorded| {
        let seen = noting.clone();
        async move {
            tokio::task::yield_now().await;
            seen.note(&event)
        }
    };
    bus.subscribe(Subscription::to_everything("one").run(run)).unwrap();
    let events: Vec<_> = (1..=500).map(|n| placed("a", n)).collect();
    bus.publish(&events).await.unwrap();
    assert_eq!(bus.shutdown(Duration::MAX).await, 0);
    assert_eq!(seen.all().len(), 500);
    assert_eq!(bus.publish(&events).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(bus.publish_and_wait(&events).await.unwrap_err().kind(), ErrorKind::Closed);
    let late = bus.subscribe(Subscription::to_everything("two").call(|_| Ok(())));
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(bus.shutdown(Duration::ZERO).await, 0);
}

#[tokio::test]
async fn what_is_not_done_in_time_is_broken_off_and_counted() {
    let bus = LocalBus::with_options(LocalOptions::default().with_queue(4)).unwrap();
    bus.subscribe(Subscription::to_everything("stuck").run(|_: Recorded| async {
        std::future::pending::<()>().await;
        Ok(())
    }))
    .unwrap();
    let retry = Retry::default()
        .with_exhausted(Exhausted::Block)
        .with_backoff(Duration::MAX, Duration::MAX);
    let failing = Subscription::to_everything("failing").with_retry(retry);
    bus.subscribe(failing.call(|_| Err("no".into()))).unwrap();
    let waiting = {
        let bus = bus.clone();
        let events: Vec<_> = (1..=3).map(|n| placed("a", n)).collect();
        tokio::spawn(async move { bus.publish_and_wait(&events).await })
    };
    while bus.statistics().subscriptions[1].retries == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bus.shutdown(Duration::ZERO).await, 6);
    assert_eq!(waiting.await.unwrap().unwrap().undelivered, 6);
}

#[tokio::test]
async fn dropping_the_bus_ends_its_tasks() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let bus = LocalBus::new();
    bus.subscribe(Subscription::to_everything("one").run(move |_: Recorded| {
        let gate = Arc::clone(&held);
        async move {
            gate.acquire().await?.forget();
            Ok(())
        }
    }))
    .unwrap();
    bus.publish(&[placed("a", 1), placed("a", 2)]).await.unwrap();
    drop(bus);
    // The handler holds the gate, and goes with its task.
    while Arc::strong_count(&gate) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn unsubscribing_waits_for_the_handler_and_cuts_pauses_short() {
    let bus = LocalBus::new();
    let retry = Retry::default().with_backoff(Duration::MAX, Duration::MAX);
    let failing = Subscription::to_everything("failing").with_retry(retry);
    let registration = bus.subscribe(failing.call(|_| Err("no".into()))).unwrap();
    let waiting = {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish_and_wait(&[placed("a", 1), placed("a", 2)]).await })
    };
    while bus.statistics().subscriptions[0].retries == 0 {
        tokio::task::yield_now().await;
    }
    assert!(registration.unsubscribe().await);
    assert_eq!(waiting.await.unwrap().unwrap().undelivered, 2);
}

#[test]
fn what_nobody_can_deliver_is_not_published() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    for when_full in [WhenFull::Wait, WhenFull::Busy] {
        let (bus, seen) = (
            LocalBus::with_options(LocalOptions::default().with_when_full(when_full)).unwrap(),
            Seen::default(),
        );
        let (noting, first) = (seen.clone(), runtime());
        first.block_on(async {
            let one = Subscription::to_everything("one").call(move |e| noting.note(e));
            bus.subscribe(one).unwrap();
            assert_eq!(bus.publish_and_wait(&[placed("a", 1)]).await.unwrap().handled, 1);
        });
        drop(first);
        let second = runtime();
        second.block_on(async {
            for _ in 0..2 {
                let lost = bus.publish(&[placed("a", 2)]).await.unwrap_err();
                assert_eq!(lost.kind(), ErrorKind::Closed);
                assert!(lost.to_string().contains("to one"), "{lost}");
            }
        });
        assert_eq!(seen.all(), [1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_is_dropped_lets_the_handler_end_what_it_has_begun() {
    let bus = LocalBus::new();
    let (gate, seen) = (Arc::new(Semaphore::new(0)), Seen::default());
    let (begun, has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (held, noting) = (Arc::clone(&gate), seen.clone());
    let run = move |event: Recorded| {
        let (gate, seen, begun) = (Arc::clone(&held), noting.clone(), begun.clone());
        async move {
            begun.send(())?;
            gate.acquire().await?.forget();
            seen.note(&event)
        }
    };
    let registration = bus.subscribe(Subscription::to_everything("one").run(run)).unwrap();
    let guard = registration.until_dropped();
    bus.publish(&[placed("a", 1), placed("a", 2)]).await.unwrap();
    let mut has_begun = has_begun;
    has_begun.recv().await.unwrap();
    drop(guard);
    gate.add_permits(2);
    // Its sender goes with the handler, which goes with its lane.
    assert!(has_begun.recv().await.is_none(), "a delivery began after the end");
    assert_eq!(seen.all(), [1]);
}
