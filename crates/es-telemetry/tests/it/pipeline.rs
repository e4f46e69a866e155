//! The pipelines that are set up in one call: what reaches a collector, and what is refused.

use std::{collections::BTreeSet, future::Future, time::Duration};

use es_core::{ErrorKind, Store};
use es_store_memory::MemoryStore;
use es_telemetry::Pipeline;
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    task::LocalSet,
};
use tonic::{Request, Response, Status, transport::Server};
use tracing::{Dispatch, instrument::WithSubscriber};
use tracing_subscriber::{Registry, layer::SubscriberExt};

use crate::checks::write;

/// Says which spans and metrics it is sent, with the service that they are of.
#[derive(Clone)]
struct Collector(mpsc::UnboundedSender<String>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_service in request.into_inner().resource_spans {
            let attributes = of_service.resource.map(|resource| resource.attributes);
            let service = format!("{:?}", attributes.unwrap_or_default());
            assert!(service.contains("bank"), "{service}");
            for span in of_service.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let _ = self.0.send(span.name);
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        for of_service in request.into_inner().resource_metrics {
            for metric in of_service.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                let _ = self.0.send(metric.name);
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// Lets `test` have a collector, with its address and what it is sent.
async fn with_collector<Test: Future<Output = ()>>(
    test: impl FnOnce(String, mpsc::UnboundedReceiver<String>) -> Test,
) {
    let (told, seen) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let incoming = tonic::transport::server::TcpIncoming::bind("127.0.0.1:0".parse().unwrap());
    let incoming = incoming.unwrap();
    let address = incoming.local_addr().unwrap();
    let server = Server::builder()
        .add_service(TraceServiceServer::new(Collector(told.clone())))
        .add_service(MetricsServiceServer::new(Collector(told)))
        .serve_with_incoming_shutdown(incoming, async { drop(stopped.await) });
    let server = tokio::spawn(server);
    test(format!("http://{address}"), seen).await;
    drop(stop);
    server.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_sent_what_is_flushed_and_the_rest_at_the_end() {
    with_collector(|url, mut seen| async move {
        let pipeline = Pipeline::otlp("bank").with_endpoint(url);
        let guard = pipeline.with_interval(Duration::from_secs(3_600)).unwrap().build().unwrap();
        let dispatch = Dispatch::new(Registry::default().with(guard.tracing_layer()));
        let store = guard.telemetry().observe(Store::new(MemoryStore::new()));
        write(&store, "account", 3).with_subscriber(dispatch.clone()).await;
        guard.flush().unwrap();
        let mut sent = BTreeSet::new();
        while !(sent.contains("es.append account") && sent.contains("es.append.events")) {
            sent.insert(seen.recv().await.unwrap());
        }
        write(&store, "late", 3).with_subscriber(dispatch).await;
        drop(guard);
        while !sent.contains("es.append late") {
            sent.insert(seen.recv().await.unwrap());
        }
    })
    .await;
}

/// What is written, flushed and dropped in a runtime of one thread, whose every task waits then.
async fn on_one_thread(url: String, name: &'static str) {
    let guard = Pipeline::otlp("bank").with_endpoint(url).build().unwrap();
    let dispatch = Dispatch::new(Registry::default().with(guard.tracing_layer()));
    let store = guard.telemetry().observe(Store::new(MemoryStore::new()));
    write(&store, name, 3).with_subscriber(dispatch.clone()).await;
    guard.flush().unwrap();
    drop(guard);
}

async fn is_told(seen: &mut mpsc::UnboundedReceiver<String>, name: &str) {
    let wanted = format!("es.append {name}");
    while seen.recv().await.unwrap() != wanted {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runtime_of_the_program_need_not_send() {
    with_collector(|url, mut seen| async move {
        let address = url.clone();
        let alone = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(on_one_thread(address, "alone"));
        });
        is_told(&mut seen, "alone").await;
        alone.join().unwrap();
        // The one worker of a runtime, in a task.
        let busy = std::thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
            runtime.block_on(runtime.spawn(on_one_thread(url, "worker"))).unwrap();
        });
        is_told(&mut seen, "worker").await;
        busy.join().unwrap();
    })
    .await;
    // Without any.
    let guard = Pipeline::otlp("bank").with_endpoint("http://127.0.0.1:1").build().unwrap();
    std::thread::spawn(move || drop(guard)).join().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_works_and_ends_where_no_task_may_block() {
    with_collector(|url, mut seen| async move {
        let local = LocalSet::new();
        let inner = on_one_thread(url.clone(), "inner");
        let task = local.spawn_local(inner);
        local.run_until(on_one_thread(url, "outer")).await;
        local.run_until(task).await.unwrap();
        is_told(&mut seen, "outer").await;
        is_told(&mut seen, "inner").await;
    })
    .await;
    LocalSet::new().run_until(async { drop(Pipeline::stdout("bank").build().unwrap()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused() {
    for part in [-0.1, 1.1, f64::NAN] {
        let error = Pipeline::stdout("bank").with_sampling(part).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    let error = Pipeline::stdout("bank").with_interval(Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = Pipeline::otlp("bank").with_endpoint("not an address").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let error = Pipeline::otlp("bank").with_endpoint("not an address").build().unwrap_err();
    assert!(error.to_string().contains("http://host:4317"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_is_told_and_loses_no_event() {
    let pipeline = Pipeline::otlp("bank").with_endpoint("http://127.0.0.1:1");
    let guard = pipeline.build().unwrap();
    let store = guard.telemetry().observe(Store::new(MemoryStore::new()));
    write(&store, "account", 3).await;
    assert_eq!(guard.flush().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.head().await.unwrap().position.get(), 3);
}
