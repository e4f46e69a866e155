//! The context of the trace in each event.

use es_core::{Append, ExpectedVersion, Metadata, Store};
use es_store_memory::MemoryStore;
use es_telemetry::{Capture, Telemetry};
use tracing::Instrument;

use crate::checks::{all, event, span, store, stream, write};

const THEIRS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn each_event_has_the_context_of_its_append_within_the_trace_of_the_caller() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture);
    write(&store, "account", 2).instrument(tracing::info_span!("request")).await;
    let (append, request) = (span(&capture, "es.append account"), span(&capture, "request"));
    assert_eq!(append.parent.as_deref(), Some(request.id.as_str()));
    assert_eq!(append.trace, request.trace);
    let expected = format!("00-{}-{}-01", append.trace, append.id);
    for event in all(&store).await {
        assert_eq!(event.metadata.traceparent(), Some(expected.as_str()));
        assert_eq!(event.metadata.tracestate(), None);
        assert!(event.metadata.correlation_id().is_some());
    }
}

#[tokio::test]
async fn the_context_is_written_also_when_the_trace_is_not_sampled() {
    let capture = Capture::unsampled();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture);
    write(&store, "account", 1).await;
    let written = all(&store).await;
    let parent = written[0].metadata.traceparent().unwrap();
    assert!(parent.starts_with("00-") && parent.ends_with("-00") && parent.len() == 55, "{parent}");
    assert_eq!(capture.spans(), []);
    assert_eq!(capture.sum("es.append.events", &[]), 1.0, "metrics are not sampled");
}

#[tokio::test]
async fn a_context_that_the_caller_has_set_is_kept() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture);
    let theirs = event().with_metadata(Metadata::new().with_trace(THEIRS, Some("a=1")));
    let append = Append::to(stream("account", "a"), ExpectedVersion::Any);
    store.append(append.event(theirs).event(event())).await.unwrap();
    let written = all(&store).await;
    assert_eq!(written[0].metadata.traceparent(), Some(THEIRS));
    assert_eq!(written[0].metadata.tracestate(), Some("a=1"));
    assert_ne!(written[1].metadata.traceparent(), Some(THEIRS));
}

#[tokio::test]
async fn where_the_span_is_filtered_out_the_context_around_it_is_written() {
    use tracing_subscriber::{Registry, filter::Targets, layer::SubscriberExt};

    let capture = Capture::new();
    let levels = Targets::new().with_default(tracing::Level::INFO);
    let levels = levels.with_target("es_telemetry", tracing::level_filters::LevelFilter::OFF);
    let subscriber = Registry::default().with(levels).with(capture.tracing_layer());
    let _here = tracing::subscriber::set_default(subscriber);
    let store = store(&capture);
    write(&store, "account", 1).instrument(tracing::info_span!("request")).await;
    let request = span(&capture, "request");
    let expected = format!("00-{}-{}-01", request.trace, request.id);
    assert_eq!(all(&store).await[0].metadata.traceparent(), Some(expected.as_str()));
}

#[tokio::test]
async fn without_a_trace_nothing_is_written() {
    let store = Telemetry::new().observe(Store::new(MemoryStore::new()));
    write(&store, "account", 1).await;
    assert_eq!(all(&store).await[0].metadata.traceparent(), None);
}
