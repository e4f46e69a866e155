//! PostgreSQL: the log and the rows in one schema of their own.

use std::sync::Arc;

use eventsource::{
    PgTx, PostgresOptions, PostgresReadModel, PostgresStore,
    postgres::tokio_postgres::{self, Client, NoTls},
};

use super::{
    poison::poisoned,
    process::Killed,
    rebuild::{Versions, rebuilt_under_load},
    seam::seam,
    *,
};
use eventsource::projection::Rebuild;

#[derive(Clone)]
struct Postgres {
    log: PostgresStore,
    model: PostgresReadModel,
    client: Arc<Client>,
    schema: String,
}

#[derive(Clone)]
struct Into(String);

impl Into {
    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut PgTx) -> Result<(), BoxError> {
        let Deposit::Made { cents } = event.event;
        let (position, version) = (event.position.get(), event.version.get().cast_signed());
        let (position, cents) = (position.cast_signed(), cents.cast_signed());
        let Self(table) = self;
        let sql = format!(
            "INSERT INTO {table} AS t VALUES ($1, 1, $2) \
             ON CONFLICT (position) DO UPDATE SET writes = t.writes + 1"
        );
        tx.execute(&sql, &[&position, &cents]).await?;
        let sql = format!(
            "INSERT INTO {table}_streams AS t VALUES ($1, $2::bigint, $3, ($2::bigint <> 1::bigint)::int) \
             ON CONFLICT (stream) DO UPDATE SET last = excluded.last, \
             cents = t.cents + excluded.cents, \
             wrong = t.wrong + (t.last <> excluded.last - 1)::int"
        );
        let upsert = tx.prepare_cached(&sql).await?;
        let stream = event.stream.to_string();
        tx.send(&upsert, vec![Box::new(stream), Box::new(version), Box::new(cents)]);
        verdict(event)
    }
}

#[derive(Clone)]
struct Book<const I: usize>(Into);

impl<const I: usize> Projection for Book<I> {
    const NAME: &'static str = BOOKS[I];
    type Event = Deposit;
    type Tx = PgTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut PgTx) -> Result<(), BoxError> {
        self.0.apply(event, tx).await
    }
}

impl Bank for Postgres {
    type Model = PostgresReadModel;
    type Book<const I: usize> = Book<I>;

    fn store(&self) -> Store {
        Store::new(self.log.clone())
    }
    fn model(&self) -> PostgresReadModel {
        self.model.clone()
    }
    fn book<const I: usize>(&self) -> Book<I> {
        Book(Into(format!("{}.{}", self.schema, BOOKS[I])))
    }
    async fn rows(&self, table: &'static str) -> Rows {
        let mut rows = Rows::default();
        let sql = format!("SELECT * FROM {}.{table}", self.schema);
        for row in self.client.query(&sql, &[]).await.unwrap() {
            rows.written.insert(row.get(0), (row.get(1), row.get(2)));
        }
        for row in self.client.query(&format!("{sql}_streams"), &[]).await.unwrap() {
            rows.streams.insert(row.get(0), (row.get(1), row.get(2), row.get(3)));
        }
        rows
    }
}

fn url() -> Option<String> {
    std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}

async fn open(schema: &str) -> Postgres {
    let url = url().unwrap_or_else(|| es_testkit::skip("no PostgreSQL"));
    let options = PostgresOptions::new().with_schema(schema).unwrap();
    let log = PostgresStore::open_with(&url, options.clone()).await.unwrap();
    let model = PostgresReadModel::open_with(&url, options).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    Postgres { log, model, client: Arc::new(client), schema: schema.to_owned() }
}

/// Ends connections of the processes at random: replies to commits are lost.
async fn cut(schema: String) {
    let url = url().unwrap();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE query LIKE $1 AND application_name = 'eventsource' AND random() < 0.2";
    loop {
        process::pass(fastrand::u64(100..400)).await;
        client.execute(sql, &[&format!("%{schema}.book%")]).await.unwrap();
    }
}

/// Without a parent it has nothing to do.
#[test]
fn a_process_that_works() {
    role("postgres", |schema| async move { open(&schema).await });
}

#[test]
fn each_event_is_written_once_and_in_order() {
    let opened = async {
        let bank = open(&format!("chaos_{}", std::process::id())).await;
        es_testkit::Fixture::new(bank, ())
    };
    es_testkit::run(opened, |bank: Postgres| async move {
        let schema = bank.schema.clone();
        make_tables(&bank).await;
        let client = Arc::clone(&bank.client);
        let (role, books) = ("chaos::postgres::a_process_that_works", some_books());
        let workers = Workers::start(role, "postgres", &schema, books);
        let cutting = tokio::spawn(cut(schema.clone()));
        storm(bank, books, workers).await;
        cutting.abort();
        drop_schema(&client, &schema).await;
    });
}

