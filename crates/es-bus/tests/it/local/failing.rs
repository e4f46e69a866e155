//! What a failing handler does to others (nothing), and what becomes of the event.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use es_bus::{Delivery, Exhausted, LocalBus, LocalOptions, Retry, Subscription};
use es_core::{Category, Recorded};

use crate::sample::{OrderEvent, Seen, ids, placed, undecodable, unknown};

fn quick(attempts: u32) -> Retry {
    let pause = Duration::from_micros(10);
    Retry::default().with_attempts(attempts).with_backoff(pause, pause)
}

#[tokio::test]
async fn errors_and_panics_reach_no_other_handler_and_no_publisher() {
    let bus = LocalBus::new();
    let seen = Seen::default();
    let failing = Subscription::to_everything("failing").with_retry(Retry::never());
    bus.subscribe(failing.call(|_| Err("no".into()))).unwrap();
    let panicking = Subscription::to_everything("panicking").with_retry(Retry::never());
    bus.subscribe(panicking.call(|_| panic!("sync"))).unwrap();
    let panicking = Subscription::to_everything("late").with_retry(Retry::never());
    let run = |_: Recorded| async {
        tokio::task::yield_now().await;
        panic!("async {}", 1)
    };
    bus.subscribe(panicking.run(run)).unwrap();
    let noting = seen.clone();
    bus.subscribe(Subscription::to_everything("well").call(move |e| noting.note(e))).unwrap();
    for position in [1, 2] {
        // Two streams, so that none waits behind a dead letter.
        let stream = position.to_string();
        let delivered = bus.publish_and_wait(&[placed(&stream, position)]).await.unwrap();
        assert_eq!((delivered.handled, delivered.failed.len()), (1, 3));
    }
    assert_eq!(seen.all(), [1, 2]);
    let causes = ["failing", "panicking", "late"]
        .map(|name| bus.dead_letters(name).unwrap()[0].letter.cause.clone().unwrap());
    assert_eq!(causes[0], "no");
    assert!(causes[1].ends_with("panicked: sync") && causes[2].ends_with("panicked: async 1"));
}

#[tokio::test]
async fn a_failing_handler_is_tried_again() {
    let bus = LocalBus::new();
    let calls = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&calls);
    let call = move |_: &Recorded| match counting.fetch_add(1, Ordering::SeqCst) {
        0 => Err("not yet".into()),
        1 => panic!("nor now"),
        _ => Ok(()),
    };
    bus.subscribe(Subscription::to_everything("late").with_retry(quick(3)).call(call)).unwrap();
    assert_eq!(bus.publish_and_wait(&[placed("a", 1)]).await.unwrap().handled, 1);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    let statistics = bus.statistics().subscriptions.remove(0);
    assert_eq!((statistics.handled, statistics.retries, statistics.dead_letters), (1, 2, 0));
}

#[tokio::test]
async fn dead_letters_keep_error_attempts_and_origin() {
    #[derive(Debug, thiserror::Error)]
    #[error("no mail")]
    struct NoMail(#[source] std::io::Error);
    let bus = LocalBus::new();
    let call = |_: &Recorded| Err(NoMail(std::io::Error::other("no route")).into());
    bus.subscribe(Subscription::to_everything("mailer").with_retry(quick(4)).call(call)).unwrap();
    let event = placed("a", 7);
    let delivered = bus.publish_and_wait(std::slice::from_ref(&event)).await.unwrap();
    let kept = bus.dead_letters("mailer").unwrap().remove(0);
    assert_eq!(kept.event, event);
    assert_eq!(kept.letter.cause.as_deref(), Some("no mail: no route"));
    assert_eq!((kept.letter.attempts, kept.letter.position.get()), (4, 7));
    assert_eq!((kept.letter.event, &kept.letter.stream), (event.id, &event.stream));
    assert_eq!(kept.letter.subscriber, "mailer");
    assert!(kept.letter.first_failed_at <= kept.letter.last_failed_at);
    assert_eq!(delivered.failed, [kept.letter]);
}

/// Fails on position 1 until told otherwise, and notes the others.
fn stubborn(name: &str, exhausted: Exhausted) -> (Subscription, Seen, Arc<AtomicBool>) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let (noting, healed) = (seen.clone(), Arc::clone(&heals));
    let subscription = Subscription::to::<OrderEvent>(name)
        .with_retry(quick(2).with_exhausted(exhausted))
        .call(move |event| {
            if event.position.get() == 1 && !healed.load(Ordering::SeqCst) {
                return Err("still broken".into());
            }
            noting.note(event)
        });
    (subscription, seen, heals)
}

#[tokio::test]
async fn later_events_of_the_stream_wait_and_other_streams_flow_on() {
    let bus = LocalBus::new();
    let (subscription, seen, heals) = stubborn("one", Exhausted::Park);
    bus.subscribe(subscription).unwrap();
    let events = [placed("a", 1), placed("b", 2), placed("a", 3), placed("a", 4), placed("b", 5)];
    let delivered = bus.publish_and_wait(&events).await.unwrap();
    assert_eq!((delivered.handled, delivered.failed.len()), (2, 3));
    assert_eq!(seen.all(), [2, 5]);

    let replayed = bus.replay("one").await.unwrap();
    assert_eq!((replayed.handled, replayed.left), (0, 3));
    assert_eq!(seen.all(), [2, 5], "nothing overtakes what still fails");
    assert_eq!(bus.dead_letters("one").unwrap()[0].letter.attempts, 4);

    heals.store(true, Ordering::SeqCst);
    let replayed = bus.replay("one").await.unwrap();
    assert_eq!((replayed.handled, replayed.left), (3, 0));
    bus.publish_and_wait(&[placed("a", 6)]).await.unwrap();
    assert_eq!(seen.all(), [2, 5, 1, 3, 4, 6]);
}

