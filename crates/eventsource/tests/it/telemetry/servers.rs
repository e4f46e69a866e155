//! What a server is asked, seen as spans; and a log on Redis that is opened by its URL and observed.

use std::collections::BTreeSet;

use es_testkit::servers::{RedisConfig, RedisServer};
use eventsource::{
    Interest, RedisTopic, TopicOptions,
    memory::MemoryReadModel,
    prelude::*,
    telemetry::{Capture, SPANS, SeenSpan},
};

use super::{
    bank::{Deposit, WITHIN, accounts},
    bus::until,
};

/// The spans of this name have what is documented, and no more.
fn is_documented(capture: &Capture, name: &str, shown: &str) {
    let documented = SPANS.iter().find(|span| span.shown == shown).unwrap();
    assert_eq!((documented.kind, documented.level), ("client", "debug"));
    let spans: Vec<SeenSpan> =
        capture.spans().into_iter().filter(|span| span.name == name).collect();
    let Some(first) = spans.first() else { panic!("no {name}: {:#?}", capture.spans()) };
    assert_eq!(first.kind, "Client");
    let seen: BTreeSet<&str> =
        spans.iter().flat_map(|span| span.attributes.keys()).map(String::as_str).collect();
    let known: BTreeSet<&str> = documented.attributes.iter().copied().collect();
    assert!(seen.is_subset(&known), "{name}: {seen:?}");
}

#[tokio::test]
async fn a_log_on_redis_that_is_opened_by_its_url_tells_what_it_does() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let observer = capture.telemetry().observer();
    let opened = eventsource::open_observed(&server.url(), observer).await.unwrap();
    let store = capture.telemetry().observe(opened);
    for cents in [1, 2] {
        accounts(&store).execute("alice", &Deposit(cents)).await.unwrap();
    }
    let redis = ("es.store", "redis");
    assert_eq!(capture.sum("es.commit.appends", &[redis]), 2.0);
    assert_eq!(capture.count("es.commit.duration", &[redis, ("es.result", "ok")]), 2);
    assert_eq!(capture.count("es.commit.wait", &[redis]), 2);
    assert!(capture.sum("es.append.queue.max", &[redis]) > 0.0);
    assert_eq!(capture.count("es.append.queue", &[redis]), 1);
    assert_eq!(capture.sum("es.append.events", &[("es.category", "account")]), 2.0);

    is_documented(&capture, "EVALSHA redis", "{operation} {system}");
    let spans = capture.spans();
    let call = spans.iter().rfind(|span| span.name == "EVALSHA redis").unwrap();
    let is = |name: &str, value: &str| assert_eq!(call.attributes[name], value, "{call:#?}");
    is("db.system.name", "redis");
    is("db.operation.name", "EVALSHA");
    is("server.address", "127.0.0.1");
    is("server.port", &server.address().port().to_string());
    assert_eq!(call.attributes["db.stored_procedure.name"].len(), 40);
    // What the server says no to.
    drop(server);
    accounts(&store).execute("alice", &Deposit(3)).await.unwrap_err();
    let spans = capture.spans();
    let is_failed = |span: &&SeenSpan| span.is_error && span.name.ends_with(" redis");
    let failed = spans.iter().find(is_failed).unwrap();
    assert!(["lost", "unreachable"].contains(&&*failed.attributes["error.type"]), "{failed:#?}");
}

#[tokio::test]
async fn what_a_consumer_asks_a_topic_has_spans() {
    for is_ordered in [true, false] {
        let server = RedisServer::start(&RedisConfig::in_memory());
        let capture = Capture::new();
        let _here = tracing::dispatcher::set_default(&capture.dispatch());
        let store = capture.telemetry().observe(Store::new(eventsource::MemoryStore::new()));
        let options = TopicOptions::default().with_partitions(2);
        let topic = RedisTopic::connect(&server.url(), "shop", options).await.unwrap();
        let all = Subscription::to_everything("mails").call(|_| Ok(()));
        let consumer = if is_ordered { topic.ordered(all) } else { topic.competing(all) };
        let consumer = consumer.start().await.unwrap();
        let relay = Relay::new("shop", store.clone(), MemoryReadModel::new())
            .publish(Interest::everything(), topic.clone())
            .start()
            .unwrap();
        accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
        consumer.when(|status| status.handled == 1).await.unwrap();
        let is_told = |span: &SeenSpan| span.name == "ack shop";
        until(&capture, |spans| spans.iter().any(is_told)).await;
        assert!(consumer.stop(WITHIN).await && relay.stop(WITHIN).await);
        for what in ["poll", "ack"] {
            is_documented(&capture, &format!("{what} shop"), &format!("{what} {{topic}}"));
            let spans = capture.spans();
            let is = |span: &&SeenSpan| {
                let count = span.attributes.get("es.event_count").map(String::as_str);
                span.name == format!("{what} shop") && count == Some("1")
            };
            let span = spans.iter().find(is).unwrap();
            let of = |name: &str| span.attributes.get(name).map(String::as_str);
            assert_eq!(of("messaging.operation.name"), Some(what));
            assert_eq!(of("messaging.destination.name"), Some("shop"));
            assert_eq!(of("messaging.consumer.group.name"), Some("mails"));
            assert_eq!(of("messaging.destination.partition.id").is_some(), is_ordered);
        }
    }
}

#[tokio::test]
async fn what_a_file_is_asked_has_spans_below_those_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let store = capture.telemetry().observe(eventsource::open(&url).await.unwrap());
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    accounts(&store).load("alice").await.unwrap();
    for (call, above) in
        [("append sqlite", "es.append account"), ("read sqlite", "es.load account")]
    {
        is_documented(&capture, call, "{operation} {system}");
        let spans = capture.spans();
        let call = spans.iter().rfind(|span| span.name == call).unwrap();
        assert_eq!(call.attributes["db.system.name"], "sqlite");
        let above: Vec<_> = spans.iter().filter(|span| span.name == above).collect();
        assert!(above.iter().any(|above| call.parent.as_deref() == Some(&above.id)), "{call:#?}");
    }
}
