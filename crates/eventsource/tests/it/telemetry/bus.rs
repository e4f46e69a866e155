//! From a command through the log and a relay to a handler of the bus.

use std::sync::atomic::{AtomicU64, Ordering};

use eventsource::{
    Category, MemoryStore,
    bus::{Interest, LocalBus, Relay, Retry, RunningRelay, Subscription},
    memory::MemoryReadModel,
    prelude::*,
    telemetry::{Capture, SeenSpan},
};
use tokio::sync::mpsc;

use super::bank::{AccountEvent, Deposit, WITHIN, accounts};

/// A bus whose one handler says what it is given, and fails on 13 for good and on 7 once.
pub(super) fn bus(capture: &Capture) -> (LocalBus, mpsc::UnboundedReceiver<u64>) {
    let bus = LocalBus::new().observed_by(capture.telemetry().observer());
    let (told, seen) = mpsc::unbounded_channel();
    let sevens = AtomicU64::new(0);
    let soon = std::time::Duration::from_micros(1);
    let retry = Retry::default().with_attempts(2).with_backoff(soon, soon);
    let mails = Subscription::to::<AccountEvent>("mails").with_retry(retry);
    let handler = mails.call(move |event| {
        let AccountEvent::Deposited { cents } = event.event;
        let is_first = cents == 7 && sevens.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first {
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        }
        if cents == 13 {
            return Err("unlucky".into());
        }
        told.send(cents)?;
        Ok(())
    });
    drop(bus.subscribe(handler).unwrap());
    (bus, seen)
}

pub(super) fn relay(store: &Store, bus: LocalBus) -> RunningRelay {
    Relay::new("bank", store.clone(), MemoryReadModel::new())
        .publish(Interest::category(Category::from_static("account")), bus)
        .start()
        .unwrap()
}

/// Waits until the spans that have ended are as they are wanted.
pub(super) async fn until(capture: &Capture, wanted: impl Fn(&[SeenSpan]) -> bool + Send + Sync) {
    let waiting = async {
        while !wanted(&capture.spans()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, waiting).await.expect("the spans come");
}

fn named<'a>(spans: &'a [SeenSpan], name: &str) -> Vec<&'a SeenSpan> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn what_is_published_and_processed_is_linked_to_its_append() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = capture.telemetry().observe(MemoryStore::new());
    accounts(&store).execute("old", &Deposit(1)).await.unwrap();
    let (bus, mut seen) = bus(&capture);
    let relay = relay(&store, bus.clone());
    assert_eq!(seen.recv().await, Some(1));
    relay.published(Position::new(1)).await.unwrap();
    let spans = capture.spans();
    let publish = named(&spans, "publish bank")[0];
    assert_eq!((publish.attributes["es.history"].as_str(), publish.links.len()), ("true", 0));
    assert!(named(&spans, "process mails").is_empty(), "no span for an event of history");

    for cents in [5, 7, 13] {
        accounts(&store).execute(format!("a{cents}"), &Deposit(cents)).await.unwrap();
    }
    until(&capture, |spans| named(spans, "process mails").len() == 3).await;
    relay.published(Position::new(4)).await.unwrap();
    relay.stop(WITHIN).await;
    let spans = capture.spans();
    let appends = named(&spans, "es.append account");
    let contexts: Vec<_> = appends[1..].iter().map(|s| (s.trace.clone(), s.id.clone())).collect();
    let publishes = &named(&spans, "publish bank")[1..];
    assert!(publishes.iter().all(|span| span.kind == "Producer"));
    assert!(publishes.iter().all(|span| span.attributes["messaging.destination.name"] == "bank"));
    let mut linked: Vec<_> = publishes.iter().flat_map(|span| span.links.clone()).collect();
    linked.sort();
    let mut sorted = contexts.clone();
    sorted.sort();
    assert_eq!(linked, sorted);

    let ends: Vec<_> = named(&spans, "process mails")
        .iter()
        .map(|span| {
            assert_eq!((span.kind.as_str(), span.links.len()), ("Consumer", 1));
            assert!(span.attributes["messaging.message.id"].len() == 36);
            let at = contexts.iter().position(|context| *context == span.links[0]).unwrap();
            (at, &*span.attributes["es.attempts"], &*span.attributes["es.result"], span.is_error)
        })
        .collect();
    assert_eq!(ends, [(0, "1", "ok", false), (1, "2", "ok", false), (2, "2", "error", true)]);
    let mails = ("messaging.consumer.group.name", "mails");
    assert_eq!(capture.sum("messaging.client.consumed.messages", &[mails]), 4.0);
    assert_eq!(capture.sum("es.bus.retries", &[mails]), 2.0);
    assert_eq!(capture.sum("es.bus.dead_letters", &[mails]), 1.0);
    assert_eq!(capture.count("messaging.process.duration", &[mails, ("es.result", "ok")]), 3);
    let bank = ("messaging.destination.name", "bank");
    assert_eq!(capture.sum("messaging.client.sent.messages", &[bank]), 4.0);
    assert_eq!(capture.count("es.bus.pending", &[mails]), 1);
}
