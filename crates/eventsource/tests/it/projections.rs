//! Projections into real databases: each event takes effect once, whatever fails and whoever
//! takes over.
//!
//! The rows count how often each event was written, so that a second write shows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use eventsource::{
    BoxError, Error, ErrorKind, SubscriberName,
    prelude::*,
    projection::{Policy, Projection, Runner, wait_for},
};

const EVENTS: u64 = 1_500;
const STREAMS: u64 = 7;

#[derive(Clone, Debug, Event)]
#[event(prefix = "deposit")]
enum Deposit {
    Made { cents: u64 },
}

/// Fails at every fiftieth call, behind its write.
#[derive(Clone, Default)]
struct Luck(Arc<AtomicU64>);

impl Luck {
    fn runs_out(&self) -> Result<(), BoxError> {
        match self.0.fetch_add(1, Ordering::SeqCst) % 50 {
            49 => Err(Error::new(ErrorKind::Busy, "now and then").into()),
            _ => Ok(()),
        }
    }
}

fn patient() -> Policy {
    let (least, most) = (Duration::from_micros(1), Duration::from_micros(10));
    Policy::default().with_retries(1_000).with_backoff(least, most)
}

/// Publishes while workers come and go: each is left without a word, and the next one takes
/// over. The last one catches up.
async fn storm(store: &Store, runner: impl Fn(Store) -> Runner) {
    let publisher = store.clone();
    let publishing = tokio::spawn(async move {
        let mut last = None;
        for number in 0..EVENTS {
            let stream = StreamId::new("deposit", number % STREAMS).unwrap();
            let event = Deposit::Made { cents: 1 };
            let event = eventsource::NewEvent::of(&event).unwrap();
            // The same event again until it is known what became of it.
            last = Some(loop {
                let append = Append::to(stream.clone(), ExpectedVersion::Any);
                let append = append.event(event.clone());
                match publisher.append(append).await {
                    Ok(receipt) => break receipt,
                    Err(error) => assert!(
                        error.is_temporary() || error.kind() == ErrorKind::OutcomeUnknown,
                        "{error:?}"
                    ),
                }
            });
        }
        last.unwrap()
    });
    for worker in 1..=5 {
        let running = runner(store.clone()).start().unwrap();
        let enough = worker * EVENTS / 6;
        let mut log = store.follow(Read::all());
        while let Some(event) = log.next_event().await {
            match event {
                Ok(event) if event.position.get() >= enough => break,
                Ok(_) => {}
                Err(error) => assert!(error.is_temporary(), "{error:?}"),
            }
        }
        drop(running);
    }
    let receipt = publishing.await.unwrap();
    let running = runner(store.clone()).start().unwrap();
    running.wait_for("deposits", &receipt, Duration::from_secs(60)).await.unwrap();
    running.stop(Duration::from_secs(10)).await;
}

#[cfg(feature = "redis")]
mod redis;

#[cfg(feature = "sqlite")]
mod sqlite {
    use eventsource::sqlite::{SqliteReadModel, SqliteTx};

    use super::*;

    #[derive(Clone, Default)]
    struct Deposits(Luck);

    impl Projection for Deposits {
        const NAME: &'static str = "deposits";
        type Event = Deposit;
        type Tx = SqliteTx;

        async fn apply(
            &self,
            event: &Recorded<Deposit>,
            tx: &mut SqliteTx,
        ) -> Result<(), BoxError> {
            let Deposit::Made { cents } = event.event;
            tx.execute(
                "INSERT INTO deposits VALUES (?1, ?2, 1) \
                 ON CONFLICT (position) DO UPDATE SET writes = writes + 1",
                (event.position.get().cast_signed(), cents.cast_signed()),
            )?;
            self.0.runs_out()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_event_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.db");
        let store = eventsource::open(&format!("sqlite:{}", log.display())).await.unwrap();
        let model = SqliteReadModel::open(folder.path().join("rows.db")).await.unwrap();
        let table = "CREATE TABLE deposits \
                     (position INTEGER PRIMARY KEY, cents INTEGER, writes INTEGER)";
        model.write(move |connection| connection.execute_batch(table)).await.unwrap();
        let deposits = Deposits::default();
        storm(&store, |store| {
            Runner::new(store).project_with(deposits.clone(), model.clone(), patient())
        })
        .await;
        let sql = "SELECT count(*), sum(writes) FROM deposits";
        let counted = model
            .read(move |connection| {
                connection
                    .query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            })
            .await
            .unwrap();
        let events = EVENTS.cast_signed();
        assert_eq!(counted, (events, events), "each event once");
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::process;

    use eventsource::{
        PgTx, PostgresOptions, PostgresReadModel, PostgresStore, postgres::tokio_postgres,
    };

    use super::*;

    #[derive(Clone)]
    struct Deposits {
        luck: Luck,
        table: String,
    }

    impl Projection for Deposits {
        const NAME: &'static str = "deposits";
        type Event = Deposit;
        type Tx = PgTx;

        async fn apply(&self, event: &Recorded<Deposit>, tx: &mut PgTx) -> Result<(), BoxError> {
            let Deposit::Made { cents } = event.event;
            let sql = format!(
                "INSERT INTO {0} VALUES ($1, $2, 1) \
                 ON CONFLICT (position) DO UPDATE SET writes = {0}.writes + 1",
                self.table
            );
            let values = (event.position.get().cast_signed(), cents.cast_signed());
            tx.execute(&sql, &[&values.0, &values.1]).await?;
            self.luck.runs_out()
        }
    }

    #[test]
    fn each_event_is_written_once() {
        let url = async {
            let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
            let url = url.unwrap_or_else(|| es_testkit::skip("no PostgreSQL"));
            es_testkit::Fixture::new(url, ())
        };
        es_testkit::run(url, |url| async move {
            let schema = format!("projections_{}", process::id());
            let options = PostgresOptions::new().with_schema(&schema).unwrap();
            let store = PostgresStore::open_with(&url, options.clone()).await.unwrap();
            let store = Store::new(store);
            let model = PostgresReadModel::open_with(&url, options).await.unwrap();
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            let table = format!("{schema}.deposits");
            let sql = format!(
                "CREATE TABLE {table} (position bigint PRIMARY KEY, cents bigint, writes bigint)"
            );
            client.batch_execute(&sql).await.unwrap();
            let deposits = Deposits { luck: Luck::default(), table: table.clone() };
            storm(&store, |store| {
                Runner::new(store).project_with(deposits.clone(), model.clone(), patient())
            })
            .await;
            let sql = format!("SELECT count(*), sum(writes)::bigint FROM {table}");
            let row = client.query_one(&sql, &[]).await.unwrap();
            let counted = (row.get::<_, i64>(0), row.get::<_, i64>(1));
            let events = EVENTS.cast_signed();
            assert_eq!(counted, (events, events), "each event once");

            // From elsewhere: only the checkpoint is looked at.
            let receipt = store
                .append(
                    Append::to(StreamId::new("deposit", 0).unwrap(), ExpectedVersion::Exists)
                        .event(Deposit::Made { cents: 1 }),
                )
                .await
                .unwrap();
            let mut runner = Runner::new(store).project(deposits, model.clone());
            runner.catch_up().await.unwrap();
            let name = SubscriberName::new("deposits-v1").unwrap();
            wait_for(&model, &name, &receipt, Duration::from_secs(5)).await.unwrap();
            client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
        });
    }
}
