//! PostgreSQL: connections that are cut, deadlocks, a server without room or that takes no writes.

use eventsource::{
    CheckpointStore, PgTx, PostgresOptions, PostgresReadModel, SubscriberName,
    postgres::tokio_postgres::{self, Client, NoTls},
};

use super::*;

struct Bank {
    model: PostgresReadModel,
    client: Client,
    schema: String,
}

fn server() -> String {
    let url = std::env::var("ES_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
    url.unwrap_or_else(|| es_testkit::skip("no PostgreSQL"))
}

impl Bank {
    async fn open(case: &str) -> Self {
        Self::open_at(server(), case).await
    }

    async fn open_at(url: String, case: &str) -> Self {
        let schema = format!("trouble_{case}_{}", std::process::id());
        let options = PostgresOptions::new().with_schema(&schema).unwrap();
        let model = PostgresReadModel::open_with(&url, options).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let sql = format!(
            "CREATE TABLE {schema}.deposits (stream text PRIMARY KEY, times bigint); \
             INSERT INTO {schema}.deposits VALUES ('deposit/first', 0), ('deposit/second', 0)"
        );
        client.batch_execute(&sql).await.unwrap();
        Self { model, client, schema }
    }

    /// How often the event was written.
    async fn times(&self) -> i64 {
        let sql = format!(
            "SELECT coalesce(sum(times), 0)::bigint FROM {}.deposits WHERE stream = 'deposit/alice'",
            self.schema
        );
        self.client.query_one(&sql, &[]).await.unwrap().get(0)
    }

    async fn close(self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.schema);
        self.client.batch_execute(&sql).await.unwrap();
    }
}

/// Writes that the stream had an event, and before that does what `act` does, if anything, in the
/// first `fails` calls.
struct Handler<A> {
    schema: String,
    calls: Calls,
    fails: u32,
    act: A,
}

trait Act: Send + Sync + 'static {
    fn act(&self, tx: &PgTx) -> impl Future<Output = Result<(), BoxError>> + Send;
}

impl<A: Act> Projection for Handler<A> {
    const NAME: &'static str = "deposits";
    type Event = Deposit;
    type Tx = PgTx;

    async fn apply(&self, event: &Recorded<Deposit>, tx: &mut PgTx) -> Result<(), BoxError> {
        if self.calls.next() <= self.fails {
            self.act.act(tx).await?;
        }
        let sql = format!(
            "INSERT INTO {}.deposits AS d VALUES ($1, 1) \
             ON CONFLICT (stream) DO UPDATE SET times = d.times + 1",
            self.schema
        );
        tx.execute(&sql, &[&event.stream.to_string()]).await?;
        Ok(())
    }
}

async fn opened(case: &str) -> es_testkit::Fixture<Bank> {
    es_testkit::Fixture::new(Bank::open(case).await, ())
}

impl Bank {
    /// What is parked when `act` is done in the first `fails` calls of the handler, how often the
    /// handler was called, and how often the event was written.
    async fn tried<A: Act>(&self, fails: u32, act: A) -> (Vec<DeadLetter>, u32, i64) {
        let sql = format!("DELETE FROM {}.deposits WHERE stream = 'deposit/alice'", self.schema);
        self.client.batch_execute(&sql).await.unwrap();
        // The log is another one each time.
        let name = SubscriberName::from_static("deposits-v1");
        self.model.forget(&name).await.unwrap();
        let calls = Calls::new();
        let handler = Handler { schema: self.schema.clone(), calls: calls.clone(), fails, act };
        let letters = parked(handler, self.model.clone(), async {}).await;
        (letters, calls.count(), self.times().await)
    }
}

#[derive(Clone, Copy, Debug)]
enum Telling {
    DriversError,
    WordsOfItsOwn,
    Panic,
    Nothing,
}

/// Cuts the connection, and tells of it in one way or another.
struct Cut(Telling);

