//! What a server is asked, seen as spans; and a log on Redis that is opened by its URL and observed.

use std::collections::BTreeSet;

use es_testkit::servers::{Proxy, RedisConfig, RedisServer};
use eventsource::{
    Interest, RedisTopic, TopicOptions,
    memory::MemoryReadModel,
    prelude::*,
    telemetry::{Capture, SPANS, SeenSpan},
};

#[cfg(feature = "postgres")]
use eventsource::{PostgresOptions, PostgresStore, postgres::tokio_postgres};

use tracing::Instrument;

use super::{
    bank::{AccountEvent, Deposit, WITHIN, accounts},
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

/// The spans whose names end like this have, between them, all that is documented but for what is
/// `not` of this kind of server.
fn have_all(capture: &Capture, end: &str, shown: &str, not: &[&str]) {
    let documented = SPANS.iter().find(|span| span.shown == shown).unwrap();
    let spans = capture.spans();
    let spans = spans.iter().filter(|span| span.name.ends_with(end));
    let seen: BTreeSet<&str> =
        spans.flat_map(|span| span.attributes.keys()).map(String::as_str).collect();
    let known = documented.attributes.iter().copied().filter(|name| !not.contains(name));
    assert_eq!(seen, known.collect(), "{end}");
}

const CALL: &str = "{operation} {system}";

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
    assert_eq!(call.numbers["server.port"], i64::from(server.address().port()));
    assert_eq!(call.attributes["db.stored_procedure.name"].len(), 40);
    // What the server says no to.
    drop(server);
    accounts(&store).execute("alice", &Deposit(3)).await.unwrap_err();
    let spans = capture.spans();
    let is_failed = |span: &&SeenSpan| span.is_error && span.name.ends_with(" redis");
    let failed = spans.iter().find(is_failed).unwrap();
    assert!(["lost", "unreachable"].contains(&&*failed.attributes["error.type"]), "{failed:#?}");
    let not = ["db.namespace", "db.collection.name", "db.response.status_code"];
    have_all(&capture, " redis", CALL, &not);
}

#[tokio::test]
async fn what_a_consumer_asks_a_topic_has_spans() {
    for is_ordered in [true, false] {
        let server = RedisServer::start(&RedisConfig::in_memory());
        let proxy = Proxy::start(server.address()).await;
        let capture = Capture::new();
        let _here = tracing::dispatcher::set_default(&capture.dispatch());
        let store = capture.telemetry().observe(Store::new(eventsource::MemoryStore::new()));
        let options = TopicOptions::default().with_partitions(2);
        let topic =
            async |url: &str| RedisTopic::connect(url, "shop", options.clone()).await.unwrap();
        let theirs = topic(&format!("redis://{}", proxy.address())).await;
        let all = Subscription::to_everything("mails").call(|_| Ok(()));
        let consumer = if is_ordered { theirs.ordered(all) } else { theirs.competing(all) };
        let lease = std::time::Duration::from_millis(300);
        let consumer = consumer.with_lease(lease).start().await.unwrap();
        let relay = Relay::new("shop", store.clone(), MemoryReadModel::new())
            .publish(Interest::everything(), topic(&server.url()).await)
            .start()
            .unwrap();
        accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
        consumer.when(|status| status.handled == 1).await.unwrap();
        let is_told = |span: &SeenSpan| span.name == "ack shop";
        until(&capture, |spans| spans.iter().any(is_told)).await;
        // Both also fail at times.
        let fails = |what: &str| {
            let is = |span: &SeenSpan| span.is_error && span.name == format!("{what} shop");
            capture.spans().iter().any(is)
        };
        let mut handled = 1;
        while !(fails("poll") && fails("ack")) {
            proxy.cut_randomly(handled, 3, 3);
            accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
            handled += 1;
            consumer.when(|status| status.handled >= handled).await.unwrap();
        }
        proxy.cut_randomly(0, 1, 0);
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
            let not = ["messaging.destination.partition.id"];
            let not = if is_ordered { &[][..] } else { &not };
            have_all(&capture, &format!("{what} shop"), &format!("{what} {{topic}}"), not);
        }
    }
}

/// An event of each of two streams, so that a call carries several.
async fn append_two(store: &Store) {
    let events = [1, 2].map(|cents| AccountEvent::Deposited { cents });
    let [first, second] = events;
    let append = Append::to(StreamId::new("account", "bob").unwrap(), ExpectedVersion::Any);
    let append = append.event(first).and(StreamId::new("account", "carol").unwrap(), ANY);
    store.append(append.event(second)).await.unwrap();
}

const ANY: ExpectedVersion = ExpectedVersion::Any;

/// What the last span of this name says.
fn last(capture: &Capture, name: &str) -> SeenSpan {
    let spans = capture.spans();
    let last = spans.iter().rfind(|span| span.name == name);
    last.unwrap_or_else(|| panic!("no {name}: {spans:#?}")).clone()
}

