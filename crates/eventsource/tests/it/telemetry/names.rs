//! Every span that is documented has an emitter, and has what is documented.

use std::collections::{BTreeMap, BTreeSet};

use eventsource::{
    Category, MemoryStore,
    memory::MemoryReadModel,
    prelude::*,
    projection::{OnFailure, Policy},
    telemetry::{Capture, SPANS},
};

use super::bank::{AccountEvent, Deposit, Silent, accounts};

/// Fields that steer OpenTelemetry and are no attributes, and what its bridge adds.
const NOT_OURS: [&str; 2] = ["level", "target"];

/// What can be added up or compared.
const COUNTS: [&str; 5] = ["es.stream_count", "es.event_count", "es.attempts", "es.from", "es.to"];

#[tokio::test]
async fn every_span_has_an_emitter_with_the_kind_and_the_attributes_that_are_documented() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let faults = es_testkit::Faults::new();
    let store = Store::new(MemoryStore::new()).layer(&faults);
    let store = capture.telemetry().observe(store);
    accounts(&store).execute("alice", &Deposit(13)).await.unwrap();
    store.read(Read::category(Category::from_static("account"))).into_vec().await.unwrap();
    let mut both = Append::to(StreamId::new("account", "carol").unwrap(), ExpectedVersion::Any);
    both = both.event(AccountEvent::Deposited { cents: 13 });
    both = both.and(StreamId::new("account", "dave").unwrap(), ExpectedVersion::NoStream);
    store.append(both.event(AccountEvent::Deposited { cents: 13 })).await.unwrap();
    let policy = Policy::default().with_on_failure(OnFailure::Stop);
    let runner = Runner::new(store.clone());
    runner.project_with(Silent, MemoryReadModel::new(), policy).catch_up().await.unwrap_err();
    let kind = eventsource::ErrorKind::Unavailable;
    // A relay to a bus, and one to a bus that is closed.
    for is_open in [true, false] {
        let (bus, _seen) = super::bus::bus(&capture);
        if !is_open {
            bus.shutdown(super::bank::WITHIN).await;
        }
        let relay = super::bus::relay(&store, bus.clone());
        if is_open {
            relay.published(Position::new(1)).await.unwrap();
            // Of a stream that does not wait behind a dead letter.
            accounts(&store).execute("bob", &Deposit(13)).await.unwrap();
            let event = store.read(Read::all().backward()).next().await.unwrap().unwrap();
            bus.publish_and_wait(&[event]).await.unwrap();
        } else {
            let is_told = |span: &eventsource::telemetry::SeenSpan| {
                span.name == "publish bank" && span.is_error
            };
            super::bus::until(&capture, |spans| spans.iter().any(is_told)).await;
        }
        relay.stop(super::bank::WITHIN).await;
    }
    faults.on_append(es_testkit::When::always(), es_testkit::AppendFault::fail(kind));
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap_err();
    faults.on_read(es_testkit::When::always(), es_testkit::ReadFault::fail(kind));
    accounts(&store).load("alice").await.unwrap_err();
    store.read(Read::all()).into_vec().await.unwrap_err();

    let mut seen = BTreeMap::<String, (String, BTreeSet<String>)>::new();
    for span in capture.spans() {
        let name = span.name.split(' ').next().unwrap().to_owned();
        let (kind, attributes) = seen.entry(name).or_insert((span.kind, BTreeSet::new()));
        assert!(!kind.is_empty());
        for counts in COUNTS.iter().filter(|name| span.attributes.contains_key(**name)) {
            assert!(span.numbers.contains_key(*counts), "{counts} is text: {:?}", span.attributes);
        }
        attributes.extend(span.attributes.into_keys().filter(|key| !NOT_OURS.contains(&&**key)));
    }
    // Calls of servers are looked at where there are servers.
    let documented: BTreeMap<_, _> = SPANS
        .iter()
        .filter(|span| span.kind != "client")
        .map(|span| {
            // Here nothing comes from a topic.
            let is_here =
                |name: &&&str| span.name != "es.process" || **name != "messaging.destination.name";
            let attributes = span.attributes.iter().filter(is_here);
            let attributes = attributes.map(ToString::to_string).collect();
            let kind = match span.kind {
                "internal" => "Internal",
                "consumer" => "Consumer",
                "producer" => "Producer",
                other => panic!("{other}"),
            };
            let first = span.shown.split(' ').next().unwrap();
            (first.to_owned(), (kind.to_owned(), attributes))
        })
        .collect();
    assert_eq!(seen, documented);
}

#[tokio::test]
async fn a_command_that_meets_others_is_told_with_its_attempts() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let faults = es_testkit::Faults::new();
    let store = Store::new(MemoryStore::new()).layer(&faults);
    let store = capture.telemetry().observe(store);
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    let overtake = es_testkit::AppendFault::overtake(|append| {
        let other = AccountEvent::Deposited { cents: 1 };
        Append::to(append.streams()[0].stream.clone(), ExpectedVersion::Any).event(other)
    });
    faults.on_append(es_testkit::When::next(), overtake);
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    accounts(&store).execute("alice", &Deposit(0)).await.unwrap_err();
    let spans = capture.spans();
    let ends: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "es.execute Deposit")
        .map(|s| (&*s.attributes["es.attempts"], &*s.attributes["es.result"], s.is_error))
        .collect();
    assert_eq!(ends, [("1", "ok", false), ("2", "ok", false), ("1", "rejected", false)]);
    assert_eq!(capture.sum("es.execute.retries", &[("es.command", "Deposit")]), 1.0);
    assert_eq!(capture.sum("es.append.conflicts", &[("es.category", "account")]), 1.0);
}
