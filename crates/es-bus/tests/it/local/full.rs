//! Queues are bounded: a publisher waits, or is answered `Busy`.

use std::sync::Arc;

use es_bus::{Delivery, LocalBus, LocalOptions, Subscription, WhenFull};
use es_core::{ErrorKind, EventBus, Recorded};
use tokio::sync::Semaphore;

use crate::sample::{OrderEvent, Seen, placed, recorded};

/// Handles one event for each permit.
fn gated(name: &str, gate: &Arc<Semaphore>, seen: &Seen) -> Subscription {
    let (gate, seen) = (Arc::clone(gate), seen.clone());
    Subscription::to_everything(name).run(move |event: Recorded| {
        let (gate, seen) = (Arc::clone(&gate), seen.clone());
        async move {
            gate.acquire().await?.forget();
            seen.note(&event)
        }
    })
}

#[tokio::test]
async fn a_publisher_waits_for_room() {
    let bus = LocalBus::with_options(LocalOptions::default().with_queue(2)).unwrap();
    let (gate, seen) = (Arc::new(Semaphore::new(0)), Seen::default());
    bus.subscribe(gated("slow", &gate, &seen)).unwrap();
    let events: Vec<_> = (1..=200).map(|n| placed("a", n)).collect();
    let publishing = {
        let bus = bus.clone();
        tokio::spawn(async move { EventBus::publish(&bus, &events).await })
    };
    while bus.statistics().subscriptions[0].queued < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!publishing.is_finished());
    gate.add_permits(200);
    publishing.await.unwrap().unwrap();
    while seen.all().len() < 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.all(), (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn busy_means_that_nothing_was_published() {
    for delivery in [Delivery::Concurrent, Delivery::InOrder] {
        let options = LocalOptions::default()
            .with_queue(2)
            .with_when_full(WhenFull::Busy)
            .with_delivery(delivery);
        let bus = LocalBus::with_options(options).unwrap();
        let (gate, seen, other) = (Arc::new(Semaphore::new(0)), Seen::default(), Seen::default());
        let noting = other.clone();
        let paid = Subscription::to::<OrderEvent>("other");
        bus.subscribe(paid.call(move |event| match event.event {
            OrderEvent::Paid => noting.note(event),
            OrderEvent::Placed { .. } => Ok(()),
        }))
        .unwrap();
        bus.subscribe(gated("slow", &gate, &seen)).unwrap();
        let mut published = 0;
        let busy = loop {
            match bus.publish(&[placed("a", published + 1)]).await {
                Ok(()) => published += 1,
                Err(error) => break error,
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(busy.kind(), ErrorKind::Busy);
        assert!(busy.is_temporary());
        let paid = recorded("a", 99, &OrderEvent::Paid);
        assert_eq!(bus.publish(&[paid]).await.unwrap_err().kind(), ErrorKind::Busy);
        let many: Vec<_> = (100..104).map(|n| placed("a", n)).collect();
        let too_many = bus.publish(&many).await.unwrap_err();
        assert_eq!(too_many.kind(), ErrorKind::Invalid, "waiting would not help");

        gate.add_permits(1_000);
        let after = placed("b", 200);
        while let Err(error) = bus.publish(std::slice::from_ref(&after)).await {
            assert_eq!(error.kind(), ErrorKind::Busy);
            tokio::task::yield_now().await;
        }
        while !seen.all().contains(&200) {
            tokio::task::yield_now().await;
        }
        let expected: Vec<_> = (1..=published).chain([200]).collect();
        assert_eq!(seen.all(), expected);
        assert!(other.all().is_empty(), "the refused event reached the handler that had room");
    }
}

#[tokio::test]
async fn a_handler_that_publishes_does_not_wait_for_itself() {
    let bus = LocalBus::with_options(LocalOptions::default().with_queue(1)).unwrap();
    let seen = Seen::default();
    let (inside, noting) = (bus.clone(), seen.clone());
    bus.subscribe(Subscription::to_everything("echo").run(move |event: Recorded| {
        let (bus, seen) = (inside.clone(), noting.clone());
        async move {
            seen.note(&event)?;
            if event.position.get() < 100 {
                let more = [placed("a", 100), placed("a", 101), placed("a", 102)];
                let kind = bus.publish(&more).await.unwrap_err().kind();
                assert_eq!(kind, ErrorKind::Invalid);
                bus.publish(&more[..1]).await?;
                assert_eq!(bus.publish(&more[1..2]).await.unwrap_err().kind(), ErrorKind::Busy);
                let waiting = bus.publish_and_wait(&more[..1]).await;
                assert_eq!(waiting.unwrap_err().kind(), ErrorKind::Unsupported);
                assert_eq!(bus.replay("echo").await.unwrap_err().kind(), ErrorKind::Unsupported);
            }
            Ok(())
        }
    }))
    .unwrap();
    let delivered = bus.publish_and_wait(&[placed("a", 1)]).await.unwrap();
    assert_eq!((delivered.handled, delivered.failed.len()), (1, 0));
    while seen.all().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.all(), [1, 100]);
}
