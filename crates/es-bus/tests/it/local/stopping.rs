//! Shutting down: what is queued is worked off, up to a deadline.

use std::{sync::Arc, time::Duration};

use es_bus::{Exhausted, LocalBus, LocalOptions, Retry, Subscription};
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
