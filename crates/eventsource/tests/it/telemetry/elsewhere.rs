//! A context goes through the log to a handler in another process, and comes back as a link.

#[cfg(feature = "postgres")]
use eventsource::{PostgresOptions, PostgresStore, postgres::tokio_postgres};
use eventsource::{memory::MemoryReadModel, prelude::*, telemetry::Capture};
use tokio::sync::mpsc;

use super::{
    bank::{Deposit, Thanks, WITHIN, accounts},
    child::Other,
};

/// Whether the one who writes keeps its trace; the context goes on in any case.
async fn through(url: &str, schema: &str, is_sampled: bool) {
    let capture = if is_sampled { Capture::new() } else { Capture::unsampled() };
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = capture.telemetry().observe(open(url, schema).await);
    let id = EventId::new();
    let told = [("ES_CHILD_URL", url), ("ES_CHILD_SCHEMA", schema)];
    let role = "telemetry::elsewhere::the_role_of_the_other_process";
    let mut other = Other::playing(role, &told);
    other.says("READY");
    accounts(&store).execute(id, &Deposit(5)).await.unwrap();
    let (linked, reaction) = (other.says("LINKED "), other.says("REACTION "));
    other.ends_well();

    let stream = StreamId::new("account", id).unwrap();
    let deposit = store.read(Read::stream(stream)).next().await.unwrap().unwrap();
    let context = deposit.metadata.traceparent().unwrap().to_owned();
    assert_eq!(linked, &context[3..52], "the trace and the span of the append");
    assert!(context.ends_with(if is_sampled { "-01" } else { "-00" }), "{context}");
    if is_sampled {
        let spans = capture.spans();
        let append = spans.iter().find(|span| span.name == "es.append account").unwrap();
        assert_eq!(linked, format!("{}-{}", append.trace, append.id));
    }
    // What the handler wrote there has the context of its own append, in the trace of its work.
    let stream = StreamId::new("letter", id).unwrap();
    let letter = store.read(Read::stream(stream)).next().await.unwrap().unwrap();
    assert_eq!(&letter.metadata.traceparent().unwrap()[3..52], reaction);
    assert_ne!(reaction[..32], linked[..32], "a trace of its own");
}

#[tokio::test]
async fn the_context_goes_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for is_sampled in [true, false] {
        let url = format!("sqlite:{}", folder.path().join(format!("{is_sampled}.db")).display());
        through(&url, "", is_sampled).await;
    }
}

#[cfg(feature = "postgres")]
#[test]
fn the_context_goes_through_postgres() {
    let url = async {
        let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        let url = url.unwrap_or_else(|| {
            es_testkit::skip("no PostgreSQL: run `cargo xtask test`, or set ES_TEST_POSTGRES_URL")
        });
        es_testkit::Fixture::new(url, ())
    };
    es_testkit::run(url, |url| async move {
        let schema = format!("trace_{}", std::process::id());
        through(&url, &schema, true).await;
        let no_tls = tokio_postgres::NoTls;
        let (client, connection) = tokio_postgres::connect(&url, no_tls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    });
}

/// The log that the two share; in a database, one of the test's own.
async fn open(url: &str, schema: &str) -> Store {
    #[cfg(feature = "postgres")]
    if !schema.is_empty() {
        let options = PostgresOptions::new().with_schema(schema).unwrap();
        return Store::new(PostgresStore::open_with(url, options).await.unwrap());
    }
    let _ = schema; // there is none in a file
    eventsource::open(url).await.unwrap()
}

/// Follows the log, reacts to one event that comes, and says what it was linked to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_of_the_other_process() {
    let Ok(url) = std::env::var("ES_CHILD_URL") else {
        return; // played by the tests above
    };
    let capture = Capture::new();
    tracing::dispatcher::set_global_default(capture.dispatch()).unwrap();
    let schema = std::env::var("ES_CHILD_SCHEMA").unwrap();
    let store = capture.telemetry().observe(open(&url, &schema).await);
    let (done, mut reacted) = mpsc::unbounded_channel();
    let thanks = Thanks { store: store.clone(), done };
    let runner = Runner::new(store).react(thanks, MemoryReadModel::new());
    let running = runner.start().unwrap();
    let live = async {
        while running.status("thanks").await.unwrap().state != eventsource::State::Live {
            tokio::task::yield_now().await;
        }
        while reacted.try_recv().is_ok() {}
    };
    tokio::time::timeout(WITHIN, live).await.unwrap();
    println!("READY");
    tokio::time::timeout(WITHIN, reacted.recv()).await.unwrap().unwrap();
    running.stop(WITHIN).await;
    let spans = capture.spans();
    let project = spans.iter().rfind(|span| span.name == "es.project thanks").unwrap();
    let (trace, span) = &project.links[0];
    println!("LINKED {trace}-{span}");
    let append = spans.iter().rfind(|span| span.name == "es.append letter").unwrap();
    assert_eq!(append.trace, project.trace);
    assert_eq!(append.parent.as_deref(), Some(project.id.as_str()));
    println!("REACTION {}-{}", append.trace, append.id);
}
