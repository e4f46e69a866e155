//! Statements that a PostgreSQL projection sends without waiting for their replies: they count
//! as its own, and one that fails parks its event and nothing else.

use std::time::Duration;

use eventsource::{
    BoxError, PgTx, PostgresOptions, PostgresReadModel, PostgresStore,
    postgres::tokio_postgres::{self, NoTls},
    prelude::*,
    projection::{Policy, Projection, Runner},
};

#[derive(Debug, Event)]
#[event(prefix = "deposit")]
enum Deposit {
    Made { cents: i64 },
}

struct Deposits(String);

impl Projection for Deposits {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = PgTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut PgTx) -> Result<(), BoxError> {
        let Deposit::Made { cents } = event.event;
        let sql = format!("INSERT INTO {}.deposits VALUES ($1, $2)", self.0);
        let insert = tx.prepare_cached(&sql).await?;
        let position = event.position.get().cast_signed();
        tx.send(&insert, vec![Box::new(position), Box::new(cents)]);
        Ok(())
    }
}

#[test]
fn a_statement_that_was_sent_and_fails_parks_its_event_alone() {
    let url = async {
        let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        es_testkit::Fixture::new(url.unwrap_or_else(|| es_testkit::skip("no PostgreSQL")), ())
    };
    es_testkit::run(url, |url: String| async move {
        let schema = format!("sent_{}", std::process::id());
        let options = PostgresOptions::new().with_schema(&schema).unwrap();
        let store = PostgresStore::open_with(&url, options.clone()).await.unwrap();
        let store = Store::new(store);
        let model = PostgresReadModel::open_with(&url, options).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let sql = format!(
            "CREATE TABLE {schema}.deposits (position bigint PRIMARY KEY, cents bigint CHECK (cents > 0))"
        );
        client.batch_execute(&sql).await.unwrap();
        for number in 1..=300_i64 {
            let stream = StreamId::new("deposit", number % 10).unwrap();
            let cents = if number == 77 { -1 } else { number };
            let append = Append::to(stream, ExpectedVersion::Any);
            store.append(append.event(Deposit::Made { cents })).await.unwrap();
        }
        let running = Runner::new(store.clone())
            .project_with(Deposits(schema.clone()), model, Policy::default().with_batch(100))
            .start()
            .unwrap();
        let stream = StreamId::new("deposit", 1).unwrap();
        let append = Append::to(stream, ExpectedVersion::Any).event(Deposit::Made { cents: 5 });
        let receipt = store.append(append).await.unwrap();
        running.wait_for("deposits", &receipt, Duration::from_secs(60)).await.unwrap();

        let letters = running.dead_letters("deposits", Position::START, 100).await.unwrap();
        let parked: Vec<u64> = letters.iter().map(|letter| letter.position.get()).collect();
        assert_eq!(parked, (77..=300).step_by(10).collect::<Vec<_>>(), "and those behind it");
        let cause = letters[0].cause.as_deref().unwrap();
        assert!(cause.contains("deposits_cents_check"), "{cause}");
        let sql = format!("SELECT count(*), sum(cents)::bigint FROM {schema}.deposits");
        let row = client.query_one(&sql, &[]).await.unwrap();
        let sum: i64 = (1..=300).filter(|number| *number < 77 || number % 10 != 7).sum();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (301 - 23, sum + 5));
        running.stop(Duration::from_secs(10)).await;
        client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    });
}
