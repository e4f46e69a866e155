//! Projections that are applied in the transaction of the append: rows and events together,
//! whoever else appends, and whatever fails.

mod holes;
mod turns;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use eventsource::{
    AppendIn, BoxError, CheckpointStore, DeadLetterStore, ErrorKind, Owner, ReadModel,
    SubscriberName,
    prelude::*,
    projection::{Inline, Projection, Replay, ReplayFrom, Runner, State, Subscriber, replay},
};

use turns::{
    commits_without_an_append_take_turns_with_appends,
    whoever_else_appends_nothing_is_lost_or_doubled,
};

/// What a projection under test shares with the test.
#[derive(Clone, Default)]
pub(crate) struct Told {
    seen: Arc<std::sync::Mutex<Vec<Recorded<Deposit>>>>,
    fails: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
}

impl Told {
    fn see(&self, event: &Recorded<Deposit>) -> Result<(), BoxError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err("it cannot".into());
        }
        self.seen.lock().unwrap().push(event.clone());
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Event)]
#[event(prefix = "deposit")]
pub(crate) enum Deposit {
    Made { cents: u64 },
}

/// A projection, its read model, and a look at its rows: how often each position was written.
pub(crate) trait Rows: Clone + Send + Sync + 'static {
    type Log: AppendIn<<Self::Model as ReadModel>::Tx> + Clone;
    type Model: ReadModel + DeadLetterStore + Clone;
    type Projection: Replay<Tx = <Self::Model as ReadModel>::Tx> + Clone;

    fn log(&self) -> Self::Log;
    fn model(&self) -> Self::Model;
    fn projection(&self) -> Self::Projection;
    fn told(&self) -> &Told;
    fn written(&self) -> impl Future<Output = BTreeMap<u64, u64>> + Send;
    fn written_in(
        &self,
        tx: &mut <Self::Model as ReadModel>::Tx,
    ) -> impl Future<Output = u64> + Send;
    fn execute(
        &self,
        sql: &'static str,
        tx: &mut <Self::Model as ReadModel>::Tx,
    ) -> impl Future<Output = ()> + Send;

    fn store(&self) -> Store {
        Store::new(self.log())
    }

    fn start(&self) -> impl Future<Output = eventsource::Result<InlineOf<Self>>> + Send {
        Inline::start(self.store(), self.log(), self.projection(), self.model())
    }
}

pub(crate) type InlineOf<R> = Inline<<R as Rows>::Log, <R as Rows>::Projection, <R as Rows>::Model>;

fn deposit(key: u64) -> Append {
    let stream = StreamId::new("deposit", key).unwrap();
    Append::to(stream, ExpectedVersion::Any).event(Deposit::Made { cents: key })
}

/// Panics unless each of the first `count` events was written once, and no other.
async fn assert_once<R: Rows>(rows: &R, count: u64) {
    assert_eq!(rows.written().await, (1..=count).map(|position| (position, 1)).collect());
}

pub(crate) async fn rows_and_events_come_together<R: Rows>(rows: R) {
    let (store, inline) = (rows.store(), rows.start().await.unwrap());
    let receipt = inline.append(deposit(1)).await.unwrap();
    assert_once(&rows, 1).await;
    let again = deposit(2).and(StreamId::new("other", 1).unwrap(), ExpectedVersion::NoStream);
    let again = again.event(Deposit::Made { cents: 7 }).event(Deposit::Made { cents: 8 });
    inline.append(again).await.unwrap();
    assert_once(&rows, 4).await;

    // The projection was given what the log has.
    let read = store.read_as::<Deposit>(Read::all()).into_vec().await.unwrap();
    assert_eq!(*rows.told().seen.lock().unwrap(), read);

    // In one transaction: read within, seen by nobody, committed or dropped with all of it.
    let mut tx = inline.begin().await.unwrap();
    tx.append(deposit(1)).await.unwrap();
    tx.append(deposit(3)).await.unwrap();
    assert_eq!(rows.written_in(&mut tx).await, 6);
    assert_once(&rows, 4).await;
    assert_eq!(store.head().await.unwrap().position.get(), 4);
    drop(tx);
    let mut tx = inline.begin().await.unwrap();
    tx.append(deposit(1)).await.unwrap();
    tx.append(deposit(3)).await.unwrap();
    tx.commit().await.unwrap();
    assert_once(&rows, 6).await;
    assert_eq!(store.head().await.unwrap().position.get(), 6);
    inline.begin().await.unwrap().commit().await.unwrap();

    // The receipt can be waited for from anywhere, and a status tells who works.
    let subscriber = Subscriber::of_projection(store, &rows.projection(), rows.model()).unwrap();
    subscriber.wait_for(&receipt, Duration::from_secs(5)).await.unwrap();
    let status = subscriber.with_silent_after(Duration::ZERO).status().await.unwrap();
    assert_eq!((status.state, status.position.get()), (State::Live, 6));
    assert!(!status.health.is_unhealthy(), "{}", status.health);
}

