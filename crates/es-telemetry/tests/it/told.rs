//! What others tell becomes measurements: each observation and each gauge with its values.

use std::{sync::Arc, time::Duration};

use es_core::{Gauge, GaugeSource, GroupWork, Observation, Outcome, SnapshotUse};
use es_telemetry::Capture;

use crate::checks::{all, store, write};

/// Has a value of each kind.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// Whether the lag is not known.
    pub(crate) is_blind: std::sync::atomic::AtomicBool,
}

impl GaugeSource for Values {
    fn gauges(&self, report: &mut dyn FnMut(Gauge<'_>)) {
        let is_blind = self.is_blind.load(std::sync::atomic::Ordering::SeqCst);
        report(Gauge::Queue { store: "sqlite", name: "sqlite:a.db", appends: 3, max: 8 });
        let name = "postgres://host/bank";
        let store = "postgresql";
        report(Gauge::Pool { store, name, used: 2, idle: 1, max: 4, waiting: 5 });
        report(Gauge::Messages { subscription: "mails", pending: 9 });
        report(Gauge::Subscriber {
            subscriber: "orders-v1",
            lag: (!is_blind).then_some(7),
            lag_time: (!is_blind).then_some(Duration::from_millis(1_500)),
            parked: 2,
            is_healthy: !is_blind,
        });
        report(Gauge::Relay {
            relay: "orders",
            lag: (!is_blind).then_some(6),
            lag_time: (!is_blind).then_some(Duration::from_millis(2_500)),
            parked_streams: 3,
            is_healthy: !is_blind,
        });
        let lag_time = Some(Duration::from_millis(3_500));
        let work = GroupWork { lag: 11, lag_time, pending: 4, dead_letters: 5 };
        let work = (!is_blind).then_some(work);
        report(Gauge::Group { topic: "shop", group: "stock", work, is_healthy: !is_blind });
    }
}

/// Tells one of each observation there is.
pub(crate) async fn everything(capture: &Capture) {
    let store = store(capture);
    write(&store, "account", 3).await;
    let events = all(&store).await;
    let took = Duration::from_millis(20);
    let observer = capture.telemetry().observer();
    let subscriber = "orders-v1";
    for observation in [
        Observation::Commit {
            store: "sqlite",
            appends: 12,
            waited: Duration::from_millis(5),
            took,
            is_committed: true,
        },
        Observation::Command {
            aggregate: "account",
            command: "Deposit",
            attempts: 3,
            outcome: Outcome::Ok,
            took,
        },
        Observation::Snapshot { aggregate: "account", used: SnapshotUse::Hit },
        Observation::WorkBegun { subscriber, events: &events, is_history: false },
        Observation::WorkDone { subscriber, handled: 2, took, is_ok: true },
        Observation::AttemptFailed { subscriber, stage: "handler" },
        Observation::Retried { subscriber, stage: "handler" },
        Observation::Diverged { subscriber },
        Observation::Parked { subscriber, events: 4 },
        Observation::Released { subscriber, is_skipped: false },
        Observation::Released { subscriber, is_skipped: true },
        Observation::PublishBegun { relay: "orders", events: &events, is_history: false },
        Observation::PublishDone { relay: "orders", published: 3, outcome: Outcome::Ok, took },
        Observation::ProcessBegun { subscription: "mails", event: &events[0] },
        Observation::ProcessDone {
            subscription: "mails",
            outcome: Outcome::Error,
            retries: 2,
            took,
        },
        Observation::DeadLetter { subscription: "mails" },
    ] {
        observer.observe(&observation);
    }
}

#[tokio::test]
async fn each_observation_has_its_metrics() {
    let capture = Capture::new();
    everything(&capture).await;
    let sqlite = [("es.store", "sqlite")];
    assert_eq!(capture.sum("es.commit.appends", &sqlite), 12.0);
    assert_eq!(capture.sum("es.commit.wait", &sqlite), 0.005);
    assert_eq!(capture.sum("es.commit.duration", &[sqlite[0], ("es.result", "ok")]), 0.02);
    let deposit = [("es.aggregate.type", "account"), ("es.command", "Deposit")];
    assert_eq!(capture.sum("es.execute.duration", &deposit), 0.02);
    assert_eq!(capture.count("es.execute.duration", &[("es.result", "ok")]), 1);
    assert_eq!(capture.sum("es.execute.retries", &deposit), 2.0);
    let hit = [("es.aggregate.type", "account"), ("es.result", "hit")];
    assert_eq!(capture.sum("es.snapshot.lookups", &hit), 1.0);
    let orders = ("es.projection", "orders-v1");
    assert_eq!(capture.sum("es.projection.batch", &[orders]), 3.0);
    assert_eq!(capture.sum("es.projection.events", &[orders]), 2.0);
    assert_eq!(capture.sum("es.projection.duration", &[orders]), 0.02);
    let handler = [orders, ("es.stage", "handler")];
    assert_eq!(capture.sum("es.projection.errors", &handler), 1.0);
    assert_eq!(capture.sum("es.projection.retries", &handler), 1.0);
    assert_eq!(capture.sum("es.log.regressions", &[]), 1.0);
    assert_eq!(capture.sum("es.projection.dead_letters", &[orders]), 4.0);
    for result in ["handled", "skipped"] {
        let of = [orders, ("es.result", result)];
        assert_eq!(capture.sum("es.projection.released", &of), 1.0);
    }
    let orders = ("messaging.destination.name", "orders");
    assert_eq!(capture.sum("messaging.client.sent.messages", &[orders]), 3.0);
    let publish = [orders, ("messaging.operation.name", "publish"), ("es.result", "ok")];
    assert_eq!(capture.sum("messaging.client.operation.duration", &publish), 0.02);
    let mails = ("messaging.consumer.group.name", "mails");
    assert_eq!(capture.sum("messaging.client.consumed.messages", &[mails]), 1.0);
    let failed = [mails, ("es.result", "error")];
    assert_eq!(capture.sum("messaging.process.duration", &failed), 0.02);
    assert_eq!(capture.sum("es.bus.retries", &[mails]), 2.0);
    assert_eq!(capture.sum("es.bus.dead_letters", &[mails]), 1.0);
}

#[tokio::test]
async fn gauges_are_asked_for_and_what_is_not_known_is_absent() {
    let capture = Capture::new();
    let values = Arc::new(Values::default());
    let source: Arc<dyn GaugeSource> = Arc::clone(&values) as _;
    capture.telemetry().observer().watch(Arc::downgrade(&source));
    drop(source);
    let log = [("es.store", "sqlite"), ("es.log", "sqlite:a.db")];
    assert_eq!(capture.sum("es.append.queue", &log), 3.0);
    assert_eq!(capture.sum("es.append.queue.max", &log), 8.0);
    let pool = ("db.client.connection.pool.name", "postgres://host/bank");
    for (state, count) in [("used", 2.0), ("idle", 1.0)] {
        let of = [pool, ("db.client.connection.state", state)];
        assert_eq!(capture.sum("db.client.connection.count", &of), count);
    }
    assert_eq!(capture.sum("db.client.connection.max", &[pool]), 4.0);
    assert_eq!(capture.sum("db.client.connection.pending_requests", &[pool]), 5.0);
    let mails = [("messaging.consumer.group.name", "mails")];
    assert_eq!(capture.sum("es.bus.pending", &mails), 9.0, "{:#?}", capture.points());
    let orders = [("es.projection", "orders-v1")];
    assert_eq!(capture.sum("es.projection.lag", &orders), 7.0);
    assert_eq!(capture.sum("es.projection.lag_time", &orders), 1.5);
    assert_eq!(capture.sum("es.projection.parked", &orders), 2.0);
    assert_eq!(capture.sum("es.projection.healthy", &orders), 1.0);
    let relay = [("messaging.destination.name", "orders")];
    let group = [("es.topic", "shop"), ("messaging.consumer.group.name", "stock")];
    let known = [
        ("es.relay.lag", &relay[..], 6.0),
        ("es.relay.lag_time", &relay, 2.5),
        ("es.relay.parked_streams", &relay, 3.0),
        ("es.relay.healthy", &relay, 1.0),
        ("es.bus.lag", &group, 11.0),
        ("es.bus.lag_time", &group, 3.5),
        ("es.bus.pending", &group, 4.0),
        ("es.bus.parked", &group, 5.0),
        ("es.bus.healthy", &group, 1.0),
    ];
    for (metric, of, value) in known {
        assert_eq!(capture.sum(metric, of), value, "{metric}");
    }

    values.is_blind.store(true, std::sync::atomic::Ordering::SeqCst);
    let points = capture.points();
    let has = |name: &str| points.iter().any(|point| point.metric == name);
    let unknown = ["es.projection.lag", "es.projection.lag_time", "es.relay.lag"];
    let unknown = unknown.into_iter().chain(["es.relay.lag_time", "es.bus.lag", "es.bus.lag_time"]);
    for metric in unknown.chain(["es.bus.parked"]) {
        assert!(!has(metric), "{metric} is not zero: {points:#?}");
    }
    for metric in ["es.projection.healthy", "es.relay.healthy", "es.bus.healthy"] {
        let healthy = points.iter().find(|point| point.metric == metric).unwrap();
        assert_eq!(healthy.value, 0.0, "{metric}");
    }

    drop(values);
    assert_eq!(capture.points(), [], "nobody is there to be asked");
}
