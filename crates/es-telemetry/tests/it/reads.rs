//! Reads: a span for as long as somebody reads, and what the store took of that.

use es_core::{Category, ErrorKind, Read, Store};
use es_store_memory::MemoryStore;
use es_telemetry::Capture;
use es_testkit::{Faults, ReadFault, When};

use crate::checks::{all, attribute, span, store, stream, write};

#[tokio::test]
async fn a_load_has_a_span_and_is_measured() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture);
    write(&store, "account", 300).await;
    let read = store.read(Read::stream(stream("account", "a")));
    assert_eq!(read.into_vec().await.unwrap().len(), 300);
    let span = span(&capture, "es.load account");
    assert_eq!(attribute(&span, "es.stream.id"), Some("account/a"));
    assert_eq!(attribute(&span, "es.event_count"), Some("300"));
    assert_eq!(attribute(&span, "es.result"), Some("ok"));
    let of = [("es.category", "account"), ("es.read.kind", "stream")];
    assert_eq!(capture.sum("es.load.events", &of), 300.0);
    assert_eq!(capture.count("es.load.duration", &[("es.result", "ok"), of[0]]), 1);
    assert!(capture.sum("es.load.duration", &of) > 0.0);
}

#[tokio::test]
async fn other_reads_are_told_apart_by_what_is_read() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture);
    write(&store, "account", 2).await;
    let event = all(&store).await.remove(0);
    store.find(event.id).await.unwrap().unwrap();
    let category = Category::from_static("account");
    store.read(Read::category(category)).into_vec().await.unwrap();
    for (name, kind, events) in [
        ("es.read all", "all", "2"),
        ("es.read event", "event", "1"),
        ("es.read category", "category", "2"),
    ] {
        let span = span(&capture, name);
        assert_eq!(attribute(&span, "es.read.kind"), Some(kind));
        assert_eq!(attribute(&span, "es.event_count"), Some(events), "{name}");
        assert_eq!(capture.count("es.load.events", &[("es.read.kind", kind)]), 1);
    }
    let category = span(&capture, "es.read category");
    assert_eq!(attribute(&category, "es.category"), Some("account"));
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error_and_one_that_leaves_too_early_is_told() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture);
    write(&store, "account", 2).await;
    let mut read = store.read(Read::all());
    read.next().await.unwrap().unwrap();
    drop(read);
    drop(store.read(Read::all()));
    let results: Vec<_> =
        capture.spans().iter().skip(1).map(|s| s.attributes["es.result"].clone()).collect();
    assert_eq!(results, ["ok", "abandoned"]);
}

#[tokio::test]
async fn a_read_that_fails_is_an_error() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let faults = Faults::new();
    let store = capture.telemetry().observe(Store::new(MemoryStore::new()).layer(&faults));
    write(&store, "account", 2).await;
    faults.on_read(When::always(), ReadFault::fail(ErrorKind::LogDiverged));
    store.read(Read::all()).into_vec().await.unwrap_err();
    let span = span(&capture, "es.read all");
    assert!(span.is_error);
    assert_eq!(attribute(&span, "error.type"), Some("log_diverged"));
    assert_eq!(capture.count("es.load.duration", &[("error.type", "log_diverged")]), 1);
    assert_eq!(capture.sum("es.log.regressions", &[]), 1.0);
}
