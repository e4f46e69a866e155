//! A context goes over Redis: from an append through a relay and a topic to a handler in
//! another process, which takes it from the message alone.

use std::sync::atomic::{AtomicBool, Ordering};

use eventsource::{
    Category, ConsumerState, Interest, RedisConsumer, RedisOptions, RedisStore, RedisTopic,
    TopicOptions, memory::MemoryReadModel, prelude::*, telemetry::Capture,
};
use tokio::sync::mpsc;

use super::{
    bank::{AccountEvent, Deposit, WITHIN, accounts},
    bus::until,
    child::Other,
};

fn on_redis<Case: Future<Output = ()>>(case: impl FnOnce(String) -> Case) {
    let url = async {
        let url = std::env::var("ES_TEST_REDIS_URL").ok().filter(|url| !url.is_empty());
        let url = url.unwrap_or_else(|| {
            es_testkit::skip("no Redis: run `cargo xtask test`, or set ES_TEST_REDIS_URL")
        });
        es_testkit::Fixture::new(url, ())
    };
    es_testkit::run(url, case);
}

async fn topic(url: &str, namespace: &str) -> RedisTopic {
    let options = TopicOptions::default().with_namespace(namespace).with_partitions(2);
    RedisTopic::connect(url, "bank", options).await.unwrap()
}

/// A log of its own on Redis, which tells everything it has to tell.
async fn store(capture: &Capture, url: &str, name: &str) -> Store {
    let options = RedisOptions::new().with_name(name).unwrap();
    let options = options.with_observer(capture.telemetry().observer());
    capture.telemetry().observe(RedisStore::open_with(url, options).await.unwrap())
}

/// Says each deposit that the handler of this mode is given, and fails once on 7.
fn mails(topic: &RedisTopic, mode: &str) -> (RedisConsumer, mpsc::UnboundedReceiver<u64>) {
    let (told, seen) = mpsc::unbounded_channel();
    let is_first = AtomicBool::new(true);
    let handler = Subscription::to::<AccountEvent>("mails").call(move |event| {
        let AccountEvent::Deposited { cents } = event.event;
        if cents == 7 && is_first.swap(false, Ordering::SeqCst) {
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        }
        told.send(cents)?;
        Ok(())
    });
    let consumer =
        if mode == "ordered" { topic.ordered(handler) } else { topic.competing(handler) };
    (consumer, seen)
}

async fn through(url: &str, mode: &str, is_sampled: bool) {
    let capture = if is_sampled { Capture::new() } else { Capture::unsampled() };
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let name = format!("trace-{}", EventId::new());
    let store = store(&capture, url, &name).await;
    accounts(&store).execute("old", &Deposit(1)).await.unwrap();
    let relay = Relay::new("bank", store.clone(), MemoryReadModel::new())
        .publish(Interest::category(Category::from_static("account")), topic(url, &name).await)
        .start()
        .unwrap();
    relay.published(Position::new(1)).await.unwrap();
    let role = "telemetry::topics::the_role_of_the_other_process";
    let told = [("ES_CHILD_TOPIC", &*name), ("ES_CHILD_MODE", mode), ("ES_TEST_REDIS_URL", url)];
    let mut other = Other::playing(role, &told);
    other.says("READY");
    accounts(&store).execute("new", &Deposit(7)).await.unwrap();
    let linked = other.says("LINKED ");
    other.ends_well();
    relay.stop(WITHIN).await;

    let stream = StreamId::new("account", "new").unwrap();
    let deposit = store.read(Read::stream(stream)).next().await.unwrap().unwrap();
    let context = deposit.metadata.traceparent().unwrap().to_owned();
    assert_eq!(linked, &context[3..52], "the trace and the span of the append");
    assert!(context.ends_with(if is_sampled { "-01" } else { "-00" }), "{context}");
    let bank = ("messaging.destination.name", "bank");
    assert_eq!(capture.sum("messaging.client.sent.messages", &[bank]), 2.0);
    let redis = ("es.store", "redis");
    assert_eq!(capture.count("es.commit.appends", &[redis]), 2);
    assert_eq!(capture.count("es.append.queue", &[redis]), 1);
}

#[test]
fn the_context_goes_over_redis_to_a_handler_that_keeps_order() {
    on_redis(|url| async move {
        through(&url, "ordered", true).await;
        through(&url, "ordered", false).await;
    });
}

#[test]
fn the_context_goes_over_redis_to_a_handler_that_competes() {
    on_redis(|url| async move { through(&url, "competing", true).await });
}

/// Handles what comes over the topic, and says what the live event was linked to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_the_other_process() {
    let Ok(name) = std::env::var("ES_CHILD_TOPIC") else {
        return; // played by the tests above
    };
    let url = std::env::var("ES_TEST_REDIS_URL").unwrap();
    let mode = std::env::var("ES_CHILD_MODE").unwrap();
    let capture = Capture::new();
    tracing::dispatcher::set_global_default(capture.dispatch()).unwrap();
    let topic = topic(&url, &name).await.observed_by(capture.telemetry().observer());
    let (consumer, mut seen) = mails(&topic, &mode);
    let running = consumer.start().await.unwrap();
    running.when(|status| status.state == ConsumerState::Active).await.unwrap();
    let mut next = async || tokio::time::timeout(WITHIN, seen.recv()).await.unwrap().unwrap();
    assert_eq!(next().await, 1, "what was published before this process was there");
    println!("READY");
    assert_eq!(next().await, 7);
    // Where each attempt is a message of its own, each has a span.
    let spans = if mode == "ordered" { 1 } else { 2 };
    let shown = "process bank";
    let is_done = |span: &eventsource::telemetry::SeenSpan| span.name == shown;
    until(&capture, |seen| seen.iter().filter(|span| is_done(span)).count() == spans).await;
    assert!(running.stop(WITHIN).await);
    let seen = capture.spans();
    let processed: Vec<_> = seen.iter().filter(|span| is_done(span)).collect();
    for span in &processed {
        assert_eq!((span.kind.as_str(), span.links.len()), ("Consumer", 1), "not of history");
        assert_eq!(span.links[0], processed[0].links[0]);
        assert_eq!(span.attributes["messaging.destination.name"], "bank");
        assert_eq!(span.attributes["messaging.consumer.group.name"], "mails");
    }
    let last = processed.last().unwrap();
    assert_eq!((&*last.attributes["es.attempts"], &*last.attributes["es.result"]), ("2", "ok"));
    let mails = ("messaging.consumer.group.name", "mails");
    assert_eq!(capture.sum("es.bus.retries", &[mails]), 1.0);
    let (trace, span) = &last.links[0];
    println!("LINKED {trace}-{span}");
}