async fn make_tables(bank: &Postgres) {
    let schema = &bank.schema;
    for table in BOOKS {
        let sql = format!(
            "CREATE TABLE {schema}.{table} \
             (position bigint PRIMARY KEY, writes bigint, cents bigint); \
             CREATE TABLE {schema}.{table}_streams \
             (stream text PRIMARY KEY, last bigint, cents bigint, wrong bigint)"
        );
        bank.client.batch_execute(&sql).await.unwrap();
    }
}

async fn drop_schema(client: &Client, schema: &str) {
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
}

async fn fixture(case: &str) -> es_testkit::Fixture<Postgres> {
    es_testkit::Fixture::new(open(&format!("{case}_{}", std::process::id())).await, ())
}

#[test]
fn there_is_no_seam_between_catching_up_and_live() {
    es_testkit::run(fixture("seam"), |bank: Postgres| async move {
        make_tables(&bank).await;
        let (client, schema) = (Arc::clone(&bank.client), bank.schema.clone());
        seam(bank).await;
        drop_schema(&client, &schema).await;
    });
}

#[test]
fn a_poison_stream_among_ten_thousand_delays_nobody() {
    es_testkit::run(fixture("poison"), |bank: Postgres| async move {
        make_tables(&bank).await;
        let (client, schema) = (Arc::clone(&bank.client), bank.schema.clone());
        poisoned(bank).await;
        drop_schema(&client, &schema).await;
    });
}

#[derive(Clone)]
struct Many<const V: u32>(String);

impl<const V: u32> Projection for Many<V> {
    const NAME: &'static str = "many";
    const VERSION: u32 = V;
    type Event = Deposit;
    type Tx = PgTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut PgTx) -> Result<(), BoxError> {
        let sql = format!("INSERT INTO {}.many_{V} VALUES ($1)", self.0);
        tx.execute(&sql, &[&event.position.get().cast_signed()]).await?;
        Ok(())
    }
}

impl<const V: u32> Rebuild for Many<V> {
    async fn verify(&self, tx: &mut PgTx) -> Result<(), BoxError> {
        let sql = format!("SELECT count(*) > 0 FROM {}.many_{V}", self.0);
        let is_full: bool = tx.query_one(&sql, &[]).await?.get(0);
        if is_full { Ok(()) } else { Err("there are no rows".into()) }
    }

    async fn swap(&self, tx: &mut PgTx) -> Result<(), BoxError> {
        let schema = &self.0;
        tx.batch_execute(&format!(
            "CREATE OR REPLACE VIEW {schema}.many AS \
             SELECT {V} AS version, m.* FROM {schema}.many_{V} m"
        ))
        .await?;
        Ok(())
    }
}

impl Versions for Postgres {
    type Model = PostgresReadModel;
    type First = Many<1>;
    type Second = Many<2>;

    fn store(&self) -> Store {
        Store::new(self.log.clone())
    }
    fn model(&self) -> PostgresReadModel {
        self.model.clone()
    }
    fn first(&self) -> Many<1> {
        Many(self.schema.clone())
    }
    fn second(&self) -> Many<2> {
        Many(self.schema.clone())
    }
    async fn seen(&self) -> (i64, i64) {
        let sql = format!("SELECT max(version)::bigint, count(*) FROM {}.many", self.schema);
        let row = self.client.query_one(&sql, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }
}

/// Without a parent it has nothing to do.
#[test]
fn a_process_that_rebuilds() {
    super::rebuild::role("postgres", |schema| async move { open(&schema).await });
}

#[test]
fn readers_see_whole_tables_while_a_version_is_rebuilt() {
    for slices in [1, 3] {
        let case = if slices == 1 { "rebuild" } else { "rebuild_slices" };
        es_testkit::run(fixture(case), move |bank: Postgres| async move {
            let (client, schema) = (Arc::clone(&bank.client), bank.schema.clone());
            for version in [1, 2] {
                let sql =
                    format!("CREATE TABLE {schema}.many_{version} (position bigint PRIMARY KEY)");
                client.batch_execute(&sql).await.unwrap();
            }
            let (role, place) = ("chaos::postgres::a_process_that_rebuilds", schema.clone());
            let start = move || Killed::start(role, "postgres", &place, slices.into());
            rebuilt_under_load(bank, slices, start).await;
            drop_schema(&client, &schema).await;
        });
    }
}