pub(crate) async fn what_cannot_be_applied_is_not_appended<R: Rows>(rows: R) {
    let (store, inline) = (rows.store(), rows.start().await.unwrap());
    inline.append(deposit(1)).await.unwrap();
    rows.told().fails.store(true, Ordering::SeqCst);
    let error = inline.append(deposit(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fault);
    assert!(error.to_string().contains("positions 2 to 2"), "{error}");
    let mut tx = inline.begin().await.unwrap();
    assert!(tx.append(deposit(1)).await.is_err());
    rows.told().fails.store(false, Ordering::SeqCst);
    assert_eq!(tx.append(deposit(1)).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Invalid, "its rows are missing");
    assert_eq!(store.head().await.unwrap().position.get(), 1);
    assert_once(&rows, 1).await;

    // A conflict can be gone on from.
    let stream = StreamId::new("deposit", 1).unwrap();
    let refused = Append::to(stream, ExpectedVersion::NoStream).event(Deposit::Made { cents: 1 });
    let mut tx = inline.begin().await.unwrap();
    assert_eq!(tx.append(refused).await.unwrap_err().kind(), ErrorKind::Conflict);
    tx.append(deposit(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_once(&rows, 2).await;

    // Appended again, it is a replay, and nothing is written twice.
    let event = NewEvent::of(&Deposit::Made { cents: 5 }).unwrap();
    let twice = || {
        let stream = StreamId::new("deposit", 5).unwrap();
        Append::to(stream, ExpectedVersion::NoStream).event(event.clone())
    };
    assert!(!inline.append(twice()).await.unwrap().replayed);
    assert!(inline.append(twice()).await.unwrap().replayed);
    assert_once(&rows, 3).await;
    store.append(twice()).await.unwrap();
    store.append(deposit(9)).await.unwrap();
    assert!(inline.append(twice()).await.unwrap().replayed);
    assert_once(&rows, 3).await;
    inline.append(deposit(9)).await.unwrap();
    assert_once(&rows, 5).await;
}

pub(crate) async fn runners_leave_it_alone_and_whoever_claims_fences_it<R: Rows>(rows: R) {
    let (store, inline) = (rows.store(), rows.start().await.unwrap());
    inline.append(deposit(1)).await.unwrap();
    store.append(deposit(2)).await.unwrap();
    let mut runner = Runner::new(store.clone()).project(rows.projection(), rows.model());
    let error = runner.catch_up().await.unwrap_err();
    assert!(error.to_string().contains("inline"), "{error}");
    assert_once(&rows, 1).await;

    // Between the append and the commit somebody claims it: events and rows are rolled back.
    let name = SubscriberName::from_static("deposits-v1");
    let (model, log) = (rows.model(), store.head().await.unwrap().log);
    // On SQLite a claim waits for the transaction, and comes before the append instead.
    model.claim(&name, log, &Owner::new("worker")).await.unwrap();
    let error = inline.append(deposit(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    assert_eq!(store.head().await.unwrap().position.get(), 2);
    assert_once(&rows, 1).await;

    // A replay gives it back to runners; then it is made inline anew.
    replay(&store, &rows.projection(), &rows.model(), ReplayFrom::Start).await.unwrap();
    assert_eq!(inline.append(deposit(3)).await.unwrap_err().kind(), ErrorKind::Fenced);
    runner.catch_up().await.unwrap();
    assert_once(&rows, 2).await;
    let inline = rows.start().await.unwrap();
    inline.append(deposit(3)).await.unwrap();
    assert_once(&rows, 3).await;
}

macro_rules! inline_tests {
    ($fixture:expr) => {
        inline_tests! { $fixture;
            rows_and_events_come_together
            what_cannot_be_applied_is_not_appended
            whoever_else_appends_nothing_is_lost_or_doubled
            runners_leave_it_alone_and_whoever_claims_fences_it
            commits_without_an_append_take_turns_with_appends
        }
    };
    ($fixture:expr; $($case:ident)*) => {
        inline_tests! { @ $fixture; [super]; $($case)* }
        mod holes {
            use super::*;

            inline_tests! { @ $fixture; [super::super::holes];
                an_append_that_was_rolled_back_to_a_savepoint_is_noticed
                rows_that_were_rolled_back_without_an_event_are_noticed
                an_append_past_it_in_its_own_transaction_is_noticed
                a_store_of_another_log_is_refused_also_later
                it_catches_up_when_it_is_started_however_far_behind
                conditions_hold_for_what_layers_make_of_old_events
            }
        }
    };
    (@ $fixture:expr; $path:tt; $($case:ident)*) => {$(
        inline_tests! { @@ $fixture; $path; $case }
    )*};
    (@@ $fixture:expr; [$($path:tt)*]; $case:ident) => {
        #[test]
        fn $case() {
            es_testkit::run($fixture(stringify!($case)), $($path)*::$case);
        }
    };
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use eventsource::{
        Position,
        sqlite::{SqliteReadModel, SqliteStore, SqliteTx},
    };

    use super::*;

    #[derive(Clone)]
    struct Sqlite {
        log: SqliteStore,
        model: SqliteReadModel,
        deposits: Deposits,
    }

    #[derive(Clone)]
    struct Deposits(Told);

    impl Projection for Deposits {
        const NAME: &'static str = "deposits";
        type Event = Deposit;
        type Tx = SqliteTx;

        async fn apply(
            &self,
            event: &Recorded<Deposit>,
            tx: &mut SqliteTx,
        ) -> Result<(), BoxError> {
            tx.execute(
                "INSERT INTO deposits VALUES (?1, 1) \
                 ON CONFLICT (position) DO UPDATE SET writes = writes + 1",
                [event.position.get().cast_signed()],
            )?;
            self.0.see(event)
        }
    }

    impl Replay for Deposits {
        async fn clear(&self, after: Position, tx: &mut SqliteTx) -> Result<(), BoxError> {
            let after = after.get().cast_signed();
            tx.execute("DELETE FROM deposits WHERE position > ?1", [after])?;
            Ok(())
        }
    }

    impl Rows for Sqlite {
        type Log = SqliteStore;
        type Model = SqliteReadModel;
        type Projection = Deposits;

        fn log(&self) -> SqliteStore {
            self.log.clone()
        }
        fn model(&self) -> SqliteReadModel {
            self.model.clone()
        }
        fn projection(&self) -> Deposits {
            self.deposits.clone()
        }
        fn told(&self) -> &Told {
            &self.deposits.0
        }
        async fn written(&self) -> BTreeMap<u64, u64> {
            let read = self.model.read(|connection| {
                let mut statement = connection.prepare("SELECT position, writes FROM deposits")?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect::<Result<Vec<(i64, i64)>, _>>()
            });
            let unsigned = |(p, w): (i64, i64)| (p.cast_unsigned(), w.cast_unsigned());
            read.await.unwrap().into_iter().map(unsigned).collect()
        }
        async fn written_in(&self, tx: &mut SqliteTx) -> u64 {
            let count = tx.query_row("SELECT count(*) FROM deposits", [], |row| row.get(0));
            i64::cast_unsigned(count.unwrap())
        }
        async fn execute(&self, sql: &'static str, tx: &mut SqliteTx) {
            tx.execute_batch(sql).unwrap();
        }
    }

    async fn fixture(_: &str) -> es_testkit::Fixture<Sqlite> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let log = SqliteStore::open(&file).await.unwrap();
        let model = SqliteReadModel::open(&file).await.unwrap();
        let table = "CREATE TABLE deposits (position INTEGER PRIMARY KEY, writes INTEGER)";
        model.write(move |connection| connection.execute_batch(table)).await.unwrap();
        let deposits = Deposits(Told::default());
        es_testkit::Fixture::new(Sqlite { log, model, deposits }, folder)
    }

    inline_tests!(fixture);
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::process;

    use eventsource::{
        PgTx, Position, PostgresOptions, PostgresReadModel, PostgresStore,
        postgres::tokio_postgres::{self, Client, NoTls},
    };

    use super::*;

    #[derive(Clone)]
    struct Postgres {
        log: PostgresStore,
        model: PostgresReadModel,
        deposits: Deposits,
        client: Arc<Client>,
    }

    #[derive(Clone)]
    struct Deposits {
        told: Told,
        table: String,
    }

    impl Projection for Deposits {
        const NAME: &'static str = "deposits";
        type Event = Deposit;
        type Tx = PgTx;

        async fn apply(&self, event: &Recorded<Deposit>, tx: &mut PgTx) -> Result<(), BoxError> {
            let sql = format!(
                "INSERT INTO {0} VALUES ($1, 1) \
                 ON CONFLICT (position) DO UPDATE SET writes = {0}.writes + 1",
                self.table
            );
            tx.execute(&sql, &[&event.position.get().cast_signed()]).await?;
            self.told.see(event)
        }
    }

    impl Replay for Deposits {
        async fn clear(&self, after: Position, tx: &mut PgTx) -> Result<(), BoxError> {
            let sql = format!("DELETE FROM {} WHERE position > $1", self.table);
            tx.execute(&sql, &[&after.get().cast_signed()]).await?;
            Ok(())
        }
    }

    impl Rows for Postgres {
        type Log = PostgresStore;
        type Model = PostgresReadModel;
        type Projection = Deposits;

        fn log(&self) -> PostgresStore {
            self.log.clone()
        }
        fn model(&self) -> PostgresReadModel {
            self.model.clone()
        }
        fn projection(&self) -> Deposits {
            self.deposits.clone()
        }
        fn told(&self) -> &Told {
            &self.deposits.told
        }
        async fn written(&self) -> BTreeMap<u64, u64> {
            let sql = format!("SELECT position, writes FROM {}", self.deposits.table);
            let rows = self.client.query(&sql, &[]).await.unwrap();
            let unsigned = |row: &tokio_postgres::Row, at| row.get::<_, i64>(at).cast_unsigned();
            rows.iter().map(|row| (unsigned(row, 0), unsigned(row, 1))).collect()
        }
        async fn written_in(&self, tx: &mut PgTx) -> u64 {
            let sql = format!("SELECT count(*) FROM {}", self.deposits.table);
            tx.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0).cast_unsigned()
        }
        async fn execute(&self, sql: &'static str, tx: &mut PgTx) {
            tx.batch_execute(sql).await.unwrap();
        }
    }

    /// Drops the schema when a case is over; one that fails leaves it there to be looked at.
    struct Schema(String, String);

    impl Drop for Schema {
        fn drop(&mut self) {
            if std::thread::panicking() {
                return;
            }
            let Self(url, schema) = self;
            let (url, sql) = (url.clone(), format!("DROP SCHEMA {schema} CASCADE"));
            let dropping = async move {
                let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(&sql).await.unwrap();
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            std::thread::spawn(move || runtime.unwrap().block_on(dropping)).join().unwrap();
        }
    }

    async fn fixture(case: &str) -> es_testkit::Fixture<Postgres> {
        let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        let url = url.unwrap_or_else(|| es_testkit::skip("no PostgreSQL"));
        let schema = format!("inline_{}_{}", process::id(), &case[..12]);
        let options = PostgresOptions::new().with_schema(&schema).unwrap();
        let log = PostgresStore::open_with(&url, options.clone()).await.unwrap();
        let model = PostgresReadModel::open_with(&url, options).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let table = format!("{schema}.deposits");
        let sql = format!("CREATE TABLE {table} (position bigint PRIMARY KEY, writes bigint)");
        client.batch_execute(&sql).await.unwrap();
        let deposits = Deposits { told: Told::default(), table };
        let rows = Postgres { log, model, deposits, client: Arc::new(client) };
        es_testkit::Fixture::new(rows, Schema(url, schema))
    }

    inline_tests!(fixture);
}
