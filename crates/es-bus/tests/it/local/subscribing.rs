//! Who is given what, in which order, and how a subscription ends.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use es_bus::{Delivery, EventHandler, LocalBus, LocalOptions, Subscription};
use es_core::{BoxError, Category, ErrorKind, EventType, Recorded};

use crate::sample::{OrderEvent, Seen, placed, recorded, unknown};

#[tokio::test]
async fn each_is_given_what_it_asked_for() {
    let bus = LocalBus::new();
    let seen: [Seen; 5] = Default::default();
    let [typed, types, category, other, all] = seen.clone();
    let paid = OrderEvent::Paid;
    bus.subscribe(Subscription::to::<OrderEvent>("typed").call(move |e| typed.note(e))).unwrap();
    let of_types = [EventType::from_static("order.refunded"), EventType::from_static("none")];
    bus.subscribe(Subscription::to_types("types", of_types).call(move |e| types.note(e))).unwrap();
    let order = Category::from_static("order");
    bus.subscribe(Subscription::to_category("category", order).call(move |e| category.note(e)))
        .unwrap();
    let cart = Category::from_static("cart");
    bus.subscribe(Subscription::to_category("other", cart).call(move |e| other.note(e))).unwrap();
    bus.subscribe(Subscription::to_everything("all").call(move |e| all.note(e))).unwrap();

    let events = [placed("a", 1), unknown("a", 2), recorded("b", 3, &paid)];
    let delivered = bus.publish_and_wait(&events).await.unwrap();
    assert_eq!(delivered.handled, 2 + 1 + 3 + 3);
    let all = seen.each_ref().map(Seen::all);
    assert_eq!(all, [vec![1, 3], vec![2], vec![1, 2, 3], vec![], vec![1, 2, 3]]);
    let statistics = bus.statistics();
    assert_eq!((statistics.published, statistics.unmatched), (3, 0));
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_counted() {
    let bus = LocalBus::new();
    bus.publish_and_wait(&[placed("a", 1)]).await.unwrap();
    bus.publish(&[]).await.unwrap();
    let statistics = bus.statistics();
    assert_eq!((statistics.published, statistics.unmatched), (1, 1));
}

#[derive(Default)]
struct Turnover(AtomicU64);

impl EventHandler<OrderEvent> for Turnover {
    async fn handle(&self, event: &Recorded<OrderEvent>) -> Result<(), BoxError> {
        if let OrderEvent::Placed { cents } = event.event {
            tokio::task::yield_now().await;
            self.0.fetch_add(cents, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[tokio::test]
async fn handlers_may_have_state_and_may_wait() {
    let bus = LocalBus::new();
    let turnover = Arc::new(Turnover::default());
    let seen = Seen::default();
    bus.subscribe(Subscription::to::<OrderEvent>("turnover").handled_by(Arc::clone(&turnover)))
        .unwrap();
    let noting = seen.clone();
    let run = move |event: Recorded<OrderEvent>| {
        let seen = noting.clone();
        async move {
            tokio::task::yield_now().await;
            seen.note(&event)
        }
    };
    bus.subscribe(Subscription::to::<OrderEvent>("async").run(run)).unwrap();
    let events: Vec<_> = (1..=100).map(|n| placed("a", n)).collect();
    bus.publish_and_wait(&events).await.unwrap();
    assert_eq!(turnover.0.load(Ordering::SeqCst), 5_050);
    assert_eq!(seen.all(), (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn handlers_run_one_after_the_other_where_that_is_chosen() {
    let options = LocalOptions::default().with_delivery(Delivery::InOrder);
    let bus = LocalBus::with_options(options).unwrap();
    let seen = Seen::default();
    for name in ["first", "second", "third"] {
        let seen = seen.clone();
        let run = move |event: Recorded| {
            let seen = seen.clone();
            async move {
                tokio::task::yield_now().await;
                seen.note(&event)
            }
        };
        bus.subscribe(Subscription::to_everything(name).run(run)).unwrap();
    }
    bus.publish_and_wait(&[placed("a", 1), placed("a", 2)]).await.unwrap();
    assert_eq!(seen.all(), [1, 1, 1, 2, 2, 2]);
}

#[tokio::test]
async fn handlers_run_beside_each_other_unless_that_is_chosen() {
    let bus = LocalBus::new();
    let barrier = Arc::new(tokio::sync::Barrier::new(2));
    for name in ["one", "two"] {
        let barrier = Arc::clone(&barrier);
        let run = move |_: Recorded| {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                Ok(())
            }
        };
        bus.subscribe(Subscription::to_everything(name).run(run)).unwrap();
    }
    // Each waits for the other, so one after the other would never end.
    assert_eq!(bus.publish_and_wait(&[placed("a", 1)]).await.unwrap().handled, 2);
}

#[tokio::test]
async fn who_unsubscribed_is_given_nothing_more() {
    let bus = LocalBus::new();
    let (seen, kept) = (Seen::default(), Seen::default());
    let (one, two) = (seen.clone(), kept.clone());
    let registration =
        bus.subscribe(Subscription::to_everything("one").call(move |e| one.note(e))).unwrap();
    bus.subscribe(Subscription::to_everything("two").call(move |e| two.note(e))).unwrap();
    bus.publish_and_wait(&[placed("a", 1)]).await.unwrap();
    assert!(registration.unsubscribe().await);
    assert!(!registration.unsubscribe().await, "it is gone already");
    bus.publish_and_wait(&[placed("a", 2)]).await.unwrap();
    assert_eq!((seen.all(), kept.all()), (vec![1], vec![1, 2]));

    let again = seen.clone();
    let guard = bus
        .subscribe(Subscription::to_everything("one").call(move |e| again.note(e)))
        .unwrap()
        .until_dropped();
    assert!(!registration.unsubscribe().await, "the old handle is not that of the new one");
    bus.publish_and_wait(&[placed("a", 3)]).await.unwrap();
    drop(guard);
    bus.publish_and_wait(&[placed("a", 4)]).await.unwrap();
    assert_eq!(seen.all(), [1, 3]);
}

#[tokio::test]
async fn a_handler_may_end_its_own_subscription() {
    let bus = LocalBus::new();
    let slot: Arc<std::sync::Mutex<Option<es_bus::Registration>>> = Arc::default();
    let seen = Seen::default();
    let (own, noting) = (Arc::clone(&slot), seen.clone());
    let run = move |event: Recorded| {
        let (own, seen) = (own.lock().unwrap().clone(), noting.clone());
        async move {
            seen.note(&event)?;
            assert!(own.unwrap().unsubscribe().await);
            Ok(())
        }
    };
    let registration = bus.subscribe(Subscription::to_everything("once").run(run)).unwrap();
    *slot.lock().unwrap() = Some(registration);
    let delivered = bus.publish_and_wait(&[placed("a", 1), placed("a", 2)]).await.unwrap();
    assert_eq!(seen.all(), [1]);
    assert!(delivered.undelivered <= 1);
}

#[tokio::test]
async fn names_are_checked_and_unique() {
    let bus = LocalBus::new();
    let subscribe = |name: &str| bus.subscribe(Subscription::to_everything(name).call(|_| Ok(())));
    assert_eq!(subscribe("no/name").unwrap_err().kind(), ErrorKind::Invalid);
    subscribe("one").unwrap();
    assert_eq!(subscribe("one").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(bus.dead_letters("other").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn without_a_runtime_it_says_so() {
    let subscribed = LocalBus::new().subscribe(Subscription::to_everything("one").call(|_| Ok(())));
    assert_eq!(subscribed.unwrap_err().kind(), ErrorKind::Unsupported);
    for options in
        [LocalOptions::default().with_queue(0), LocalOptions::default().with_dead_letters(0)]
    {
        assert_eq!(LocalBus::with_options(options).unwrap_err().kind(), ErrorKind::Invalid);
    }
    let largest = LocalOptions::default().with_queue(usize::MAX);
    assert_eq!(LocalBus::with_options(largest).unwrap_err().kind(), ErrorKind::Invalid);
}
