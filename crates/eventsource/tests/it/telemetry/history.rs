//! A rebuild tells of batches, links nothing, and has no span for an event.

use eventsource::{
    BoxError,
    memory::{MemoryReadModel, MemoryTx},
    prelude::*,
    projection::{Rebuild, Rebuilding},
    telemetry::Capture,
};

use super::bank::{Deposit, Silent, accounts, store};

impl Rebuild for Silent {
    async fn swap(&self, _: &mut MemoryTx) -> Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_rebuild_has_few_spans_and_no_links() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture, folder.path()).await;
    for number in 0..1_200 {
        accounts(&store).execute(number % 50, &Deposit(1)).await.unwrap();
    }
    let model = MemoryReadModel::new();
    let before = capture.spans().len();
    let rebuilt = Rebuilding::new(store.clone(), Silent, model.clone()).run().await.unwrap();
    assert_eq!(rebuilt.handled, 1_200);
    let spans = capture.spans().split_off(before);
    let projects: Vec<_> = spans.iter().filter(|s| s.name.starts_with("es.project")).collect();
    let events = projects.iter().map(|span| span.attributes["es.event_count"].parse::<usize>());
    assert_eq!(events.map(Result::unwrap).sum::<usize>(), 1_200);
    assert!(projects.iter().all(|span| span.links.is_empty()));
    assert!(projects.iter().all(|span| span.attributes["es.history"] == "true"));
    assert!(spans.len() < 60, "no span for an event: {}", spans.len());

    // The version that was built goes on, and what comes is linked.
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    Runner::new(store).project(Silent, model).catch_up().await.unwrap();
    let spans = capture.spans();
    let last = spans.iter().rfind(|span| span.name.starts_with("es.project")).unwrap();
    assert_eq!(last.links.len(), 1);
}
