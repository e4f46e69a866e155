//! Connections that are cut before, in and after a request, and backends that are ended.

use std::{net::ToSocketAddrs, sync::Arc, time::Duration};

use es_core::{
    Append, ErrorKind, EventId, ExpectedVersion, NewEvent, Position, Receipt, Store, StreamId,
    Version,
};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};
use es_testkit::servers::Proxy;
use fastrand::Rng;

use crate::{
    checks::{self, Seen, events, stream},
    server::{Schema, on_a_schema, on_partitions},
};

const TASKS: u64 = 8;

/// So many cuts by default; `ES_TEST_CUTS` says another number.
fn cuts(by_default: usize) -> usize {
    std::env::var("ES_TEST_CUTS").ok().map_or(by_default, |number| number.parse().unwrap())
}

/// A task that owns a stream and knows its version.
struct Writer {
    stream: StreamId,
    version: Option<Version>,
    /// Through the proxy, and around it.
    cut: Store,
    direct: Store,
    proxy: Arc<Proxy>,
    /// What its connections are called.
    name: String,
    admin: Client,
    rng: Rng,
    written: Vec<Seen>,
    unsettled: usize,
    stored: usize,
}

impl Writer {
    fn append(&self, events: &[NewEvent], within: Duration) -> Append {
        let expected = ExpectedVersion::exactly(self.version);
        Append::to(self.stream.clone(), expected).events(events.to_vec()).deadline(within)
    }

    /// Appends until all cuts are made.
    async fn run(mut self, within: impl Fn(&mut Rng) -> Duration, is_patient: bool) -> Self {
        while self.proxy.cuts_left() > 0 {
            let events = events(self.rng.usize(1..4));
            let within = within(&mut self.rng);
            let append = self.append(&events, within);
            let ends_one = self.rng.u8(..60) == 0;
            let (result, ()) = tokio::join!(self.cut.append(append), self.end_a_backend(ends_one));
            let receipt = match result {
                Ok(receipt) => receipt,
                Err(error) => {
                    assert!(!is_patient, "it had time to settle it: {error:?}");
                    self.settle(&error, &events).await
                }
            };
            self.wrote(&events, &receipt);
        }
        self
    }

    /// Finds out what became of an append, around the proxy, with the same events.
    async fn settle(&mut self, error: &es_core::Error, events: &[NewEvent]) -> Receipt {
        use ErrorKind::{Busy, OutcomeUnknown, Unavailable};
        let kind = error.kind();
        assert!(matches!(kind, Busy | OutcomeUnknown | Unavailable), "{error:?}");
        let append = self.append(events, Duration::from_secs(20));
        let receipt = self.direct.append(append).await.unwrap();
        self.unsettled += 1;
        if kind != OutcomeUnknown {
            assert!(!receipt.replayed, "it said that nothing was written: {error:?}");
        }
        self.stored += usize::from(receipt.replayed);
        receipt
    }

    fn wrote(&mut self, events: &[NewEvent], receipt: &Receipt) {
        let count = u64::try_from(events.len()).unwrap();
        let version = Version::after(self.version, count);
        assert_eq!(Some(receipt.version()), version, "nobody else writes to it");
        self.version = version;
        let ids = events.iter().map(|event| event.id);
        let places = (receipt.first.get()..).map(Position::new);
        self.written.extend::<Vec<(Position, EventId)>>(places.zip(ids).collect());
    }

    /// Ends one of the server's processes that work for the store.
    async fn end_a_backend(&self, ends_one: bool) {
        if ends_one {
            let sql = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = '{}' ORDER BY random() LIMIT 1",
                self.name()
            );
            self.admin.query(&sql, &[]).await.unwrap();
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Runs the storm, checks the log, and gives how many appends were not settled by the store
/// itself, and how many of those had been stored.
async fn storm(
    schema: &Schema,
    (seed, odds, cuts): (u64, usize, usize),
    within: impl Fn(&mut Rng) -> Duration + Copy + Send + 'static,
    is_patient: bool,
) -> (usize, usize) {
    let direct = schema.store().await;
    let (user, rest) = schema.url.split_once('@').unwrap();
    let (server, rest) = rest.split_once('/').unwrap();
    let server = server.to_socket_addrs().unwrap().next().unwrap();
    let proxy = Arc::new(Proxy::start(server).await);
    proxy.cut_randomly(seed, odds, cuts);
    let url = format!("{user}@{}/{rest}?application_name={}", proxy.address(), schema.name);
    let cut = loop {
        match PostgresStore::open_with(&url, schema.options()).await {
            Ok(store) => break Store::new(store),
            Err(error) => assert!(error.is_temporary(), "{error:?}"),
        }
    };
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let writer = Writer {
            stream: stream(&format!("cut-{number}")),
            version: None,
            cut: cut.clone(),
            direct: direct.clone(),
            proxy: Arc::clone(&proxy),
            name: schema.name.clone(),
            admin: schema.client().await,
            rng: Rng::with_seed(seed + number),
            written: Vec::new(),
            unsettled: 0,
            stored: 0,
        };
        tasks.push(tokio::spawn(writer.run(within, is_patient)));
    }
    let (mut written, mut unsettled, mut stored) = (Vec::new(), 0, 0);
    for task in tasks {
        let writer = task.await.unwrap();
        written.extend(writer.written);
        unsettled += writer.unsettled;
        stored += writer.stored;
    }
    written.sort_unstable();
    let log = checks::whole(&direct).await;
    checks::same(&written, &log).unwrap();
    println!("{} events, {unsettled} unsettled, of which {stored} were stored", log.len());
    (unsettled, stored)
}

#[test]
fn appends_with_time_settle_whatever_is_cut() {
    on_a_schema(|schema| async move {
        storm(&schema, (7, 40, cuts(150)), |_| Duration::from_secs(10), true).await;
    });
}

#[test]
fn so_do_appends_that_wait_for_partitions() {
    on_partitions(12, |schema| async move {
        storm(&schema, (9, 40, 80), |_| Duration::from_secs(20), true).await;
    });
}

#[test]
fn appends_without_time_say_truly_what_is_known() {
    on_a_schema(|schema| async move {
        let within = |rng: &mut Rng| Duration::from_millis(rng.u64(1..30));
        let (unsettled, stored) = storm(&schema, (8, 15, cuts(300)), within, false).await;
        assert!(unsettled > 20 && stored > 0, "{unsettled} unsettled, {stored} stored");
    });
}
