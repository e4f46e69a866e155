//! The detector of skips: many writers of every kind, readers that resume, and three wrong
//! designs that show that it detects.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use es_core::{Append, EventId, ExpectedVersion, Position, Read, Recorded, Store};
use es_store_postgres::{PostgresStore, tokio_postgres::Client};
use fastrand::Rng;

use crate::{
    checks::{self, LEVELS, Seen, events, stream},
    server::{Schema, on_a_schema, on_partitions},
};

const STORES: usize = 3;
const WRITERS: u64 = 32;
const READERS: u64 = 3;

/// What a writer knows of its events.
#[derive(Default)]
struct Known {
    written: Vec<Seen>,
    undone: Vec<EventId>,
}

struct Writer {
    own: PostgresStore,
    store: Store,
    client: Client,
    rng: Rng,
    known: Known,
}

impl Writer {
    async fn start(own: PostgresStore, schema: &Schema, seed: u64) -> Self {
        let (client, rng) = (schema.client().await, Rng::with_seed(seed));
        Self { store: Store::new(own.clone()), own, client, rng, known: Known::default() }
    }

    /// Any append: one event, several, or several streams.
    fn draw(&mut self) -> (Append, Vec<EventId>) {
        let mut ids = Vec::new();
        let mut some = |count| {
            let events = events(count);
            ids.extend(events.iter().map(|event| event.id));
            events
        };
        let key = |number: usize| stream(&format!("s{number}"));
        let (first, any) = (self.rng.usize(..40), ExpectedVersion::Any);
        let append = match self.rng.u8(..4) {
            0 | 1 => Append::to(key(first), any).events(some(1)),
            2 => Append::to(key(first), any).events(some(self.rng.usize(2..12))),
            _ => {
                let append = Append::to(key(first), any).events(some(self.rng.usize(1..4)));
                append
                    .and(key(first + 1), any)
                    .events(some(2))
                    .and(key(first + 2), any)
                    .events(some(1))
            }
        };
        (append, ids)
    }

    /// Appends once, some way, and gives how many events that were.
    async fn step(&mut self) -> u64 {
        let (append, ids) = self.draw();
        if self.rng.u8(..10) < 7 {
            let receipt = self.store.append(append).await.unwrap();
            return self.wrote(&ids, receipt.first);
        }
        let level = LEVELS[self.rng.usize(..3)];
        let begin = format!("BEGIN ISOLATION LEVEL {level}");
        self.client.batch_execute(&begin).await.unwrap();
        let receipt = match self.own.append_in(&self.client, append).await {
            Ok(receipt) => receipt,
            Err(error) => {
                assert!(error.is_temporary(), "{level}: {error:?}");
                self.client.batch_execute("ROLLBACK").await.unwrap();
                self.known.undone.extend(ids);
                return 0;
            }
        };
        if self.rng.bool() && self.client.batch_execute("COMMIT").await.is_ok() {
            return self.wrote(&ids, receipt.first);
        }
        self.client.batch_execute("ROLLBACK").await.unwrap();
        self.known.undone.extend(ids);
        0
    }

    fn wrote(&mut self, ids: &[EventId], first: Position) -> u64 {
        let places = (first.get()..).map(Position::new);
        self.known.written.extend(places.zip(ids.iter().copied()));
        u64::try_from(ids.len()).unwrap()
    }
}

/// Reads on and on from where it was, until `ended` and nothing more comes.
async fn resume(store: Store, seed: u64, ended: Arc<AtomicBool>) -> Vec<Seen> {
    let (mut rng, mut seen) = (Rng::with_seed(seed), Vec::<Seen>::new());
    loop {
        let is_last = ended.load(Ordering::SeqCst);
        let after = seen.last().map_or(Position::START, |(position, _)| *position);
        let mut found = store.read(Read::all().after(after).limit(rng.u64(1..400)));
        // At times it stops in the middle of what it was given.
        let most = if rng.bool() { usize::MAX } else { rng.usize(1..100) };
        let before = seen.len();
        while seen.len() - before < most
            && let Some(event) = found.next().await
        {
            let event: Recorded = event.unwrap();
            seen.push((event.position, event.id));
        }
        if is_last && seen.len() == before {
            return seen;
        }
    }
}

#[test]
fn no_reader_skips_anything_under_any_load() {
    on_a_schema(|schema| under_load(schema, 20_000));
}

#[test]
fn no_reader_skips_anything_in_partitions() {
    on_partitions(100, |schema| under_load(schema, 10_000));
}

async fn under_load(schema: Arc<Schema>, most: u64) {
    let most: u64 =
        std::env::var("ES_TEST_EVENTS").ok().map_or(most, |number| number.parse().unwrap());
    let mut stores = Vec::new();
    for _ in 0..STORES {
        stores.push(schema.open().await);
    }
    let (ended, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..READERS)
        .zip(&stores)
        .map(|(seed, own)| {
            let store = Store::new(own.clone());
            tokio::spawn(resume(store, seed, Arc::clone(&ended)))
        })
        .collect();
    let mut writers = Vec::new();
    for (seed, own) in (0..WRITERS).zip(stores.iter().cycle()) {
        let mut writer = Writer::start(own.clone(), &schema, seed).await;
        let count = Arc::clone(&count);
        writers.push(tokio::spawn(async move {
            while count.load(Ordering::Relaxed) < most {
                let events = writer.step().await;
                count.fetch_add(events, Ordering::Relaxed);
            }
            writer.known
        }));
    }
    let mut known = Known::default();
    for writer in writers {
        let of_one = writer.await.unwrap();
        known.written.extend(of_one.written);
        known.undone.extend(of_one.undone);
    }
    ended.store(true, Ordering::SeqCst);

    let log = checks::whole(&Store::new(stores.remove(0))).await;
    known.written.sort_unstable();
    checks::same(&known.written, &log).unwrap();
    assert!(!known.undone.is_empty(), "some were rolled back");
    for reader in readers {
        checks::same(&reader.await.unwrap(), &log).unwrap();
    }
}

