//! Everything that is told is documented, and everything that is documented is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use es_core::{Append, ErrorKind, ExpectedVersion, GaugeSource, Store};
use es_store_memory::MemoryStore;
use es_telemetry::{ATTRIBUTES, Capture, METRICS, MetricKind, SPANS, markdown};
use es_testkit::{AppendFault, Faults, ReadFault, When};

use crate::{
    checks::{all, event, stream},
    told::{Values, everything},
};

/// Where the generated part of the page begins.
const MARK: &str = "<!-- generated: `ES_WRITE_DOCS=1 cargo test -p es-telemetry --all-features catalogue` writes what follows -->\n";

pub(crate) fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[test]
fn the_page_is_up_to_date() {
    let path = docs().join("telemetry.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (written, generated) = page.split_once(MARK).expect("the mark stands in the page");
    let current = format!("\n{}", markdown());
    if generated != current && std::env::var_os("ES_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{written}{MARK}{current}")).unwrap();
        return;
    }
    assert_eq!(generated, current, "docs/telemetry.md is out of date: see the mark in it");
}

#[test]
fn every_attribute_is_explained_and_used_and_every_name_is_there_once() {
    let spans = SPANS.iter().flat_map(|span| span.attributes);
    let used: BTreeSet<_> = METRICS.iter().flat_map(|m| m.attributes).chain(spans).collect();
    let explained: BTreeSet<_> = ATTRIBUTES.iter().map(|attribute| &attribute.name).collect();
    assert_eq!(used, explained);
    assert_eq!(explained.len(), ATTRIBUTES.len());
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    assert!(METRICS.iter().all(|metric| !metric.attributes.contains(&"es.stream.id")));
}

/// Does everything that is measured once, so that each metric has all of its attributes.
async fn exhaust(capture: &Capture) -> Arc<Values> {
    everything(capture).await;
    let faults = Faults::new();
    let store = capture.telemetry().observe(Store::new(MemoryStore::new()).layer(&faults));
    let first = event();
    let append = |event| Append::to(stream("account", "a"), ExpectedVersion::NoStream).event(event);
    for _ in 0..2 {
        store.append(append(first.clone())).await.unwrap();
    }
    store.append(append(event())).await.unwrap_err();
    faults.on_append(When::next(), AppendFault::fail(ErrorKind::OutcomeUnknown));
    store.append(append(event())).await.unwrap_err();
    all(&store).await;
    faults.on_read(When::always(), ReadFault::fail(ErrorKind::Unavailable));
    store.version(&stream("account", "a")).await.unwrap_err();
    let values = Arc::new(Values::default());
    let source: Arc<dyn GaugeSource> = Arc::clone(&values) as _;
    capture.telemetry().observer().watch(Arc::downgrade(&source));
    values
}

#[tokio::test]
async fn every_metric_has_an_emitter_with_the_unit_and_the_attributes_that_are_documented() {
    let capture = Capture::new();
    let _values = exhaust(&capture).await;
    let mut seen = BTreeMap::<String, (String, BTreeSet<String>)>::new();
    for point in capture.points() {
        let metric = seen.entry(point.metric).or_insert((point.unit, BTreeSet::new()));
        metric.1.extend(point.attributes.into_keys());
    }
    let documented: BTreeMap<_, _> = METRICS
        .iter()
        .map(|metric| {
            let attributes = metric.attributes.iter().map(ToString::to_string).collect();
            (metric.name.to_owned(), (metric.unit.to_owned(), attributes))
        })
        .collect();
    assert_eq!(seen, documented);
    assert!(
        METRICS.iter().all(|metric| metric.kind != MetricKind::Histogram || metric.unit != "1")
    );
}