impl Act for Cut {
    async fn act(&self, tx: &PgTx) -> Result<(), BoxError> {
        let cut = tx.execute("SELECT pg_terminate_backend(pg_backend_pid())", &[]).await;
        let error = cut.expect_err("nobody is there to answer");
        match self.0 {
            Telling::DriversError => Err(error.into()),
            Telling::WordsOfItsOwn => Err("no balance".into()),
            Telling::Panic => panic!("no balance"),
            Telling::Nothing => Ok(()),
        }
    }
}

#[test]
fn a_connection_that_is_cut_parks_nothing() {
    es_testkit::run(opened("cut"), |bank: Bank| async move {
        use Telling::{DriversError, Nothing, Panic, WordsOfItsOwn};
        for telling in [DriversError, WordsOfItsOwn, Panic, Nothing] {
            let (letters, calls, times) = bank.tried(1, Cut(telling)).await;
            assert!(letters.is_empty(), "{telling:?}: {letters:?}");
            assert_eq!((calls, times), (2, 1), "{telling:?}");
        }
        bank.close().await;
    });
}

#[test]
fn an_event_that_cuts_its_connection_each_time_is_parked_in_the_end() {
    es_testkit::run(opened("cuts"), |bank: Bank| async move {
        let (letters, calls, times) = bank.tried(u32::MAX, Cut(Telling::DriversError)).await;
        assert_eq!((letters.len(), calls, times), (1, RETRIES + 1, 0), "{letters:?}");
        assert_eq!(letters[0].attempts, RETRIES + 1);
        bank.close().await;
    });
}