/// A log of the test's own, with positions from a sequence that has been used before: the
/// first number of a fresh one gives its transaction an id, and hides the mistake.
struct Mutant {
    schema: Arc<Schema>,
    a: Client,
    b: Client,
    reader: Client,
    seen: Vec<Seen>,
}

impl Mutant {
    async fn on(schema: Arc<Schema>) -> Self {
        let (a, b, reader) = (schema.client().await, schema.client().await, schema.client().await);
        let name = &schema.name;
        let sql = format!(
            "CREATE SCHEMA {name}; CREATE SEQUENCE {name}.numbers; \
             CREATE TABLE {name}.wrong (position bigint PRIMARY KEY, xid xid8 NOT NULL \
             DEFAULT pg_current_xact_id(), id uuid NOT NULL DEFAULT gen_random_uuid()); \
             INSERT INTO {name}.wrong (position) VALUES (nextval('{name}.numbers')), \
             (nextval('{name}.numbers'))"
        );
        reader.batch_execute(&sql).await.unwrap();
        for client in [&a, &b, &reader] {
            client.batch_execute(&format!("SET search_path = {name}")).await.unwrap();
        }
        Self { schema, a, b, reader, seen: Vec::new() }
    }

    async fn number(client: &Client) -> i64 {
        client.query_one("SELECT nextval('numbers')", &[]).await.unwrap().get(0)
    }

    async fn insert(client: &Client, position: i64) {
        let sql = "INSERT INTO wrong (position) VALUES ($1)";
        client.execute(sql, &[&position]).await.unwrap();
    }

    /// Resumes behind `after` with the predicate of the design.
    async fn read(&mut self, after: i64, predicate: &str) {
        self.seen.extend(rows(&self.reader, after, predicate).await);
    }

    fn last(&self) -> i64 {
        self.seen.last().map_or(0, |(position, _)| position.get().cast_signed())
    }

    /// The check that the store has passed must fail here.
    async fn must_be_caught(self) {
        let log = rows(&self.reader, 0, "true").await;
        assert_eq!(log.len(), 4, "all was committed");
        let caught = checks::same_as(&self.seen, &log).unwrap_err();
        assert!(caught.contains("the log has"), "{caught}");
        drop(self.schema);
    }
}

async fn rows(client: &Client, after: i64, predicate: &str) -> Vec<Seen> {
    let sql = format!(
        "SELECT position, id::text FROM wrong WHERE position > {after} AND {predicate} \
         ORDER BY position"
    );
    let rows = client.query(&sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| {
            let id = row.get::<_, String>(1).parse().unwrap();
            (Position::new(row.get::<_, i64>(0).cast_unsigned()), EventId::from_uuid(id))
        })
        .collect()
}

#[test]
fn it_catches_a_bare_sequence() {
    on_a_schema(|schema| async move {
        let mut log = Mutant::on(schema).await;
        log.a.batch_execute("BEGIN").await.unwrap();
        let (three, four) = (Mutant::number(&log.a).await, Mutant::number(&log.b).await);
        Mutant::insert(&log.a, three).await;
        Mutant::insert(&log.b, four).await;
        log.read(0, "true").await;
        log.a.batch_execute("COMMIT").await.unwrap();
        log.read(log.last(), "true").await;
        log.must_be_caught().await;
    });
}

/// How far a reader has got is asked after its rows, of a newer snapshot than theirs.
#[test]
fn it_catches_a_fresh_epoch() {
    on_a_schema(|schema| async move {
        let mut log = Mutant::on(schema).await;
        log.read(0, "true").await;
        log.read(log.last(), "true").await;
        let (three, four) = (Mutant::number(&log.a).await, Mutant::number(&log.b).await);
        Mutant::insert(&log.a, three).await;
        let sql = "SELECT max(position) FROM wrong";
        let epoch: i64 = log.reader.query_one(sql, &[]).await.unwrap().get(0);
        Mutant::insert(&log.b, four).await;
        log.read(epoch, "true").await;
        log.must_be_caught().await;
    });
}

/// Only what is older than all running transactions is read, but ordered by a position that
/// is taken after the transaction's id.
#[test]
fn it_catches_an_early_transaction_id() {
    const SETTLED: &str = "xid < pg_snapshot_xmin(pg_current_snapshot())";
    on_a_schema(|schema| async move {
        let mut log = Mutant::on(schema).await;
        for client in [&log.b, &log.a] {
            let sql = "BEGIN; SELECT pg_current_xact_id()";
            client.batch_execute(sql).await.unwrap();
        }
        let (three, four) = (Mutant::number(&log.a).await, Mutant::number(&log.b).await);
        Mutant::insert(&log.a, three).await;
        Mutant::insert(&log.b, four).await;
        log.b.batch_execute("COMMIT").await.unwrap();
        // Other tests hold transactions too, which end.
        while log.last() < four {
            log.read(log.last(), SETTLED).await;
        }
        log.a.batch_execute("COMMIT").await.unwrap();
        log.read(log.last(), "true").await;
        log.must_be_caught().await;
    });
}
