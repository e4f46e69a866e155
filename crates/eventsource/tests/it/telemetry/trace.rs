//! One trace in one process: a command, its append, and the projection that is linked to it.

use std::time::Duration;

use eventsource::{
    MemoryStore, Owner, memory::MemoryReadModel, prelude::*, telemetry::Capture,
    telemetry::SeenSpan,
};
use tracing::Instrument;

use super::bank::{Deposit, Silent, WITHIN, accounts, store};

fn named<'a>(spans: &'a [SeenSpan], name: &str) -> Vec<&'a SeenSpan> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn a_command_is_a_trace_and_the_projection_is_linked_to_its_append() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = store(&capture, folder.path()).await;
    let running = Runner::new(store.clone())
        .owned_by(Owner::new("here"))
        .with_watch_interval(Duration::from_millis(10))
        .project(Silent, MemoryReadModel::new())
        .start()
        .unwrap();
    let ready = async {
        while running.status("silent").await.unwrap().epoch == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, ready).await.unwrap();

    let accounts = accounts(&store);
    let command = Deposit(5);
    let command = async { accounts.execute("alice", &command).await.unwrap() };
    let saved = command.instrument(tracing::info_span!("request")).await;
    running.wait_for("silent", &saved.receipt.unwrap(), WITHIN).await.unwrap();
    // The projection's span ends behind the commit that is waited for. Those of the command end
    // with the last part of them, which the thread that commits may hold for a moment longer.
    let all = [
        "request",
        "es.execute Deposit",
        "es.load account",
        "es.append account",
        "es.project silent",
    ];
    let ended = async {
        while {
            let spans = capture.spans();
            all.iter().any(|name| named(&spans, name).is_empty())
        } {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, ended).await.unwrap();

    let spans = capture.spans();
    let request = named(&spans, "request")[0];
    let execute = named(&spans, "es.execute Deposit")[0];
    let load = named(&spans, "es.load account")[0];
    let append = named(&spans, "es.append account")[0];
    let project = named(&spans, "es.project silent")[0];
    assert_eq!(execute.parent.as_deref(), Some(request.id.as_str()));
    assert_eq!(execute.attributes["es.attempts"], "1");
    assert_eq!(execute.attributes["es.result"], "ok");
    assert_eq!(execute.attributes["es.stream.id"], "account/alice");
    for part in [load, append] {
        assert_eq!(part.parent.as_deref(), Some(execute.id.as_str()), "{}", part.name);
        assert_eq!(part.trace, request.trace);
    }
    assert_eq!(project.kind, "Consumer");
    assert_eq!(project.links, [(append.trace.clone(), append.id.clone())]);
    assert_ne!(project.trace, append.trace, "a link and no parent");
    assert_eq!(project.parent, None);
    assert_eq!(project.attributes["es.projection"], "silent-v1");
    assert_eq!((&*project.attributes["es.from"], &*project.attributes["es.to"]), ("1", "1"));
    assert_eq!(project.attributes["es.event_count"], "1");
    assert_eq!(project.attributes["es.history"], "false");

    let silent = [("es.projection", "silent-v1")];
    assert_eq!(capture.sum("es.projection.events", &silent), 1.0);
    assert_eq!(capture.count("es.projection.duration", &silent), 1);
    assert_eq!(capture.count("es.execute.duration", &[("es.command", "Deposit")]), 1);
    assert_eq!(capture.sum("es.commit.appends", &[("es.store", "sqlite")]), 1.0);
    let took = capture.sum("es.commit.duration", &[("es.result", "ok")]);
    assert!(took > 0.0 && took < capture.sum("es.append.duration", &[]), "{took}");
    assert_eq!(capture.sum("es.append.queue.max", &[("es.store", "sqlite")]), 1_024.0);
    // On a busy machine what was known may be so no longer at the next look.
    let healthy = async {
        while capture.sum("es.projection.healthy", &silent) < 1.0
            || capture.count("es.projection.lag", &silent) != 1
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, healthy).await.unwrap();

    // What waits is seen: paused, it falls behind.
    running.pause("silent").unwrap();
    let mut last = None;
    for _ in 0..3 {
        last = accounts.execute("bob", &Deposit(1)).await.unwrap().receipt;
    }
    let behind = async {
        while capture.sum("es.projection.lag", &silent) != 3.0
            || capture.sum("es.projection.lag_time", &silent) <= 0.0
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, behind).await.unwrap();
    running.resume("silent").unwrap();
    running.wait_for("silent", &last.unwrap(), WITHIN).await.unwrap();
    running.stop(WITHIN).await;
    let spans = capture.spans();
    let links: Vec<_> =
        named(&spans, "es.project silent")[1..].iter().map(|s| s.links.len()).collect();
    assert_eq!(links.iter().sum::<usize>(), 3, "each append once: {links:?}");
}

#[tokio::test]
async fn more_than_128_causes_are_not_all_linked() {
    let capture = Capture::new();
    let _here = tracing::dispatcher::set_default(&capture.dispatch());
    let store = capture.telemetry().observe(MemoryStore::new());
    let model = MemoryReadModel::new();
    accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    Runner::new(store.clone()).project(Silent, model.clone()).catch_up().await.unwrap();
    for _ in 0..200 {
        accounts(&store).execute("alice", &Deposit(1)).await.unwrap();
    }
    // Two events of one append have one context.
    let two = (0..2).map(|_| super::bank::AccountEvent::Deposited { cents: 1 });
    let append = Append::to(StreamId::new("account", "bob").unwrap(), ExpectedVersion::Any);
    store.append(append.events(two)).await.unwrap();
    Runner::new(store).project(Silent, model).catch_up().await.unwrap();
    let spans = capture.spans();
    let projects = named(&spans, "es.project silent");
    assert_eq!(projects[0].links, [], "history");
    let counts: Vec<_> = projects[1..]
        .iter()
        .map(|span| (span.attributes["es.event_count"].parse::<usize>().unwrap(), span.links.len()))
        .collect();
    assert_eq!(counts.iter().map(|count| count.0).sum::<usize>(), 202, "{counts:?}");
    assert!(counts.iter().all(|(events, links)| *links <= (*events).min(128)), "{counts:?}");
    assert!(counts.iter().any(|count| count.1 == 128), "{counts:?}");
}
