//! Appends: a span with what became of it, and the metrics beside it.

use std::sync::Arc;

use es_core::{Append, ErrorKind, ExpectedVersion, Store};
use es_store_memory::MemoryStore;
use es_telemetry::Capture;
use es_testkit::{AppendFault, Faults, When};

use crate::checks::{attribute, event, events, span, store, stream, write};

#[tokio::test]
async fn an_append_has_a_span_and_is_counted() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture);
    let append = Append::to(stream("account", "alice"), ExpectedVersion::NoStream)
        .events(events(3))
        .and(stream("fees", "bank"), ExpectedVersion::Any)
        .event(event());
    store.append(append).await.unwrap();

    let span = span(&capture, "es.append account");
    assert_eq!(span.kind, "Internal");
    assert_eq!(attribute(&span, "es.category"), Some("account"));
    assert_eq!(attribute(&span, "es.stream.id"), Some("account/alice"));
    assert_eq!(attribute(&span, "es.stream_count"), Some("2"));
    assert_eq!(attribute(&span, "es.expected_version"), Some("no stream"));
    assert_eq!(attribute(&span, "es.event_count"), Some("4"));
    assert_eq!(attribute(&span, "es.result"), Some("ok"));
    assert!(!span.is_error && attribute(&span, "error.type").is_none());

    assert_eq!(capture.sum("es.append.events", &[("es.category", "account")]), 4.0);
    let ok = [("es.category", "account"), ("es.result", "ok")];
    assert_eq!(capture.count("es.append.duration", &ok), 1);
    let took = capture.sum("es.append.duration", &ok);
    assert!(took > 0.0 && took <= span.took.as_secs_f64(), "{took} {:?}", span.took);
    let points = capture.points();
    let names = points.iter().flat_map(|point| point.attributes.values());
    assert!(!names.into_iter().any(|value| value.contains("alice")), "no stream on a metric");
}

#[tokio::test]
async fn each_end_of_an_append_is_told_apart() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let faults = Faults::new();
    let store = Store::new(MemoryStore::new()).layer(&faults);
    let store = capture.telemetry().observe(store);
    let alice = || stream("account", "alice");
    let first = event();
    for _ in 0..2 {
        let append = Append::to(alice(), ExpectedVersion::NoStream).event(first.clone());
        store.append(append).await.unwrap();
    }
    let conflict = Append::to(alice(), ExpectedVersion::NoStream).event(event());
    store.append(conflict).await.unwrap_err();
    for kind in [ErrorKind::OutcomeUnknown, ErrorKind::Unavailable, ErrorKind::LogDiverged] {
        faults.on_append(When::next(), AppendFault::fail(kind));
        let append = Append::to(alice(), ExpectedVersion::Any).event(event());
        store.append(append).await.unwrap_err();
    }
    faults.on_append(When::next(), AppendFault::hang_before());
    let append = store.append(Append::to(alice(), ExpectedVersion::Any).event(event()));
    let mut append = Box::pin(append);
    assert!(futures_poll_once(append.as_mut()).await.is_none());
    drop(append);

    let ends: Vec<_> = capture
        .spans()
        .iter()
        .map(|span| {
            let of = |name| attribute(span, name).unwrap_or("").to_owned();
            (of("es.result"), of("error.type"), span.is_error)
        })
        .collect();
    let expected = [
        ("ok", "", false),
        ("duplicate", "", false),
        ("conflict", "conflict", false),
        ("unknown", "outcome_unknown", true),
        ("error", "unavailable", true),
        ("error", "log_diverged", true),
        ("abandoned", "", false),
    ];
    let expected =
        expected.map(|(result, kind, is_error)| (result.to_owned(), kind.to_owned(), is_error));
    assert_eq!(ends, expected);
    let account = [("es.category", "account")];
    assert_eq!(capture.sum("es.append.events", &account), 1.0, "a duplicate writes none");
    assert_eq!(capture.sum("es.append.duplicates", &account), 1.0);
    assert_eq!(capture.sum("es.append.conflicts", &account), 1.0);
    assert_eq!(capture.sum("es.append.unknown", &account), 1.0);
    assert_eq!(capture.sum("es.log.regressions", &[]), 1.0);
    assert_eq!(capture.count("es.append.duration", &account), 7);
    for (result, count) in [("ok", 1), ("error", 2), ("abandoned", 1), ("unknown", 1)] {
        assert_eq!(capture.count("es.append.duration", &[("es.result", result)]), count);
    }
    assert_eq!(capture.count("es.append.duration", &[("error.type", "unavailable")]), 1);
}

/// What a future has after one look at it.
async fn futures_poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn more_categories_than_are_remembered_are_still_told_apart() {
    let capture = Capture::new();
    let store = store(&capture);
    for number in 0..1_010 {
        write(&store, &format!("c{number}"), 1).await;
    }
    assert_eq!(capture.sum("es.append.events", &[]), 1_010.0);
    assert_eq!(capture.sum("es.append.events", &[("es.category", "c1009")]), 1.0);
}

#[tokio::test]
async fn the_layer_names_what_is_inside() {
    let store = Capture::new().telemetry().observe(Arc::new(MemoryStore::new()));
    assert!(store.to_string().ends_with(" with telemetry"), "{store}");
}