#[tokio::test]
async fn what_a_file_is_asked_has_spans_below_those_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let file = folder.path().join("a.db").display().to_string();
    let store = eventsource::open(&format!("sqlite:{file}")).await.unwrap();
    let store = capture.telemetry().observe(store);
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    accounts(&store).load("alice").await.unwrap();
    for (call, above) in
        [("append sqlite", "es.append account"), ("read sqlite", "es.load account")]
    {
        is_documented(&capture, call, "{operation} {system}");
        let (call, spans) = (last(&capture, call), capture.spans());
        assert_eq!(call.attributes["db.system.name"], "sqlite");
        assert_eq!(call.attributes["db.namespace"], file);
        assert_eq!(call.attributes["db.collection.name"], "es_events");
        assert_eq!(call.attributes["db.operation.name"], call.name.split(' ').next().unwrap());
        assert!(!call.attributes.contains_key("db.operation.batch.size"), "{call:#?}");
        let above: Vec<_> = spans.iter().filter(|span| span.name == above).collect();
        assert!(above.iter().any(|above| call.parent.as_deref() == Some(&above.id)), "{call:#?}");
    }
    append_two(&store).await;
    assert_eq!(last(&capture, "append sqlite").numbers["db.operation.batch.size"], 2);
    // What says no to an append is the log, and a read of a file that is there does not fail.
    let not = ["db.stored_procedure.name", "server.address", "server.port"];
    let not = [&not[..], &["db.response.status_code", "error.type"]].concat();
    have_all(&capture, " sqlite", CALL, &not);
}

/// Pages that are fetched on threads of the store, where no subscriber was set.
#[tokio::test]
async fn the_span_above_a_long_read_of_a_file_ends() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let file = folder.path().join("a.db").display().to_string();
    let store = eventsource::open(&format!("sqlite:{file}")).await.unwrap();
    let stream = StreamId::new("account", "long").unwrap();
    for _ in 0..10 {
        let events = (0..1_000).map(|cents| AccountEvent::Deposited { cents });
        store
            .append(Append::to(stream.clone(), ExpectedVersion::Any).events(events))
            .await
            .unwrap();
    }
    let read = async { store.read(Read::all()).into_vec().await.unwrap() };
    let events = read.instrument(tracing::info_span!("long read")).await;
    assert_eq!(events.len(), 10_000);
    until(&capture, |spans| spans.iter().any(|span| span.name == "long read")).await;
    let spans = capture.spans();
    let above = spans.iter().find(|span| span.name == "long read").unwrap();
    let below = spans.iter().filter(|span| span.parent.as_deref() == Some(&above.id));
    assert!(below.filter(|span| span.name == "read sqlite").count() > 1, "several pages");
}

#[cfg(feature = "postgres")]
#[test]
fn what_postgres_is_asked_has_spans_that_say_where_and_what() {
    let url = async {
        let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        let url = url.unwrap_or_else(|| {
            es_testkit::skip("no PostgreSQL: run `cargo xtask test`, or set ES_TEST_POSTGRES_URL")
        });
        es_testkit::Fixture::new(url, ())
    };
    es_testkit::run(url, |url| async move {
        let capture = Capture::new();
        let _here = tracing::dispatcher::set_default(&capture.dispatch());
        let schema = format!("spans_{}", std::process::id());
        let options = PostgresOptions::new().with_schema(&schema).unwrap();
        let store = PostgresStore::open_with(&url, options.clone()).await.unwrap();
        let store = capture.telemetry().observe(Store::new(store));
        accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
        accounts(&store).load("alice").await.unwrap();
        let config: tokio_postgres::Config = url.parse().unwrap();
        let database = config.get_dbname().or(config.get_user()).unwrap();
        for (name, operation) in [("append postgresql", "append"), ("read postgresql", "read")] {
            is_documented(&capture, name, "{operation} {system}");
            let call = last(&capture, name);
            let is = |name: &str, value: &str| assert_eq!(call.attributes[name], value, "{name}");
            is("db.system.name", "postgresql");
            is("db.namespace", &format!("{database}|{schema}"));
            is("db.collection.name", "es_events");
            is("db.operation.name", operation);
            if let [tokio_postgres::config::Host::Tcp(host)] = config.get_hosts() {
                is("server.address", host);
                let port = config.get_ports().first().copied().unwrap_or(5432);
                assert_eq!(call.numbers["server.port"], i64::from(port));
            }
            assert!(!call.attributes.contains_key("db.operation.batch.size"), "{call:#?}");
        }
        append_two(&store).await;
        assert_eq!(last(&capture, "append postgresql").numbers["db.operation.batch.size"], 2);

        // What the server says no to, in its own words.
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
        accounts(&store).load("alice").await.unwrap_err();
        let failed = last(&capture, "read postgresql");
        assert!(failed.is_error, "{failed:#?}");
        assert_eq!(failed.attributes["db.response.status_code"], "42P01");
        assert_eq!(failed.attributes["error.type"], "invalid");
        is_documented(&capture, "read postgresql", "{operation} {system}");
        let has_host = matches!(config.get_hosts(), [tokio_postgres::config::Host::Tcp(_)]);
        let not = ["server.address", "server.port", "db.stored_procedure.name"];
        have_all(&capture, " postgresql", CALL, if has_host { &not[2..] } else { &not });
    });
}