#[tokio::test]
async fn where_that_is_chosen_later_events_go_on_without_it() {
    let bus = LocalBus::new();
    let (subscription, seen, _) = stubborn("one", Exhausted::DeadLetter);
    bus.subscribe(subscription).unwrap();
    bus.publish_and_wait(&[placed("a", 1), placed("a", 2)]).await.unwrap();
    assert_eq!(seen.all(), [2]);
    assert_eq!(bus.dead_letters("one").unwrap().len(), 1);
}

#[tokio::test]
async fn where_that_is_chosen_everything_waits() {
    let bus = LocalBus::new();
    let (subscription, seen, heals) = stubborn("one", Exhausted::Block);
    bus.subscribe(subscription).unwrap();
    let publishing = {
        let bus = bus.clone();
        tokio::spawn(async move {
            bus.publish_and_wait(&[placed("a", 1), placed("b", 2)]).await.unwrap()
        })
    };
    while bus.statistics().subscriptions[0].retries < 5 {
        tokio::task::yield_now().await;
    }
    assert!(seen.all().is_empty());
    heals.store(true, Ordering::SeqCst);
    assert_eq!(publishing.await.unwrap().handled, 2);
    assert_eq!(seen.all(), [1, 2]);
}

#[tokio::test]
async fn what_does_not_decode_is_parked_at_once() {
    let bus = LocalBus::new();
    let order = Category::from_static("order");
    let retry = quick(9).with_exhausted(Exhausted::Block);
    let subscription = Subscription::to_all_of::<OrderEvent>("one", order).with_retry(retry);
    bus.subscribe(subscription.call(|_| Ok(()))).unwrap();
    let events = [undecodable("a", 1), unknown("b", 2), placed("b", 3), placed("c", 4)];
    assert_eq!(bus.publish_and_wait(&events).await.unwrap().handled, 1);
    let kept = bus.dead_letters("one").unwrap();
    let events_kept: Vec<_> = kept.iter().map(|kept| kept.event.clone()).collect();
    assert_eq!(ids(&events_kept), ids(&events[..3]));
    let attempts: Vec<_> = kept.iter().map(|kept| kept.letter.attempts).collect();
    assert_eq!(attempts, [1, 1, 0]);
}

#[tokio::test]
async fn a_discarded_letter_frees_its_stream() {
    let bus = LocalBus::new();
    let (subscription, seen, _) = stubborn("one", Exhausted::Park);
    bus.subscribe(subscription).unwrap();
    let poison = placed("a", 1);
    bus.publish_and_wait(&[poison.clone(), placed("a", 2)]).await.unwrap();
    assert!(bus.discard("one", poison.id).unwrap());
    assert!(!bus.discard("one", poison.id).unwrap());
    bus.replay("one").await.unwrap();
    bus.publish_and_wait(&[placed("a", 3)]).await.unwrap();
    assert_eq!(seen.all(), [2, 3]);
}

#[tokio::test]
async fn dead_letters_are_bounded_and_what_is_lost_is_counted() {
    let bus = LocalBus::with_options(LocalOptions::default().with_dead_letters(2)).unwrap();
    let retry = Retry::never().with_exhausted(Exhausted::DeadLetter);
    let subscription = Subscription::to_everything("one").with_retry(retry);
    bus.subscribe(subscription.call(|_| Err("no".into()))).unwrap();
    let events: Vec<_> = (1..=5).map(|n| placed("a", n)).collect();
    bus.publish_and_wait(&events).await.unwrap();
    let kept: Vec<_> = bus.dead_letters("one").unwrap().into_iter().map(|k| k.event).collect();
    assert_eq!(ids(&kept), ids(&events[3..]));
    let statistics = bus.statistics().subscriptions.remove(0);
    assert_eq!((statistics.dead_letters, statistics.dead_letters_displaced), (5, 3));
}

/// An error that panics when somebody looks at it.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("not even that")
    }
}

impl std::error::Error for Unspeakable {}

/// What panics when a failed call is thrown away.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("in a drop")
    }
}

#[tokio::test]
async fn no_panic_around_a_handler_ends_the_deliveries() {
    for delivery in [Delivery::Concurrent, Delivery::InOrder] {
        let bus = LocalBus::with_options(LocalOptions::default().with_delivery(delivery)).unwrap();
        let seen = Seen::default();
        let unspeakable = Subscription::to_everything("unspeakable").with_retry(Retry::never());
        bus.subscribe(unspeakable.call(|_| Err(Unspeakable.into()))).unwrap();
        let judged = quick(2).with_final(|_| panic!("a judge"));
        let judged = Subscription::to_everything("judged").with_retry(judged);
        bus.subscribe(judged.call(|_| Err("no".into()))).unwrap();
        let dropping = Subscription::to_everything("dropping").with_retry(Retry::never());
        let run = |_: Recorded| {
            let grenade = Grenade;
            async move {
                let _kept = &grenade;
                Err("no".into())
            }
        };
        bus.subscribe(dropping.run(run)).unwrap();
        let noting = seen.clone();
        bus.subscribe(Subscription::to_everything("well").call(move |e| noting.note(e))).unwrap();
        for position in [1, 2] {
            let event = placed(&position.to_string(), position);
            let delivered = bus.publish_and_wait(&[event]).await.unwrap();
            assert_eq!((delivered.handled, delivered.failed.len()), (1, 3), "{delivery:?}");
        }
        assert_eq!(seen.all(), [1, 2]);
        for name in ["unspeakable", "judged", "dropping"] {
            assert_eq!(bus.dead_letters(name).unwrap().len(), 2, "{name}");
        }
    }
}