/// The server refuses, with this code.
#[derive(Clone, Copy)]
struct Refuse(&'static str);

impl Act for Refuse {
    async fn act(&self, tx: &PgTx) -> Result<(), BoxError> {
        let code = self.0;
        let sql = format!("DO $$BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{code}'; END$$");
        Ok(tx.batch_execute(&sql).await?)
    }
}

#[test]
fn what_was_in_the_way_is_tried_again_as_often_as_the_policy_says() {
    es_testkit::run(opened("way"), |bank: Bank| async move {
        for code in ["40001", "40P01", "55P03", "57014"] {
            let (letters, calls, times) = bank.tried(RETRIES, Refuse(code)).await;
            assert!(letters.is_empty(), "{code}: {letters:?}");
            assert_eq!((calls, times), (RETRIES + 1, 1), "{code}");
            let (letters, calls, times) = bank.tried(u32::MAX, Refuse(code)).await;
            assert_eq!((letters.len(), calls, times), (1, RETRIES + 1, 0), "{code}");
        }
        bank.close().await;
    });
}

#[test]
fn a_server_without_room_or_whose_disk_fails_is_waited_for() {
    es_testkit::run(opened("room"), |bank: Bank| async move {
        for code in ["53000", "53100", "53200", "58000", "58030", "58P01", "25006"] {
            let (letters, calls, times) = bank.tried(2 * RETRIES, Refuse(code)).await;
            assert!(letters.is_empty(), "{code}: {letters:?}");
            assert_eq!((calls, times), (2 * RETRIES + 1, 1), "{code}");
        }
        bank.close().await;
    });
}

#[test]
fn what_is_up_to_the_event_is_parked_at_once() {
    es_testkit::run(opened("event"), |bank: Bank| async move {
        for code in ["23505", "22012", "P0001", "42P01"] {
            let (letters, calls, times) = bank.tried(1, Refuse(code)).await;
            assert_eq!((letters.len(), calls, times), (1, 1, 0), "{code}");
        }
        let (letters, calls, times) = bank.tried(1, NoRow).await;
        assert_eq!((letters.len(), calls, times), (1, 1, 0), "no row is no lost reply");
        bank.close().await;
    });
}

/// Wants a row that is not there.
struct NoRow;

impl Act for NoRow {
    async fn act(&self, tx: &PgTx) -> Result<(), BoxError> {
        tx.query_one("SELECT 1 WHERE false", &[]).await?;
        Ok(())
    }
}

/// Sends a value that the statement does not take.
struct SendsNonsense;

impl Act for SendsNonsense {
    async fn act(&self, tx: &PgTx) -> Result<(), BoxError> {
        let statement = tx.prepare_cached("SELECT $1::bigint").await?;
        tx.send(&statement, vec![Box::new("a word")]);
        Ok(())
    }
}

#[test]
fn a_value_that_cannot_be_sent_is_up_to_the_event() {
    es_testkit::run(opened("sends"), |bank: Bank| async move {
        let (letters, calls, times) = bank.tried(1, SendsNonsense).await;
        assert_eq!((letters.len(), calls, times), (1, 1, 0));
        let cause = letters[0].cause.as_deref().unwrap();
        assert!(cause.contains("serializing parameter"), "{cause}");
        bank.close().await;
    });
}

/// Sends a statement that the server refuses, with this code.
struct SendsRefused {
    code: &'static str,
    schema: String,
}

impl Act for SendsRefused {
    async fn act(&self, tx: &PgTx) -> Result<(), BoxError> {
        let (schema, code) = (&self.schema, self.code);
        let refuse = format!(
            "CREATE OR REPLACE FUNCTION {schema}.refuse() RETURNS void LANGUAGE plpgsql AS \
             $$BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{code}'; END$$"
        );
        tx.batch_execute(&refuse).await?;
        let statement = tx.prepare_cached(&format!("SELECT {schema}.refuse()")).await?;
        tx.send(&statement, Vec::new());
        Ok(())
    }
}

#[test]
fn what_a_sent_statement_met_is_tried_again_as_often_as_the_policy_says() {
    es_testkit::run(opened("sent"), |bank: Bank| async move {
        let sends = |code| SendsRefused { code, schema: bank.schema.clone() };
        for code in ["40001", "57014"] {
            let (letters, calls, times) = bank.tried(RETRIES, sends(code)).await;
            assert!(letters.is_empty(), "{code}: {letters:?}");
            assert_eq!((calls, times), (RETRIES + 1, 1), "{code}");
            let (letters, calls, times) = bank.tried(u32::MAX, sends(code)).await;
            assert_eq!((letters.len(), calls, times), (1, RETRIES + 1, 0), "{code}");
        }
        let (letters, calls, times) = bank.tried(2 * RETRIES, sends("53100")).await;
        assert!(letters.is_empty(), "{letters:?}");
        assert_eq!((calls, times), (2 * RETRIES + 1, 1), "a full disk is waited for");
        bank.close().await;
    });
}

/// Goes for two rows that another transaction goes for in the other order.
struct Deadlock {
    schema: String,
    other: Arc<Client>,
}

impl Act for Deadlock {
    async fn act(&self, tx: &PgTx) -> Result<(), BoxError> {
        let mine = |name: &str| {
            format!("UPDATE {}.deposits SET times = 0 WHERE stream = 'deposit/{name}'", self.schema)
        };
        tx.batch_execute(&mine("first")).await?;
        self.other.batch_execute(&format!("BEGIN; {}", mine("second"))).await?;
        let pid = self.other.query_one("SELECT pg_backend_pid()", &[]).await?;
        let pid: i32 = pid.get(0);
        let other = Arc::clone(&self.other);
        let theirs = format!("{}; COMMIT", mine("first"));
        tokio::spawn(async move { other.batch_execute(&theirs).await });
        let waits = "SELECT pg_backend_pid() = ANY(pg_blocking_pids($1))";
        while !tx.query_one(waits, &[&pid]).await?.get::<_, bool>(0) {}
        // It is this transaction that notices, since the other one looks a day from now.
        tx.batch_execute(&format!("SET LOCAL deadlock_timeout = '1ms'; {}", mine("second")))
            .await?;
        Err("neither gave way".into())
    }
}

#[test]
fn a_deadlock_is_tried_again() {
    es_testkit::run(opened("deadlock"), |bank: Bank| async move {
        let url = std::env::var("ES_TEST_POSTGRES_URL").unwrap();
        let (other, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        other.batch_execute("SET deadlock_timeout = '1d'").await.unwrap();
        let act = Deadlock { schema: bank.schema.clone(), other: Arc::new(other) };
        let (letters, calls, times) = bank.tried(1, act).await;
        assert!(letters.is_empty(), "{letters:?}");
        assert_eq!((calls, times), (2, 1));
        bank.close().await;
    });
}

#[test]
fn a_disk_that_fails_in_the_commit_is_waited_for() {
    es_testkit::run(opened("commit"), |bank: Bank| async move {
        // A sequence counts on where a transaction is rolled back.
        let sql = format!(
            "CREATE SEQUENCE {0}.tries;
             CREATE FUNCTION {0}.fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('{0}.tries') <= {1} THEN
                     RAISE EXCEPTION 'as told' USING ERRCODE = '58030';
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON {0}.deposits
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {0}.fails()",
            bank.schema,
            2 * RETRIES
        );
        bank.client.batch_execute(&sql).await.unwrap();
        let (letters, calls, times) = bank.tried(0, Refuse("00000")).await;
        assert!(letters.is_empty(), "{letters:?}");
        assert_eq!((calls, times), (2 * RETRIES + 1, 1));
        bank.close().await;
    });
}

/// A database of its own, that can be told to take no writes.
struct Database {
    name: String,
    admin: Client,
}

impl Database {
    async fn make(url: &str) -> (Self, String) {
        let (admin, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let name = format!("trouble_reads_{}", std::process::id());
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (server, query) = url.split_once('?').unwrap_or((url, ""));
        let (server, _) = server.rsplit_once('/').unwrap();
        (Self { name: name.clone(), admin }, format!("{server}/{name}?{query}"))
    }

    /// As a failover does that lands on a standby: who is connected is cut, and whoever connects
    /// from now on is refused each write.
    async fn refuse_writes(&self) {
        let sql = format!(
            "ALTER DATABASE {0} SET default_transaction_read_only = on;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{0}'",
            self.name
        );
        self.admin.batch_execute(&sql).await.unwrap();
    }

    /// Nobody is cut: who is connected to the standby would stay there.
    async fn take_writes(&self) {
        let sql = format!("ALTER DATABASE {} RESET default_transaction_read_only", self.name);
        self.admin.batch_execute(&sql).await.unwrap();
    }

    async fn close(self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.admin.batch_execute(&sql).await.unwrap();
    }
}

struct Nothing;

impl Act for Nothing {
    async fn act(&self, _: &PgTx) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn a_server_that_takes_no_writes_is_waited_for() {
    let fixture = async {
        let (database, url) = Database::make(&server()).await;
        let bank = Bank::open_at(url.clone(), "reads").await;
        es_testkit::Fixture::new((database, bank, url), ())
    };
    es_testkit::run(fixture, |(database, bank, url)| async move {
        let (calls, schema) = (Calls::new(), bank.schema.clone());
        let handler =
            Handler { schema: schema.clone(), calls: calls.clone(), fails: 0, act: Nothing };
        let store = Store::new(MemoryStore::new());
        let log = store.head().await.unwrap().log;
        let name = SubscriberName::from_static("deposits-v1");

        // Nothing can be claimed.
        database.refuse_writes().await;
        let owner = eventsource::Owner::new("worker");
        let model = bank.model.clone();
        let refused = loop {
            // The connections that were cut are met first.
            let error = model.claim(&name, log, &owner).await.unwrap_err();
            if error.to_string().contains("read-only") {
                break error;
            }
        };
        assert_eq!(refused.kind(), eventsource::ErrorKind::Unavailable, "{refused}");
        let running = Runner::new(store.clone()).project_with(handler, model, policy());
        let running = running.start().unwrap();
        let first = store.append(deposit("alice", 5)).await.unwrap();
        database.take_writes().await;
        running.wait_for("deposits", &first, Duration::from_secs(120)).await.unwrap();

        // Neither rows nor a checkpoint can be written.
        database.refuse_writes().await;
        let second = store.append(deposit("alice", 5)).await.unwrap();
        calls.reach(calls.count() + 2 + 2 * RETRIES).await;
        database.take_writes().await;
        running.wait_for("deposits", &second, Duration::from_secs(120)).await.unwrap();
        let letters = running.dead_letters("deposits", Position::START, 10).await.unwrap();
        assert!(letters.is_empty(), "{letters:?}");
        running.stop(Duration::from_secs(10)).await;

        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        assert_eq!(Bank { client, ..bank }.times().await, 2);
        database.close().await;
    });
}
